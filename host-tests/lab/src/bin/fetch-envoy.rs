//! Fetches the pinned Envoy, once, or says what that needs.

fn main() -> anyhow::Result<()> {
    let envoy = fourleg_lab::envoy::provision(&|line| eprintln!("[envoy] {line}"))?;
    eprintln!("[envoy] {}", envoy.path().display());
    Ok(())
}
