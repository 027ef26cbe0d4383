//! A module may import only what Envoy gives it: an import that is missing there refuses to load, at the operator's.

use anyhow::{Context, Result, bail};
use wasmparser::{Parser, Payload, TypeRef};

/// The host functions of proxy-wasm 0.2.1, without their prefix `proxy_`.
const PROXY_WASM: &[&str] = &[
    "add_header_map_value",
    "call_foreign_function",
    "close_stream",
    "continue_stream",
    "define_metric",
    "dequeue_shared_queue",
    "done",
    "enqueue_shared_queue",
    "get_buffer_bytes",
    "get_buffer_status",
    "get_current_time_nanoseconds",
    "get_header_map_pairs",
    "get_header_map_size",
    "get_header_map_value",
    "get_log_level",
    "get_metric",
    "get_property",
    "get_shared_data",
    "get_status",
    "grpc_call",
    "grpc_cancel",
    "grpc_close",
    "grpc_send",
    "grpc_stream",
    "http_call",
    "increment_metric",
    "log",
    "record_metric",
    "register_shared_queue",
    "remove_header_map_value",
    "replace_header_map_value",
    "resolve_shared_queue",
    "send_local_response",
    "set_buffer_bytes",
    "set_effective_context",
    "set_header_map_pairs",
    "set_property",
    "set_shared_data",
    "set_tick_period_milliseconds",
];

/// The WASI calls that Envoy offers.
const WASI: &[&str] = &[
    "args_get",
    "args_sizes_get",
    "clock_time_get",
    "environ_get",
    "environ_sizes_get",
    "fd_close",
    "fd_fdstat_get",
    "fd_prestat_dir_name",
    "fd_prestat_get",
    "fd_read",
    "fd_seek",
    "fd_write",
    "path_open",
    "proc_exit",
    "random_get",
];

/// Checks every import of a module.
///
/// # Errors
/// Names each import that Envoy does not offer.
pub(crate) fn check(name: &str, module: &[u8]) -> Result<()> {
    let mut foreign = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        let Payload::ImportSection(imports) = payload.with_context(|| format!("{name} is no wasm module"))? else {
            continue;
        };
        for import in imports.into_imports() {
            let import = import.with_context(|| format!("{name} has a broken import section"))?;
            let offered = matches!(import.ty, TypeRef::Func(_))
                && match import.module {
                    "env" => import.name.strip_prefix("proxy_").is_some_and(|name| PROXY_WASM.contains(&name)),
                    "wasi_snapshot_preview1" => WASI.contains(&import.name),
                    _ => false,
                };
            if !offered {
                foreign.push(format!("{}.{}", import.module, import.name));
            }
        }
    }
    if !foreign.is_empty() {
        bail!("{name} imports what Envoy does not offer: {}", foreign.join(", "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module with one imported function of type `() -> ()`.
    fn importing(module: &str, name: &str) -> Vec<u8> {
        let mut import = vec![1];
        for text in [module, name] {
            import.push(u8::try_from(text.len()).unwrap());
            import.extend(text.bytes());
        }
        import.extend([0, 0]);
        let mut bytes = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x02".to_vec();
        bytes.push(u8::try_from(import.len()).unwrap());
        bytes.extend(import);
        bytes
    }

    #[test]
    fn passes_what_envoy_offers() {
        check("m", &importing("env", "proxy_log")).unwrap();
        check("m", &importing("wasi_snapshot_preview1", "fd_write")).unwrap();
    }

    #[test]
    fn names_an_import_that_envoy_does_not_offer() {
        for (module, name) in [
            ("env", "proxy_made_up"),
            ("env", "log"),
            ("wasi_snapshot_preview1", "sock_send"),
            ("__wbindgen_placeholder__", "__wbindgen_describe"),
        ] {
            let error = check("m", &importing(module, name)).unwrap_err().to_string();
            assert!(error.contains(&format!("{module}.{name}")), "{error}");
        }
    }

    #[test]
    fn refuses_what_is_no_module() {
        assert!(check("m", b"not wasm").is_err());
    }
}
