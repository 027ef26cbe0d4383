//! How fast audience-validation is, beside Envoy's own `jwt_authn` and beside an Envoy that checks nothing.
//!
//! Every case has an Envoy of its own, with one worker, all of them at once; only one of them is under load at a time. A
//! round loads each for the same time, one after the other, and rounds follow each other, so that whatever else the
//! machine does falls on all cases alike. A ratio is always one of the same round. Absolute numbers say little about
//! another machine, and nothing while this one does something else: the report says if it did.

mod cases;
mod load;
mod machine;
mod numbers;
mod report;

use std::{fs, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Parser, ValueEnum};
use fourleg_lab::{
    envoy::{provision, target_dir},
    mint::Algorithm,
};

use cases::{Kind, Modules, Pool, Subject};
use machine::{Cores, CpuTime};
use report::{Case, Report, Sample};

#[derive(Parser)]
#[command(about = "Measures the filters on a real Envoy, beside Envoy's own")]
struct Arguments {
    /// What to measure.
    what: What,
    /// How often each case is measured [default: 5]
    #[arg(long)]
    rounds: Option<usize>,
    /// For how many seconds each case is under full load in each round [default: 3]
    #[arg(long)]
    seconds: Option<f64>,
    /// Two short rounds: shows that it works, not how fast anything is.
    #[arg(long)]
    quick: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// audience-validation against jwt_authn.
    Audience,
}

/// How many requests are on their way at once under full load: enough that Envoy never waits for one.
const CONNECTIONS: usize = 16;

/// Before each measurement, on the same connections, and not counted.
const WARM_UP: Duration = Duration::from_millis(200);

/// Before the first round: V8 compiles what is hot only after a while.
const FIRST_WARM_UP: Duration = Duration::from_secs(1);

/// How the measuring is done.
#[derive(Clone, Copy)]
struct Plan {
    rounds: usize,
    /// Under full load: throughput, and latency as it is then.
    full: Duration,
    /// With one request at a time: latency without waiting behind other requests.
    alone: Duration,
    /// How many different tokens there are where every token is new.
    pool: usize,
}

impl Plan {
    fn of(arguments: &Arguments) -> Result<Self> {
        let rounds = arguments.rounds.unwrap_or(if arguments.quick { 2 } else { 5 });
        let seconds = arguments.seconds.unwrap_or(if arguments.quick { 0.5 } else { 3.0 });
        ensure!(rounds > 0, "--rounds must be at least 1");
        ensure!((0.1..=600.0).contains(&seconds), "--seconds must be between 0.1 and 600");
        let full = Duration::from_secs_f64(seconds);
        let pool = if arguments.quick { cases::SMALL_POOL } else { cases::POOL };
        Ok(Self { rounds, full, alone: Duration::from_secs_f64(seconds / 4.0), pool })
    }

    fn takes(&self, cases: usize) -> Duration {
        let cases = u32::try_from(cases).unwrap_or(u32::MAX);
        let rounds = u32::try_from(self.rounds).unwrap_or(u32::MAX);
        let round = self.full.saturating_add(self.alone).saturating_add(WARM_UP.saturating_mul(2));
        round.saturating_mul(rounds).saturating_add(FIRST_WARM_UP).saturating_mul(cases)
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let plan = Plan::of(&arguments)?;
    match arguments.what {
        What::Audience => audience(plan),
    }
}

fn audience(plan: Plan) -> Result<()> {
    let modules = Modules::prepare(target_dir().join("wasm/audience_validation.wasm"), &target_dir().join("bench"))?;
    let binary = provision(&say)?;
    let mut notes: Vec<String> = machine::busy_before().into_iter().collect();
    notes.iter().for_each(|note| say(note));

    say(&format!("signing {} tokens for each algorithm", plan.pool));
    let pools = [Pool::sign(Algorithm::Rs256, plan.pool)?, Pool::sign(Algorithm::Es256, plan.pool)?];

    let cores = Cores::choose()?;
    let mut subjects = Vec::new();
    for pool in &pools {
        for kind in Kind::ALL {
            subjects.push(Subject::start(&binary, &modules, kind, pool)?);
        }
    }
    match cores {
        Some(cores) => {
            for subject in &subjects {
                machine::pin_process(subject.process(), cores.envoy)?;
            }
            machine::pin_this_thread(cores.load)?;
        }
        None => notes.push("only one core: Envoy and the load share it, and every number is too low".to_owned()),
    }
    for subject in &subjects {
        subject.check().with_context(|| subject.name())?;
    }
    say("every case lets the good token pass and, where anything looks at it, refuses forged ones");

    let samples = measure(plan, &subjects)?;
    for subject in &subjects {
        // The caches are full now: a forged token must not profit from that.
        subject.check().with_context(|| format!("{}, after the load", subject.name()))?;
    }
    let cases = subjects.iter().zip(samples).map(|(subject, samples)| Case::new(subject, samples));
    let cases = cases.collect::<Result<Vec<_>>>()?;
    let report = Report {
        plan,
        cores,
        envoy_version: binary.version()?,
        module: fs::read(&modules.audience_validation)?,
        cases,
        notes,
    };
    println!("{}", report.table());
    let file = target_dir().join("bench/audience.json");
    report.write(&file)?;
    println!("All numbers of every round: {}", file.display());
    Ok(())
}

/// The samples of each subject, one for each round.
fn measure(plan: Plan, subjects: &[Subject<'_>]) -> Result<Vec<Vec<Sample>>> {
    say(&format!("measuring: about {} s", plan.takes(subjects.len()).as_secs()));
    for subject in subjects {
        run(subject, CONNECTIONS, FIRST_WARM_UP)?;
        subject.start_to_count()?;
    }
    let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); subjects.len()];
    for round in 1..=plan.rounds {
        say(&format!("round {round} of {}", plan.rounds));
        for (subject, samples) in subjects.iter().zip(&mut samples) {
            let full = run(subject, CONNECTIONS, plan.full)?;
            let alone = run(subject, 1, plan.alone)?;
            samples.push(Sample::of(&full, &alone));
        }
    }
    for subject in subjects {
        subject.check_that_new_tokens_were_new()?;
    }
    Ok(samples)
}

fn run(subject: &Subject<'_>, connections: usize, time: Duration) -> Result<load::Measured> {
    let cpu = || Ok((CpuTime::of_process(subject.process())?, CpuTime::of_this_thread()?));
    let measured = load::run(subject.address(), &subject.tokens, connections, WARM_UP, time, &cpu)
        .with_context(|| subject.name())?;
    if !measured.refused.is_empty() {
        bail!("{}: answers that were not 200, by status: {:?}", subject.name(), measured.refused);
    }
    ensure!(!measured.latency.is_empty(), "{}: no answer within {time:?}", subject.name());
    Ok(measured)
}

fn say(line: &str) {
    eprintln!("[bench] {line}");
}
