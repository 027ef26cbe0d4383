use fourleg_harness::{Gateway, Running, get};

use crate::filters::{filter, module, named};

#[test]
fn a_filter_that_never_ends_runs_out_of_fuel() {
    let spins = r#"
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (loop $for_ever (br $for_ever)) (unreachable))
        "#;
    let gateway = Gateway::chain([filter(spins)]).fuel(100_000).start().unwrap();
    gateway.send(get("/")).denied_with(503);
    gateway.expect_trap();
    assert!(gateway.traps()[0].contains("fuel"));
}

#[test]
fn a_filter_that_takes_too_much_memory_traps() {
    let hoards = r#"
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (drop (memory.grow (i32.const 16))) (i32.const 0))
        "#;
    let gateway = Gateway::chain([filter(hoards)]).memory((32 << 20) + 1024).start().unwrap();
    gateway.send(get("/")).denied_with(503);
    gateway.expect_trap();
}

#[test]
fn an_unknown_import_is_named() {
    let strange = module("strange", r#"(import "env" "proxy_fly" (func)) (func (export "proxy_abi_version_0_2_1"))"#);
    let rejected = Gateway::chain([strange]).start().err().unwrap();
    assert!(rejected.logs[0].contains("env.proxy_fly"), "{rejected:?}");
}

#[test]
fn a_module_without_the_abi_is_refused() {
    let rejected = Gateway::chain([module("empty", "")]).start().err().unwrap();
    assert!(rejected.logs[0].contains("ABI version"), "{rejected:?}");
}

#[test]
fn a_refused_configuration_says_why() {
    let picky = named(
        "picky",
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
             (drop (call $get_buffer (i32.const 7) (i32.const 0) (local.get 1) (i32.const 1024) (i32.const 1028)))
             (call $log_given)
             (i32.const 0))"#,
    );
    let rejected = Gateway::chain([picky]).start().err().unwrap();
    assert_eq!(rejected.logs[0], "[info] wasm log picky: {}");
    assert!(rejected.logs[1].contains("'picky': on_configure returned false"));
}
