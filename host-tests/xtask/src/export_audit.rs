//! A module exports what the driver of filter-kit has work for, all of it and nothing else.
//!
//! One too many costs every request, or every chunk of an answer, a call into the VM. One too few the proxy takes for "go
//! on": without `proxy_on_request_body`, say, no body would be looked at.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use wasmparser::{Parser, Payload};

/// What `plugins/shared/filter-kit/src/driver/exports.rs` defines, and the memory.
const EXPORTS: [&str; 14] = [
    "_initialize",
    "memory",
    "proxy_abi_version_0_2_1",
    "proxy_on_configure",
    "proxy_on_context_create",
    "proxy_on_delete",
    "proxy_on_http_call_response",
    "proxy_on_memory_allocate",
    "proxy_on_queue_ready",
    "proxy_on_request_body",
    "proxy_on_request_headers",
    "proxy_on_request_trailers",
    "proxy_on_response_headers",
    "proxy_on_tick",
];

/// Checks the exports of a module.
///
/// # Errors
/// Names each export that is missing, and each that is too many.
pub(crate) fn check(name: &str, module: &[u8]) -> Result<()> {
    let mut found = BTreeSet::new();
    for payload in Parser::new(0).parse_all(module) {
        let Payload::ExportSection(exports) = payload.with_context(|| format!("{name} is no wasm module"))? else {
            continue;
        };
        for export in exports {
            found.insert(export.with_context(|| format!("{name} has a broken export section"))?.name);
        }
    }
    let expected = BTreeSet::from(EXPORTS);
    let missing: Vec<&str> = expected.difference(&found).copied().collect();
    if !missing.is_empty() {
        bail!("{name} does not export {}", missing.join(", "));
    }
    let unexpected: Vec<&str> = found.difference(&expected).copied().collect();
    if !unexpected.is_empty() {
        bail!("{name} exports what nobody needs: {}", unexpected.join(", "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module with one function of type `() -> ()`, exported under these names.
    fn exporting(names: &[&str]) -> Vec<u8> {
        let mut exports = vec![u8::try_from(names.len()).unwrap()];
        for name in names {
            exports.push(u8::try_from(name.len()).unwrap());
            exports.extend(name.bytes());
            exports.extend([0, 0]);
        }
        let mut bytes = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07".to_vec();
        // The size in LEB128: up to 16383 bytes.
        let size = exports.len();
        bytes.extend([u8::try_from(size & 0x7f).unwrap() | 0x80, u8::try_from(size >> 7).unwrap()]);
        bytes.extend(exports);
        bytes.extend(b"\x0a\x04\x01\x02\0\x0b");
        bytes
    }

    #[test]
    fn passes_the_callbacks_of_the_driver() {
        check("m", &exporting(&EXPORTS)).unwrap();
    }

    #[test]
    fn names_an_export_that_is_missing() {
        for missing in EXPORTS {
            let others: Vec<&str> = EXPORTS.into_iter().filter(|name| *name != missing).collect();
            let error = check("m", &exporting(&others)).unwrap_err().to_string();
            assert_eq!(error, format!("m does not export {missing}"));
        }
    }

    #[test]
    fn names_an_export_that_is_too_many() {
        let more = [&EXPORTS[..], &["proxy_on_response_body"]].concat();
        let error = check("m", &exporting(&more)).unwrap_err().to_string();
        assert_eq!(error, "m exports what nobody needs: proxy_on_response_body");
    }

    #[test]
    fn refuses_what_is_no_module() {
        assert!(check("m", b"not wasm").is_err());
    }
}
