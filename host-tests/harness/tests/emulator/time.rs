use std::time::Duration;

use fourleg_harness::{Gateway, Running, get};

use crate::filters::{filter, said};

const TICKS: &str = r#"
(func (export "proxy_on_configure") (param i32 i32) (result i32)
  (drop (call $tick_every (i32.const 1000))) (i32.const 1))
(func (export "proxy_on_tick") (param i32) (call $log {{tick}}))
"#;

#[test]
fn every_worker_and_the_main_thread_tick() {
    let gateway = Gateway::chain([filter(TICKS)]).workers(2).start().unwrap();
    gateway.pass(Duration::from_millis(999));
    assert!(said(&gateway.logs()).is_empty());
    gateway.pass(Duration::from_millis(2001));
    assert_eq!(said(&gateway.logs()).len(), 9);
}

#[test]
fn the_clock_starts_where_the_test_says_and_stands_still() {
    let gateway = Gateway::chain([filter(TICKS)]).at(1_800_000_000).start().unwrap();
    gateway.send(get("/")).allowed();
    assert_eq!(gateway.now(), 1_800_000_000);
    gateway.pass(Duration::from_secs(5));
    assert_eq!(gateway.now(), 1_800_000_005);
}

#[test]
fn a_tick_can_answer_a_request_that_waits() {
    let gives_up = format!(
        r#"{TICKS}
        (global $waiting (mut i32) (i32.const 0))
        (func (export "proxy_on_request_headers") (param $context i32) (param i32 i32) (result i32)
          (global.set $waiting (local.get $context)) (i32.const 1))
        "#
    )
    .replace(
        r#"(param i32) (call $log {{tick}}))"#,
        r#"(param i32)
          (if (global.get $waiting)
            (then
              (drop (call $act_for (global.get $waiting)))
              (global.set $waiting (i32.const 0))
              (call $deny (i32.const 503)))))"#,
    );
    let gateway = Gateway::chain([filter(&gives_up)]).start().unwrap();
    gateway.send(get("/")).denied_with(503);
}

#[test]
#[should_panic(expected = "the stream is stuck")]
fn ticks_alone_do_not_keep_a_stream_alive() {
    let holds = format!(
        r#"{TICKS}
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 1))"#
    );
    let gateway = Gateway::chain([filter(&holds)]).start().unwrap();
    gateway.send(get("/"));
}
