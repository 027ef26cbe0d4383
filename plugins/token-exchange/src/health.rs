//! What the breakers have done, for the metrics.

use filter_kit::policy::Count;

use crate::{breaker::Entered, config::Settings, memory::Memory};

/// Since it was asked last, for each server how often its breaker entered each state:
/// `breaker_total.server.<name>.state.<closed|open|half_open>`. The first time all of them, so that they are there.
pub(crate) fn counts(settings: &Settings, memory: &mut Memory) -> Vec<Count> {
    let is_first = !std::mem::replace(&mut memory.breakers_are_told, true);
    let mut counts = Vec::new();
    for (server, breaker) in settings.servers.iter().zip(&mut memory.breakers) {
        let Entered { closed, open, half_open } = breaker.take_entered();
        for (state, by) in [("closed", closed), ("open", open), ("half_open", half_open)] {
            if by > 0 || is_first {
                counts.push(Count { name: name(&server.name, state), by });
            }
        }
    }
    counts
}

fn name(server: &str, state: &str) -> String {
    let plain = |character: char| {
        let is_plain = character.is_ascii_alphanumeric() || matches!(character, '-' | '.');
        if is_plain { character } else { '_' }
    };
    format!("breaker_total.server.{}.state.{state}", server.chars().map(plain).collect::<String>())
}

#[cfg(test)]
mod tests {
    use oauth_core::time::UnixTime;
    use serde_json::json;

    use super::*;

    fn settings() -> Settings {
        let server = |name: &str, failures: u64| {
            json!({
                "name": name, "cluster": "idp", "token_endpoint": "https://idp.example/token",
                "issuer": "https://idp.example", "breaker": {"failures": failures},
            })
        };
        let target = json!({
            "name": "b", "match": {"path": {"prefix": "/"}}, "authorization_server": "eu.idp-1", "audience": ["b"],
        });
        let document = json!({
            "authorization_servers": [server("eu.idp-1", 1), server("the {other}\n", 2)], "targets": [target],
        });
        Settings::read(document.to_string().as_bytes()).unwrap()
    }

    fn told(settings: &Settings, memory: &mut Memory) -> Vec<(String, u32)> {
        counts(settings, memory).into_iter().map(|count| (count.name, count.by)).collect()
    }

    #[test]
    fn every_state_of_every_server_is_there_from_the_start_and_then_only_what_happens() {
        let settings = settings();
        let mut memory = Memory::new(&settings);
        let all = ["eu.idp-1", "the__other__"]
            .into_iter()
            .flat_map(|server| ["closed", "open", "half_open"].map(|state| (name(server, state), 0)));
        assert_eq!(told(&settings, &mut memory), all.collect::<Vec<_>>());
        assert_eq!(told(&settings, &mut memory), []);
        for breaker in &mut memory.breakers {
            breaker.failed(None, UnixTime::from_secs(0), 0);
        }
        assert_eq!(told(&settings, &mut memory), [("breaker_total.server.eu.idp-1.state.open".to_owned(), 1)]);
    }
}
