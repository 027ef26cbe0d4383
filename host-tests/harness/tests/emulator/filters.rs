//! Filters written as WebAssembly text, so that no toolchain is needed.

use std::{
    fmt::Write,
    hash::{DefaultHasher, Hash, Hasher},
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

use fourleg_harness::{Plugin, plugin_raw};

/// Imports, memory, an allocator that never frees, and small words to write callbacks with.
const PRELUDE: &str = r#"
(import "env" "proxy_log" (func $proxy_log (param i32 i32 i32) (result i32)))
(import "env" "proxy_send_local_response"
  (func $reply (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
(import "env" "proxy_set_effective_context" (func $act_for (param i32) (result i32)))
(import "env" "proxy_http_call"
  (func $http_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_get_header_map_value" (func $get_header (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_get_header_map_pairs" (func $get_headers (param i32 i32 i32) (result i32)))
(import "env" "proxy_replace_header_map_value" (func $set_header (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_get_buffer_bytes" (func $get_buffer (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_set_buffer_bytes" (func $set_buffer (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_get_property" (func $get_property (param i32 i32 i32 i32) (result i32)))
(import "env" "proxy_set_property" (func $set_property (param i32 i32 i32 i32) (result i32)))
(import "env" "proxy_set_tick_period_milliseconds" (func $tick_every (param i32) (result i32)))
(import "env" "proxy_get_shared_data" (func $get_shared (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_set_shared_data" (func $set_shared (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_register_shared_queue" (func $register_queue (param i32 i32 i32) (result i32)))
(import "env" "proxy_enqueue_shared_queue" (func $enqueue (param i32 i32 i32) (result i32)))
(import "env" "proxy_dequeue_shared_queue" (func $dequeue (param i32 i32 i32) (result i32)))
(import "env" "proxy_define_metric" (func $define_metric (param i32 i32 i32 i32) (result i32)))
(import "env" "proxy_increment_metric" (func $increment_metric (param i32 i64) (result i32)))
(import "env" "proxy_call_foreign_function"
  (func $foreign (param i32 i32 i32 i32 i32 i32) (result i32)))
(memory (export "memory") 512)
(global $heap (mut i32) (i32.const 131072))
(func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
  (local $at i32)
  (local.set $at (global.get $heap))
  (global.set $heap (i32.add (global.get $heap) (local.get $size)))
  (local.get $at))
(func (export "proxy_abi_version_0_2_1"))
(func (export "_initialize"))
(func (export "proxy_on_vm_start") (param i32 i32) (result i32) (i32.const 1))

;; Logs text, and text with a number after it.
(func $log (param $text i32) (param $size i32)
  (drop (call $proxy_log (i32.const 2) (local.get $text) (local.get $size))))
(func $log_number (param $text i32) (param $size i32) (param $number i32)
  (local $at i32)
  (local.set $at (i32.const 65000))
  (loop $digits
    (local.set $at (i32.sub (local.get $at) (i32.const 1)))
    (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10))))
    (local.set $number (i32.div_u (local.get $number) (i32.const 10)))
    (br_if $digits (local.get $number)))
  (local.set $at (i32.sub (local.get $at) (local.get $size)))
  (memory.copy (local.get $at) (local.get $text) (local.get $size))
  (call $log (local.get $at) (i32.sub (i32.const 65000) (local.get $at))))
;; Logs what the host gave by address and size at 1024.
(func $log_given (call $log (i32.load (i32.const 1024)) (i32.load (i32.const 1028))))
(func $deny (param $status i32)
  (drop (call $reply (local.get $status) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
    (i32.const 0) (i32.const 0) (i32.const -1))))
(func $resume (drop (call $continue (i32.const 0))))
;; Calls the cluster `idp` with a timeout of one second; the status is the result, the token is at 1032.
(func $call_idp (result i32)
  (call $http_call {{idp}} {{headers:call}} (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
    (i32.const 1000) (i32.const 1032)))
"#;

/// A filter with these callbacks. In the source `{{text}}` stands for the address and the size of that text.
pub(super) fn filter(callbacks: &str) -> Plugin {
    named("filter", callbacks)
}

/// The same with a name, for logs of several.
pub(super) fn named(name: &str, callbacks: &str) -> Plugin {
    module(name, &format!("{PRELUDE}\n{callbacks}"))
}

/// A module without the prelude.
pub(super) fn module(name: &str, source: &str) -> Plugin {
    plugin_raw(name, "{}").file(write(&assemble(source)))
}

/// Replaces `{{text}}` and adds the texts as data.
fn assemble(source: &str) -> String {
    let mut code = String::new();
    let mut data = String::new();
    let mut free = 2048;
    let mut rest = source;
    while let Some((before, after)) = rest.split_once("{{") {
        let (text, after) = after.split_once("}}").expect("a {{ without }}");
        let bytes = match text {
            "headers:call" => pairs(&[(":method", "GET"), (":path", "/asked"), (":authority", "idp.example")]),
            text => text.replace("\\0", "\0").into_bytes(),
        };
        let escaped = bytes.iter().fold(String::new(), |mut escaped, byte| {
            let _ = write!(escaped, "\\{byte:02x}");
            escaped
        });
        let _ = writeln!(data, "(data (i32.const {free}) \"{escaped}\")");
        let _ = write!(code, "{before}(i32.const {free}) (i32.const {})", bytes.len());
        free += bytes.len() + 1;
        rest = after;
    }
    format!("(module {code}{rest}\n{data})")
}

fn pairs(fields: &[(&str, &str)]) -> Vec<u8> {
    let size = |text: &str| u32::try_from(text.len()).unwrap().to_le_bytes();
    let mut bytes = u32::try_from(fields.len()).unwrap().to_le_bytes().to_vec();
    for (name, value) in fields {
        bytes.extend(size(name));
        bytes.extend(size(value));
    }
    for (name, value) in fields {
        bytes.extend([name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat());
    }
    bytes
}

/// One file for each source, however many tests want it at once.
fn write(source: &str) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut hasher = DefaultHasher::new();
    source.hash(&mut hasher);
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let path = dir.join(format!("{:016x}.wasm", hasher.finish()));
    let bytes = wat::parse_str(source).unwrap_or_else(|error| panic!("{error}\n{source}"));
    let partial = dir.join(format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    std::fs::write(&partial, bytes).unwrap();
    std::fs::rename(&partial, &path).unwrap();
    path
}

/// Keeps only what filters logged, without level and name.
pub(super) fn said(logs: &[String]) -> Vec<String> {
    logs.iter()
        .filter_map(|line| line.split_once("wasm log ")?.1.split_once(": ").map(|(_, text)| text.to_owned()))
        .collect()
}

/// The same with the filter's name before each line.
pub(super) fn said_by(logs: &[String]) -> Vec<String> {
    logs.iter().filter_map(|line| line.split_once("wasm log ").map(|(_, text)| text.to_owned())).collect()
}
