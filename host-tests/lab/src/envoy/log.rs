//! What Envoy's log says about filters.

/// Texts that Envoy 1.40 writes when a VM has trapped, measured with a filter that panics and one that aborts; `panicked
/// at` is what Rust's panic hook writes, through the SDK.
const TRAPS: [&str; 5] =
    ["panicked at", "Uncaught RuntimeError", "Wasm VM failed", "in-VM backtrace", "wasm VM is crashed"];

/// The lines that say that a VM has trapped.
#[must_use]
pub fn traps(lines: &[String]) -> Vec<String> {
    lines.iter().filter(|line| TRAPS.iter().any(|text| line.contains(text))).cloned().collect()
}

/// Whether Envoy ended because a filter refused its configuration, and not because the rest of its own was wrong.
#[must_use]
pub fn configuration_was_refused(lines: &[String]) -> bool {
    lines.iter().any(|line| line.contains("Unable to create Wasm plugin"))
}
