use fourleg_harness::{ForeignFunctions, Gateway, Running, get};
use serde_json::json;

use crate::filters::{named, said, said_by};

fn reads(path: &str) -> String {
    format!(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
             (local $status i32)
             (local.set $status (call $get_property {{{{{path}}}}} (i32.const 1024) (i32.const 1028)))
             (if (local.get $status)
               (then (call $log_number {{{{status }}}} (local.get $status)))
               (else (call $log_given)))
             (i32.const 0))"#
    )
}

const WRITES: &str = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (call $log_number {{status }} (call $set_property {{fact}} {{alice}}))
  (i32.const 0))"#;

/// `declare_property` with name `fact` and readonly.
const DECLARES: &str = r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
  (i32.store (i32.const 1100) (i32.const 0x6166040a))
  (i32.store (i32.const 1104) (i32.const 0x01107463))
  (call $log_number {{declared }} (call $foreign {{declare_property}} (i32.const 1100) (i32.const 8)
    (i32.const 1024) (i32.const 1028)))
  (i32.const 1))"#;

#[test]
fn a_filter_reads_the_request_the_route_and_itself() {
    for (path, expected) in [
        ("request\\0path", "/a?b=c"),
        ("request\\0url_path", "/a"),
        ("request\\0query", "b=c"),
        ("request\\0method", "GET"),
        ("request\\0host", "tools.example"),
        ("request\\0protocol", "HTTP/1.1"),
        ("request\\0headers\\0x-one", "1"),
        ("source\\0address", "127.0.0.1:40000"),
        ("plugin_name", "reader"),
        ("plugin_vm_id", "reader-0"),
        ("xds\\0route_name", "tools"),
        ("xds\\0route_metadata\\0filter_metadata\\0fourleg\\0named", "finance"),
        ("metadata\\0filter_metadata\\0jwt_authn\\0sub", "alice"),
        ("metadata\\0filter_metadata\\0nobody", "status 1"),
        ("nothing", "status 1"),
    ] {
        let gateway = Gateway::chain([named("reader", &reads(path))])
            .route_name("tools")
            .route_metadata("fourleg", json!({"named": "finance"}))
            .filter_metadata("jwt_authn", json!({"sub": "alice"}))
            .start()
            .unwrap();
        gateway.send(get("/a?b=c").header("x-one", "1")).allowed();
        assert_eq!(said(&gateway.logs()), [expected], "{path}");
    }
}

#[test]
fn one_null_makes_metadata_unreadable() {
    let gateway = Gateway::chain([named("reader", &reads("metadata\\0filter_metadata\\0jwt_authn"))])
        .filter_metadata("jwt_authn", json!({"sub": "alice", "nickname": null}))
        .start()
        .unwrap();
    gateway.send(get("/")).allowed();
    assert_eq!(said(&gateway.logs()), ["status 3"]);
}

#[test]
fn what_one_filter_sets_a_later_one_reads_and_only_in_the_same_stream() {
    let gateway =
        Gateway::chain([named("early", &reads("fact")), named("writer", WRITES), named("late", &reads("fact"))])
            .start()
            .unwrap();
    gateway.send(get("/")).allowed();
    gateway.send(get("/")).allowed();
    assert_eq!(said_by(&gateway.logs())[..3], ["early: status 1", "writer: status 0", "late: alice"]);
    assert_eq!(said_by(&gateway.logs())[3..], ["early: status 1", "writer: status 0", "late: alice"]);
}

#[test]
fn a_declared_property_cannot_be_written_twice() {
    let guarded = format!("{DECLARES}{WRITES}");
    let gateway = Gateway::chain([named("owner", &guarded), named("thief", WRITES)]).start().unwrap();
    gateway.send(get("/")).allowed();
    let said = said_by(&gateway.logs());
    assert_eq!(said[said.len() - 2..], ["owner: status 0", "thief: status 2"]);
}

#[test]
fn who_writes_first_decides() {
    let guarded = format!("{DECLARES}{WRITES}");
    let gateway = Gateway::chain([named("thief", WRITES), named("owner", &guarded)]).start().unwrap();
    gateway.send(get("/")).allowed();
    let said = said_by(&gateway.logs());
    assert_eq!(said[said.len() - 2..], ["thief: status 0", "owner: status 0"]);
}

#[test]
fn a_proxy_without_the_foreign_function_says_so() {
    let gateway = Gateway::chain([named("owner", DECLARES)])
        .foreign_functions(ForeignFunctions { declare_property: false, ..ForeignFunctions::default() })
        .start()
        .unwrap();
    assert_eq!(said(&gateway.logs())[0], "declared 1");
}
