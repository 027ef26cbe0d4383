//! `proxy_get_shared_data` and `proxy_set_shared_data`: one store for the whole process, keyed by VM id alone.

use std::collections::HashMap;

use super::abi::Status;

#[derive(Debug, Default)]
pub(crate) struct SharedData {
    values: HashMap<(String, Vec<u8>), (Vec<u8>, u32)>,
    last_cas: u32,
}

impl SharedData {
    pub(crate) fn get(&self, vm_id: &str, key: &[u8]) -> Option<(Vec<u8>, u32)> {
        self.values.get(&(vm_id.to_owned(), key.to_vec())).cloned()
    }

    /// A `cas` of 0 overwrites; any other must be the value's own, but is not looked at where there is no value
    /// yet (so that a non-zero one creates atomically).
    pub(crate) fn set(&mut self, vm_id: &str, key: &[u8], value: &[u8], cas: u32) -> Status {
        let key = (vm_id.to_owned(), key.to_vec());
        if let Some((_, current)) = self.values.get(&key)
            && cas != 0
            && cas != *current
        {
            return Status::CasMismatch;
        }
        self.last_cas += 1;
        self.values.insert(key, (value.to_vec(), self.last_cas));
        Status::Ok
    }
}
