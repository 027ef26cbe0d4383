//! What the measurement says: as a table for people, and as JSON with every number of every round.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path, time::Duration};

use anyhow::{Context as _, Result};
use fourleg_lab::unix_now;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    CONNECTIONS, Plan,
    cases::{Kind, Subject},
    load::Measured,
    machine::{self, Cores},
    numbers::{Spread, grouped, ratios},
};

/// What is wanted of tokens that are seen for the first time, as a multiple of jwt_authn without its cache.
const WANTED_NEW: f64 = 1.25;
/// What is wanted of a token that comes again, as a multiple of jwt_authn with its cache.
const WANTED_REPEATED: f64 = 1.0;

/// Above this share of the time, something else on the machine has spoiled the absolute numbers.
const MUCH_WAITING: f64 = 0.05;
/// Above this share of a core, the load could not have sent more.
const FULL: f64 = 0.95;

/// One case in one round. Latency in microseconds, shares of the time as fractions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    rate: f64,
    p50: f64,
    p99: f64,
    alone_p50: f64,
    alone_p99: f64,
    envoy_cpu_per_request: f64,
    envoy_busy: f64,
    envoy_waited: f64,
    load_busy: f64,
    load_waited: f64,
}

impl Sample {
    /// From the measurement under full load and the one with one request at a time.
    pub(crate) fn of(full: &Measured, alone: &Measured) -> Self {
        let requests = full.latency.len() as f64;
        let share = |part: Duration| part.as_secs_f64() / full.elapsed.as_secs_f64();
        let at = |measured: &Measured, quantile| measured.latency.value_at_quantile(quantile) as f64 / 1e3;
        Self {
            rate: requests / full.elapsed.as_secs_f64(),
            p50: at(full, 0.5),
            p99: at(full, 0.99),
            alone_p50: at(alone, 0.5),
            alone_p99: at(alone, 0.99),
            envoy_cpu_per_request: full.envoy.ran.as_secs_f64() * 1e6 / requests,
            envoy_busy: share(full.envoy.ran),
            envoy_waited: share(full.envoy.waited),
            load_busy: share(full.load.ran),
            load_waited: share(full.load.waited),
        }
    }

    fn to_json(self) -> Value {
        json!({
            "requests_per_second": self.rate,
            "full_load_latency_us": {"p50": self.p50, "p99": self.p99},
            "one_at_a_time_latency_us": {"p50": self.alone_p50, "p99": self.alone_p99},
            "envoy_cpu_us_per_request": self.envoy_cpu_per_request,
            "envoy": {"ran": self.envoy_busy, "waited_for_its_core": self.envoy_waited},
            "load": {"ran": self.load_busy, "waited_for_its_core": self.load_waited},
        })
    }
}

/// One case in all rounds.
pub(crate) struct Case {
    pub algorithm: &'static str,
    pub kind: Kind,
    pub token_bytes: usize,
    pub samples: Vec<Sample>,
    /// The share that a cache answered, where something counts it.
    pub from_cache: Option<f64>,
    /// What the filter counted itself.
    pub counters: BTreeMap<String, u64>,
}

impl Case {
    pub(crate) fn new(subject: &Subject<'_>, samples: Vec<Sample>) -> Result<Self> {
        Ok(Self {
            algorithm: subject.pool.algorithm_name(),
            kind: subject.kind,
            token_bytes: subject.pool.token_bytes,
            samples,
            from_cache: subject.cache_share()?,
            counters: subject.counters()?,
        })
    }

    fn all(&self, of: fn(&Sample) -> f64) -> Vec<f64> {
        self.samples.iter().map(of).collect()
    }

    fn median(&self, of: fn(&Sample) -> f64) -> f64 {
        Spread::of(self.all(of)).map_or(f64::NAN, |spread| spread.median)
    }
}

/// Everything that a run has found.
pub(crate) struct Report {
    pub plan: Plan,
    pub cores: Option<Cores>,
    pub envoy_version: String,
    /// The filter's module.
    pub module: Vec<u8>,
    pub cases: Vec<Case>,
    pub notes: Vec<String>,
}

/// What was wanted, and what was found.
struct Goal {
    algorithm: &'static str,
    what: &'static str,
    wanted: f64,
    found: Spread,
    /// The same by Envoy's processor time for a request, which hardly depends on what else the machine does.
    by_cpu: Option<Spread>,
}

impl Goal {
    /// By the median of the throughputs, unrounded.
    fn reached(&self) -> bool {
        self.found.median >= self.wanted
    }

    fn line(&self) -> String {
        format!(
            "{:<6} {:<52} wanted {:.2}, found {}: {} (by CPU time {})",
            self.algorithm,
            self.what,
            self.wanted,
            // More digits than in the table: 0.998 is not 1.
            ratio_with(self.found, 3),
            if self.reached() { "reached" } else { "NOT REACHED" },
            self.by_cpu.map_or("-".to_owned(), |ratio| ratio_with(ratio, 3)),
        )
    }
}

impl Report {
    /// Throughput of a case as a multiple of another of the same algorithm, round by round.
    fn ratio(&self, case: &Case, to: Kind) -> Option<Spread> {
        self.ratio_of(case, to, |sample| sample.rate)
    }

    fn ratio_of(&self, case: &Case, to: Kind, quantity: fn(&Sample) -> f64) -> Option<Spread> {
        let other = self.cases.iter().find(|other| other.algorithm == case.algorithm && other.kind == to)?;
        Spread::of(ratios(&case.all(quantity), &other.all(quantity)))
    }

    fn ratio_to_rival(&self, case: &Case) -> Option<Spread> {
        self.ratio(case, case.kind.rival()?)
    }

    fn goals(&self) -> Vec<Goal> {
        let goal = |case: &Case| {
            let (what, wanted) = match case.kind {
                Kind::AudienceNew => ("every token new, as a multiple of jwt_authn", WANTED_NEW),
                Kind::AudienceRepeated => ("one token, as a multiple of jwt_authn with its cache", WANTED_REPEATED),
                Kind::Bare | Kind::WasmNothing | Kind::JwtAuthn | Kind::JwtAuthnCached => return None,
            };
            let by_cpu = self.ratio_of(case, case.kind.rival()?, |sample| 1.0 / sample.envoy_cpu_per_request);
            Some(Goal { algorithm: case.algorithm, what, wanted, found: self.ratio_to_rival(case)?, by_cpu })
        };
        self.cases.iter().filter_map(goal).collect()
    }

    /// What a reader must know before believing the numbers.
    fn all_notes(&self) -> Vec<String> {
        let mut notes = self.notes.clone();
        let waited = |of: fn(&Sample) -> f64| self.cases.iter().map(|case| case.median(of)).fold(0.0, f64::max);
        let (envoy, load) = (waited(|sample| sample.envoy_waited), waited(|sample| sample.load_waited));
        if envoy.max(load) > MUCH_WAITING {
            notes.push(format!(
                "other programs had the cores, too: in the worst case Envoy waited {:.0} % of the time for its core, and \
                 the load {:.0} %. Do not quote these numbers; repeat it on an idle machine.",
                envoy * 100.0,
                load * 100.0
            ));
        }
        for case in &self.cases {
            let (load, envoy) = (case.median(|sample| sample.load_busy), case.median(|sample| sample.envoy_busy));
            if load > FULL && envoy < FULL {
                notes.push(format!(
                    "{}, {}: the load was at its limit ({:.0} % of its core) and Envoy was not ({:.0} %): Envoy can do more.",
                    case.algorithm,
                    case.kind.name(),
                    load * 100.0,
                    envoy * 100.0
                ));
            }
        }
        notes
    }

    fn cores_text(&self) -> String {
        match self.cores {
            Some(Cores { envoy, load }) => format!("Envoy on core {envoy}, the load on core {load}"),
            None => "Envoy and the load on one core".to_owned(),
        }
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let mut text = format!(
            "\nEnvoy {}, one worker; {} rounds, each case {} s under full load ({CONNECTIONS} connections) and {} s with one\n\
             request at a time; {}.\n\
             Median over the rounds (least–most). A ratio is one of the throughputs of the same round.\n",
            self.envoy_version,
            self.plan.rounds,
            self.plan.full.as_secs_f64(),
            self.plan.alone.as_secs_f64(),
            self.cores_text(),
        );
        let mut algorithms: Vec<(&str, usize)> =
            self.cases.iter().map(|case| (case.algorithm, case.token_bytes)).collect();
        algorithms.dedup();
        for (algorithm, bytes) in algorithms {
            let cases: Vec<&Case> = self.cases.iter().filter(|case| case.algorithm == algorithm).collect();
            self.write_throughput(&mut text, &format!("{algorithm}, tokens of {bytes} bytes"), &cases);
            write_latency(&mut text, &cases);
        }
        text.push_str("\nGoals\n");
        for goal in self.goals() {
            let _ = writeln!(text, "  {}", goal.line());
        }
        for note in self.all_notes() {
            let _ = writeln!(text, "Note: {note}");
        }
        text
    }

    fn write_throughput(&self, text: &mut String, title: &str, cases: &[&Case]) {
        let (rate, bare, rival) = ("requests/s", "x bare Envoy", "x jwt_authn alike");
        let _ = writeln!(text, "\n{title:<39} {rate:<26} {bare:<21} {rival}");
        for case in cases {
            let rate = Spread::of(case.all(|sample| sample.rate)).map_or(String::new(), |rate| {
                format!("{} ({}–{})", grouped(rate.median), grouped(rate.least), grouped(rate.most))
            });
            let bare = match case.kind {
                Kind::Bare => "1".to_owned(),
                _ => self.ratio(case, Kind::Bare).map_or(String::new(), ratio_text),
            };
            let rival = self.ratio_to_rival(case).map_or(String::new(), ratio_text);
            let line = format!("  {:<37} {rate:<26} {bare:<21} {rival}", case.kind.name());
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }

    /// For programs.
    fn to_json(&self) -> Value {
        let cases: Vec<Value> = self
            .cases
            .iter()
            .map(|case| {
                json!({
                    "algorithm": case.algorithm,
                    "case": case.kind.id(),
                    "token_bytes": case.token_bytes,
                    "requests_per_second": spread_json(Spread::of(case.all(|sample| sample.rate))),
                    "ratio_to_bare": spread_json(self.ratio(case, Kind::Bare)),
                    "ratio_to_jwt_authn": spread_json(self.ratio_to_rival(case)),
                    "answered_from_cache": case.from_cache,
                    "counters": case.counters,
                    "rounds": case.samples.iter().map(|sample| sample.to_json()).collect::<Vec<_>>(),
                })
            })
            .collect();
        let goals: Vec<Value> = self
            .goals()
            .iter()
            .map(|goal| {
                json!({
                    "algorithm": goal.algorithm,
                    "what": goal.what,
                    "wanted": goal.wanted,
                    "found": spread_json(Some(goal.found)),
                    "reached": goal.reached(),
                    "found_by_cpu_time": spread_json(goal.by_cpu),
                })
            })
            .collect();
        json!({
            "unix_time": unix_now(),
            "processor": machine::processor(),
            "cores": self.cores.map(|cores| json!({"envoy": cores.envoy, "load": cores.load})),
            "envoy": self.envoy_version,
            "module": {"bytes": self.module.len(), "sha256": hex(&Sha256::digest(&self.module))},
            "rounds": self.plan.rounds,
            "seconds": {"full_load": self.plan.full.as_secs_f64(), "one_at_a_time": self.plan.alone.as_secs_f64()},
            "connections": CONNECTIONS,
            "different_tokens": self.plan.pool,
            "cases": cases,
            "goals": goals,
            "notes": self.all_notes(),
        })
    }

    /// Writes the JSON, in place of that of the last run.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        if let Some(directory) = file.parent() {
            fs::create_dir_all(directory)?;
        }
        let text = serde_json::to_string_pretty(&self.to_json())?;
        fs::write(file, format!("{text}\n")).with_context(|| format!("cannot write {}", file.display()))
    }
}

fn write_latency(text: &mut String, cases: &[&Case]) {
    let (full, alone, cpu, cache) = ("full load p50/p99 µs", "one at a time p50/p99 µs", "Envoy CPU µs", "from cache");
    let _ = writeln!(text, "{:<39} {full:<26} {alone:<26} {cpu:<14} {cache}", "");
    for case in cases {
        let pair = |p50: fn(&Sample) -> f64, p99: fn(&Sample) -> f64| {
            format!("{} / {}", grouped(case.median(p50)), grouped(case.median(p99)))
        };
        let full = pair(|sample| sample.p50, |sample| sample.p99);
        let alone = pair(|sample| sample.alone_p50, |sample| sample.alone_p99);
        let cpu = grouped(case.median(|sample| sample.envoy_cpu_per_request));
        let cache = case.from_cache.map_or("-".to_owned(), |share| format!("{:.0} %", share * 100.0));
        let _ = writeln!(text, "  {:<37} {full:<26} {alone:<26} {cpu:<14} {cache}", case.kind.name());
    }
}

fn ratio_text(ratio: Spread) -> String {
    // Three decimals where two would say nothing.
    ratio_with(ratio, if ratio.median < 0.1 { 3 } else { 2 })
}

fn ratio_with(ratio: Spread, digits: usize) -> String {
    format!("{:.digits$} ({:.digits$}–{:.digits$})", ratio.median, ratio.least, ratio.most)
}

fn spread_json(spread: Option<Spread>) -> Value {
    spread.map_or(Value::Null, |Spread { median, least, most }| json!({"median": median, "least": least, "most": most}))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: Sample = Sample {
        rate: 0.0,
        p50: 1.0,
        p99: 2.0,
        alone_p50: 1.0,
        alone_p99: 2.0,
        envoy_cpu_per_request: 1.0,
        envoy_busy: 1.0,
        envoy_waited: 0.0,
        load_busy: 0.5,
        load_waited: 0.0,
    };

    fn case(kind: Kind, rates: &[f64]) -> Case {
        let samples = rates.iter().map(|rate| Sample { rate: *rate, ..SAMPLE }).collect();
        Case { algorithm: "RS256", kind, token_bytes: 700, samples, from_cache: None, counters: BTreeMap::new() }
    }

    fn report(cases: Vec<Case>) -> Report {
        let plan = Plan { rounds: 3, full: Duration::from_secs(3), alone: Duration::from_secs(1), pool: 1 };
        Report { plan, cores: None, envoy_version: "1".to_owned(), module: Vec::new(), cases, notes: Vec::new() }
    }

    #[test]
    fn each_goal_is_held_against_the_same_work_of_jwt_authn() {
        let report = report(vec![
            case(Kind::Bare, &[1000.0, 500.0, 1000.0]),
            case(Kind::JwtAuthn, &[400.0, 200.0, 400.0]),
            case(Kind::JwtAuthnCached, &[900.0, 450.0, 900.0]),
            case(Kind::AudienceNew, &[500.0, 250.0, 499.0]),
            case(Kind::AudienceRepeated, &[898.0, 447.0, 900.0]),
        ]);
        let [new, repeated] = &report.goals()[..] else { panic!("two goals") };
        assert_eq!((new.found.median, new.reached()), (1.25, true));
        assert!(!repeated.reached(), "0.998 is not 1");
        let bare = report.ratio(&report.cases[1], Kind::Bare).unwrap();
        assert_eq!(bare, Spread { median: 0.4, least: 0.4, most: 0.4 });
        assert!(report.table().contains("NOT REACHED"));
        assert_eq!(report.to_json().pointer("/goals/0/reached"), Some(&json!(true)));
    }

    #[test]
    fn a_load_at_its_limit_and_a_busy_machine_are_said() {
        let mut limited = case(Kind::Bare, &[1000.0]);
        limited.samples[0].load_busy = 0.99;
        limited.samples[0].envoy_busy = 0.7;
        assert!(report(vec![limited]).all_notes()[0].contains("the load was at its limit"));
        let mut disturbed = case(Kind::Bare, &[1000.0]);
        disturbed.samples[0].envoy_waited = 0.3;
        assert!(report(vec![disturbed]).all_notes()[0].contains("Envoy waited 30 %"));
        assert!(report(vec![case(Kind::Bare, &[1000.0])]).all_notes().is_empty());
    }
}
