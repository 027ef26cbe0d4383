//! Counters, gauges and histograms, by name for the whole process. An id carries its kind in the low bits, as in
//! Envoy; ids are each VM's own there and global here, which no filter can tell.

use std::collections::BTreeMap;

use super::abi::Status;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// The values of all metrics that filters have defined.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    ids: Vec<(Kind, String)>,
    values: BTreeMap<(Kind, String), u64>,
}

impl Metrics {
    pub(crate) fn define(&mut self, kind: u32, name: &str) -> Result<u32, Status> {
        let metric_kind = kind;
        let kind = match kind {
            0 => Kind::Counter,
            1 => Kind::Gauge,
            2 => Kind::Histogram,
            _ => return Err(Status::BadArgument),
        };
        let metric = (kind, name.to_owned());
        self.values.entry(metric.clone()).or_insert(0);
        self.ids.push(metric);
        let index = u32::try_from(self.ids.len()).expect("too many metrics");
        Ok(index << 2 | metric_kind)
    }

    pub(crate) fn get(&self, id: u32) -> Result<u64, Status> {
        let metric = self.metric(id)?;
        match metric.0 {
            Kind::Histogram => Err(Status::BadArgument),
            Kind::Counter | Kind::Gauge => Ok(self.values.get(metric).copied().unwrap_or_default()),
        }
    }

    /// Counters add, gauges and histograms take the value.
    pub(crate) fn record(&mut self, id: u32, value: u64) -> Status {
        self.change(id, |kind, old| match kind {
            Kind::Counter => Ok(old.wrapping_add(value)),
            Kind::Gauge | Kind::Histogram => Ok(value),
        })
    }

    /// Counters refuse to go down or stand still.
    pub(crate) fn increment(&mut self, id: u32, offset: i64) -> Status {
        self.change(id, |kind, old| match kind {
            Kind::Counter if offset <= 0 => Err(Status::BadArgument),
            Kind::Histogram => Err(Status::BadArgument),
            Kind::Counter | Kind::Gauge => Ok(old.wrapping_add_signed(offset)),
        })
    }

    /// The value of a counter or gauge by its full name.
    pub(crate) fn by_name(&self, name: &str) -> Option<u64> {
        self.values.iter().find(|((_, n), _)| n == name).map(|(_, value)| *value)
    }

    /// Names and values of all.
    pub(crate) fn all(&self) -> Vec<(String, u64)> {
        self.values.iter().map(|((_, name), value)| (name.clone(), *value)).collect()
    }

    fn metric(&self, id: u32) -> Result<&(Kind, String), Status> {
        if id & 3 == 3 {
            return Err(Status::BadArgument);
        }
        let index = (id >> 2) as usize;
        index.checked_sub(1).and_then(|index| self.ids.get(index)).ok_or(Status::NotFound)
    }

    fn change(&mut self, id: u32, with: impl FnOnce(Kind, u64) -> Result<u64, Status>) -> Status {
        let metric = match self.metric(id) {
            Ok(metric) => metric.clone(),
            Err(status) => return status,
        };
        let old = self.values.get(&metric).copied().unwrap_or_default();
        match with(metric.0, old) {
            Ok(new) => {
                self.values.insert(metric, new);
                Status::Ok
            }
            Err(status) => status,
        }
    }
}
