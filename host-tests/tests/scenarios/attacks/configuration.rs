//! Configurations that would load and mean less than they say.

use fourleg_tests::scenarios;
use serde_json::{Value, json};

use crate::fixture::{R, config, gateway};

scenarios! {
    fn a_null_or_a_list_where_an_object_belongs_does_not_load(runner) {
        let refused = |pointer: &str, value: Value| {
            let mut config = config();
            *config.pointer_mut(pointer).unwrap() = value.clone();
            assert!(runner.start(gateway(config)).is_err(), "{pointer} {value}");
        };
        for pointer in ["/resources/0/require", "/resources/0/require/scopes", "/resources/0/rules", "/public/0/methods"] {
            refused(pointer, Value::Null);
        }
        for (pointer, value) in [
            ("/public/0", json!([["POST"]])), ("/resources/0", json!([R])), ("/resources/0/require", json!([])), ("/resources/0/match", json!([["GET"]])),
        ] {
            refused(pointer, value);
        }
    }

    fn a_public_area_that_is_everything_does_not_load(runner) {
        for public in [json!({"path": {"prefix": "/"}}), json!({"methods": ["GET"]}), json!({"path": {"prefix": "/mcp"}})] {
            let mut config = config();
            config["public"] = json!([public]);
            assert!(runner.start(gateway(config)).is_err(), "{public}");
        }
    }
}
