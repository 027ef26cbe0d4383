//! What Envoy's log says about filters.

/// The lines that say that a VM has trapped, as Envoy 1.40 writes them. Measured with a filter that panics and with one
/// that aborts: the panic hook of Rust, the VM's own line, and every request that met a dead VM.
#[must_use]
pub fn traps(lines: &[String]) -> Vec<String> {
    let told = |line: &&String| {
        line.contains("panicked at")
            || (line.contains("Function: ") && line.contains(" failed: "))
            || line.contains("in-VM backtrace")
            || line.contains("wasm_fail_stream")
    };
    lines.iter().filter(told).cloned().collect()
}

/// Whether Envoy ended because a filter refused its configuration, and not because the rest of its own was wrong.
#[must_use]
pub fn configuration_was_refused(lines: &[String]) -> bool {
    lines.iter().any(|line| line.contains("Unable to create Wasm plugin"))
}
