use fourleg_harness::{Gateway, Running, get};

use crate::filters::{filter, named, said};

const WRITES: &str = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (drop (call $set_shared {{key}} {{value}} (i32.const 0))) (i32.const 0))"#;
const READS: &str = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (call $log_number {{status }} (call $get_shared {{key}} (i32.const 1024) (i32.const 1028) (i32.const 1040)))
  (i32.const 0))"#;

#[test]
fn shared_data_is_shared_by_vm_id_and_by_nothing_else() {
    let gateway = Gateway::chain([filter(WRITES).vm_id("one"), filter(READS).vm_id("one"), filter(READS).vm_id("two")])
        .start()
        .unwrap();
    gateway.send(get("/")).allowed();
    assert_eq!(said(&gateway.logs()), ["status 0", "status 1"]);
}

#[test]
fn a_non_zero_cas_creates_once_and_zero_overwrites() {
    let races = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (call $log_number {{create }} (call $set_shared {{lease}} {{a}} (i32.const 77)))
      (call $log_number {{again }} (call $set_shared {{lease}} {{b}} (i32.const 77)))
      (call $log_number {{zero }} (call $set_shared {{lease}} {{c}} (i32.const 0)))
      (i32.const 0))"#;
    let gateway = Gateway::chain([filter(races)]).start().unwrap();
    gateway.send(get("/")).allowed();
    assert_eq!(said(&gateway.logs()), ["create 0", "again 8", "zero 0"]);
}

#[test]
fn a_queue_wakes_its_last_registrant_only() {
    let queue = r#"
      (func (export "proxy_on_configure") (param i32 i32) (result i32)
        (drop (call $register_queue {{news}} (i32.const 1048))) (i32.const 1))
      (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (drop (call $enqueue (i32.load (i32.const 1048)) {{hello}})) (i32.const 0))
      (func (export "proxy_on_queue_ready") (param i32) (param $token i32)
        (drop (call $dequeue (local.get $token) (i32.const 1024) (i32.const 1028)))
        (call $log_given)
        (call $log_number {{then }} (call $dequeue (local.get $token) (i32.const 1024) (i32.const 1028))))
      "#;
    let gateway = Gateway::chain([filter(queue)]).workers(3).start().unwrap();
    gateway.send(get("/")).allowed();
    assert_eq!(said(&gateway.logs()), ["hello", "then 7"]);
}

#[test]
fn a_metric_counts_over_all_workers() {
    let counts = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (drop (call $define_metric (i32.const 0) {{requests_total}} (i32.const 1060)))
      (drop (call $increment_metric (i32.load (i32.const 1060)) (i64.const 1)))
      (i32.const 0))"#;
    let gateway = Gateway::chain([named("counter", counts)]).workers(2).start().unwrap();
    gateway.send_all(vec![get("/"), get("/"), get("/")]);
    assert_eq!(gateway.metric("requests_total"), Some(3));
}
