//! Noting that something is used which is good for one request only.

use super::Handle;
use crate::{
    host::{self, Level},
    policy::Policy,
    single_use::{self, Spent, Use},
};

/// Makes a value that is not there yet, if nobody else does meanwhile. Not 1: the first value of a proxy's life gets that
/// as its own number, and a second worker that wants to make it would overwrite it.
const CREATE: u32 = u32::MAX;

/// How often the others may be first. Each of them has noted something, so it ends.
const MOST_TRIES: usize = 16;

impl<P: Policy> Handle<P> {
    /// Notes the first of these uses that is still there, and that the stream has used it. Whatever is wrong with shared
    /// data, nothing is used.
    pub(super) fn spend(&self, id: u32, uses: &[Use]) -> Spent {
        let spent = Self::note_first(uses);
        if let Some(stream) = self.0.borrow_mut().streams.get_mut(&id) {
            stream.is_spent |= spent == Spent::Now;
        }
        spent
    }

    fn note_first(uses: &[Use]) -> Spent {
        let mut outcome = Spent::Before;
        for wanted in uses {
            match Self::note(*wanted) {
                Ok(Spent::Now) => return Spent::Now,
                Ok(Spent::Before) => {}
                Ok(Spent::NoRoom) | Err(host::Refused(_)) => outcome = Spent::NoRoom,
            }
        }
        outcome
    }

    fn note(wanted: Use) -> Result<Spent, host::Refused> {
        // Not of the configuration: a use must not come back with a new one.
        let key = format!("fourleg.{}.used.{}", P::NAME, wanted.bucket());
        for _ in 0..MOST_TRIES {
            let (bucket, cas) = host::shared_data(&key)?.unwrap_or((Vec::new(), CREATE));
            let bucket = match single_use::note(&bucket, wanted, host::now()?) {
                Ok(bucket) => bucket,
                Err(outcome) => return Ok(outcome),
            };
            if host::set_shared_data(&key, &bucket, cas)? {
                return Ok(Spent::Now);
            }
        }
        host::log(Level::Warn, "a single use could not be noted: other workers are always first");
        Ok(Spent::NoRoom)
    }

    /// Whether the filter has a VM id: shared data is kept by it alone, so without one every module could forget uses.
    pub(super) fn has_a_vm_id() -> bool {
        host::property("plugin_vm_id").is_ok_and(|id| id.is_some_and(|id| !id.is_empty()))
    }
}
