//! The machine: which core does what, and how busy it is. Linux only, like the pinned Envoy.

use std::{fs, io, path::Path, time::Duration};

use anyhow::{Context as _, Result};
use rustix::{
    process::Pid,
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};

/// The two cores that are used, by the kernel's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cores {
    pub envoy: usize,
    pub load: usize,
}

impl Cores {
    /// Two cores on which this process may run; `None` if there is only one.
    pub(crate) fn choose() -> Result<Option<Self>> {
        let allowed = sched_getaffinity(None).context("the kernel does not tell the cores")?;
        let allowed: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect();
        Ok(Self::of(&allowed, &|core| {
            let path = format!("/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list");
            fs::read_to_string(path).unwrap_or_default().trim().to_owned()
        }))
    }

    /// The last core for Envoy, since the first ones serve most interrupts, and for the load one that is not its other
    /// hardware thread, if there is such a one: two threads of one core slow each other down.
    fn of(allowed: &[usize], siblings: &dyn Fn(usize) -> String) -> Option<Self> {
        let (envoy, others) = allowed.split_last()?;
        let of_another_core = others.iter().rev().find(|core| siblings(**core) != siblings(*envoy));
        let load = of_another_core.or_else(|| others.last())?;
        Some(Self { envoy: *envoy, load: *load })
    }
}

/// Keeps every thread of a process on one core.
pub(crate) fn pin_process(process: u32, core: usize) -> Result<()> {
    for thread in threads(process)? {
        pin(Pid::from_raw(thread), core)?;
    }
    Ok(())
}

/// Keeps the calling thread on one core.
pub(crate) fn pin_this_thread(core: usize) -> Result<()> {
    pin(None, core)
}

fn pin(thread: Option<Pid>, core: usize) -> Result<()> {
    let mut only = CpuSet::new();
    only.set(core);
    sched_setaffinity(thread, &only).with_context(|| format!("cannot keep a thread on core {core}"))
}

fn threads(process: u32) -> Result<Vec<i32>> {
    let directory = format!("/proc/{process}/task");
    let entries = fs::read_dir(&directory).with_context(|| format!("{directory} is gone"))?;
    Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

/// What the scheduler gave, by its own account: more exact than the ticks of `times`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CpuTime {
    /// How long it ran.
    pub ran: Duration,
    /// How long it could have run, but its core did something else.
    pub waited: Duration,
}

impl CpuTime {
    /// Of all threads of a process.
    pub(crate) fn of_process(process: u32) -> Result<Self> {
        let mut sum = Self::default();
        for thread in threads(process)? {
            let time = match Self::read(Path::new(&format!("/proc/{process}/task/{thread}/schedstat"))) {
                // A thread that ended since they were listed.
                Err(error) if error.downcast_ref().is_some_and(is_gone) => continue,
                time => time?,
            };
            sum.ran = sum.ran.saturating_add(time.ran);
            sum.waited = sum.waited.saturating_add(time.waited);
        }
        Ok(sum)
    }

    /// Of the calling thread.
    pub(crate) fn of_this_thread() -> Result<Self> {
        Self::read(Path::new("/proc/thread-self/schedstat"))
    }

    fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("no {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} is not what Linux writes there", path.display()))
    }

    /// "<ran> <waited> <slices>", the first two in nanoseconds.
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split_whitespace().map(|number| number.parse().ok().map(Duration::from_nanos));
        Some(Self { ran: numbers.next()??, waited: numbers.next()?? })
    }

    /// From an earlier reading to this one.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self { ran: self.ran.saturating_sub(earlier.ran), waited: self.waited.saturating_sub(earlier.waited) }
    }
}

/// Linux says either of them, by when the thread ended.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

/// Says that the machine does something else, before this adds to it.
pub(crate) fn busy_before() -> Option<String> {
    let load = fs::read_to_string("/proc/loadavg").ok()?;
    let load: f64 = load.split_whitespace().next()?.parse().ok()?;
    (load > 0.5).then(|| format!("the machine was busy before (load average {load}): absolute numbers are too low"))
}

/// The processor's name.
pub(crate) fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicBool, Ordering},
        thread,
    };

    use super::*;

    #[test]
    fn the_load_gets_another_core_and_not_a_sibling_if_it_can() {
        let alone = |core: usize| core.to_string();
        let in_pairs = |core: usize| format!("{}-{}", core / 2 * 2, core / 2 * 2 + 1);
        assert_eq!(Cores::of(&[0], &alone), None);
        assert_eq!(Cores::of(&[0, 1], &alone), Some(Cores { envoy: 1, load: 0 }));
        assert_eq!(Cores::of(&[0, 1], &in_pairs), Some(Cores { envoy: 1, load: 0 }));
        assert_eq!(Cores::of(&[0, 1, 2, 3], &in_pairs), Some(Cores { envoy: 3, load: 1 }));
    }

    #[test]
    fn scheduler_times_are_read_and_subtracted() {
        let before = CpuTime::parse("1000 10 3\n").unwrap();
        let after = CpuTime::parse("5000 30 9\n").unwrap();
        assert_eq!(after.since(before), CpuTime { ran: Duration::from_nanos(4000), waited: Duration::from_nanos(20) });
        assert_eq!(CpuTime::parse("1000"), None);
        // The kernel writes them at its next tick, so that a new thread may read zero.
        CpuTime::of_this_thread().unwrap();
        CpuTime::of_process(std::process::id()).unwrap();
    }

    #[test]
    fn a_thread_that_ends_while_they_are_read_is_left_out() {
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    thread::spawn(|| ()).join().unwrap();
                }
            });
            let read: Result<Vec<CpuTime>> = (0..5000).map(|_| CpuTime::of_process(std::process::id())).collect();
            done.store(true, Ordering::Relaxed);
            read.unwrap();
        });
    }
}
