//! How a configuration comes: as text, or as a `google.protobuf.Struct`.

use fourleg_harness::{Gateway, get, plugin, post};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use crate::fixture::{config, good};

/// The log of a gateway that refuses this configuration as a Struct.
fn refused(runner: &dyn fourleg_harness::Runner, config: Value) -> String {
    let gateway = Gateway::chain([plugin("audience_validation", config).as_struct()]);
    match runner.start(gateway) {
        Ok(_) => panic!("it loads"),
        Err(rejected) => rejected.logs.join("\n"),
    }
}

fn with(pointer: &str, value: Value) -> Value {
    let mut config = config();
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    config.pointer_mut(parent).unwrap()[member] = value;
    config
}

scenarios! {
    fn a_configuration_that_is_a_struct_enforces_what_the_same_text_does(runner) {
        let config = with("/clock_skew_seconds", json!(30));
        let gateway = runner.start(Gateway::chain([plugin("audience_validation", config).as_struct()])).unwrap();
        let token = good(&*gateway).sign();
        gateway.send(get("/mcp").bearer(&token)).allowed();
        gateway.send(get("/healthz")).allowed();
        gateway.send(get("/mcp")).denied_with(401).has_code("credential_missing");
        gateway.send(post("/mcp/admin").bearer(&token)).denied_with(403).has_code("insufficient_scope");
        let other = good(&*gateway).audience("https://other.example").sign();
        gateway.send(get("/mcp").bearer(&other)).denied_with(401).has_code("audience_mismatch");
    }

    fn mistakes_in_a_struct_are_told_with_their_places(runner) {
        let log = refused(runner, with("/cache", json!({"max_entries": 0.5, "entries": 1})));
        for mistake in ["cache.max_entries is of type floating point: expected a whole number", "cache.entries is not known here"] {
            assert!(log.contains(mistake), "{mistake}\n{log}");
        }
        let log = refused(runner, with("/clock_skew_seconds", json!(9_007_199_254_740_993_u64)));
        assert!(log.contains("clock_skew_seconds is no number that a Struct holds exactly"), "{log}");
    }
}
