//! What every test checks at its end, without asking for it.

use super::world::World;

/// Sentences on all that went wrong; empty: nothing did.
pub(crate) fn complaints(world: &World, traps_are_expected: bool) -> Vec<String> {
    let mut complaints = world.faults.clone();
    if !traps_are_expected {
        complaints.extend(world.traps.iter().cloned());
    } else if world.traps.is_empty() {
        complaints.push("the test expects a trap, and no VM trapped".to_owned());
    }
    for (id, stream) in &world.streams {
        if stream.over || stream.reset {
            continue;
        }
        if let Some((filter, way)) = stream.holder() {
            let entry = &stream.filters[filter];
            let plugin = &world.plugins[entry.plugin].name;
            let phase = entry.sides[way as usize].paused_in;
            complaints.push(format!("stream {} was left paused by '{plugin}' in {phase}", id.0));
        }
    }
    for canary in &world.gateway.canaries {
        leaks(world, canary, &mut complaints);
    }
    complaints
}

/// Says where a secret shows; the upstream may see it, nobody else.
fn leaks(world: &World, canary: &str, complaints: &mut Vec<String>) {
    if canary.is_empty() {
        return;
    }
    let hint: String = canary.chars().take(6).collect();
    if let Some(line) = world.logs.iter().find(|line| line.contains(canary)) {
        let line = line.replace(canary, &format!("<{hint}…>"));
        complaints.push(format!("a secret ({hint}…) showed in the log: {line}"));
    }
    for (id, stream) in &world.streams {
        let fields = stream.client.headers.iter().flat_map(|(name, value)| [name, value]);
        if fields.chain([&stream.client.body]).any(|bytes| contains(bytes, canary.as_bytes())) {
            complaints.push(format!("a secret ({hint}…) showed in the response to stream {}", id.0));
        }
    }
    for (name, _) in world.metrics.all() {
        if name.contains(canary) {
            complaints.push(format!("a secret ({hint}…) showed in the name of a metric"));
        }
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
