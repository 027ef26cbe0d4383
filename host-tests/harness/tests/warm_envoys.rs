//! Gateways that share an Envoy process, one after the other.
#![cfg(feature = "envoy")]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "the emulator's tests need more of it")]
#[path = "emulator/filters.rs"]
mod filters;

/// Named so that `cargo xtask test --no-envoy` leaves it out.
mod on_envoy {
    use std::time::Duration;

    use fourleg_lab::{
        echo_upstream::EchoUpstream,
        envoy::{Bootstrap, Cluster, KeptModule, LaunchError, Pool, RunningEnvoy, WasmFilter, provision},
        raw_client,
    };

    use super::filters::{filter, said};

    /// Counts and keeps something when it is configured, says what it found, and asks `idp` at each tick.
    const LEAVES_TRACES: &str = r#"
      (func (export "proxy_on_configure") (param i32 i32) (result i32)
        (call $log_number {{kept: }} (call $get_shared {{key}} (i32.const 1024) (i32.const 1028) (i32.const 1040)))
        (drop (call $set_shared {{key}} {{value}} (i32.const 0)))
        (drop (call $define_metric (i32.const 0) {{traces_total}} (i32.const 1060)))
        (drop (call $tick_every (i32.const 5)))
        (i32.const 1))
      (func (export "proxy_on_tick") (param i32) (drop (call $call_idp)))
      (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (call $log {{a request}})
        (drop (call $increment_metric (i32.load (i32.const 1060)) (i64.const 1)))
        (i32.const 0))"#;

    fn wasm_filter(callbacks: &str) -> WasmFilter {
        let plugin = filter(callbacks);
        WasmFilter::new("filter", plugin.path.unwrap(), plugin.config)
    }

    fn serve(pool: &Pool, bootstrap: &Bootstrap) -> Result<RunningEnvoy, LaunchError> {
        pool.serve(&provision(&|_| {}).unwrap(), bootstrap, 1)
    }

    fn status(envoy: &RunningEnvoy) -> u16 {
        raw_client::get(envoy.address(), "/", Duration::from_secs(10)).unwrap().status
    }

    #[test]
    fn nothing_of_a_gateway_reaches_the_next_one_in_the_same_process() {
        let pool = Pool::default();
        let mut process = None;
        let mut told = Vec::new();
        for _ in 0..3 {
            let idp = EchoUpstream::start().unwrap();
            let upstream = EchoUpstream::start().unwrap();
            let bootstrap = Bootstrap::before(upstream.address())
                .filter(wasm_filter(LEAVES_TRACES))
                .cluster(Cluster::new("idp", idp.address()));
            let mut envoy = serve(&pool, &bootstrap).unwrap();
            assert_eq!(*process.get_or_insert(envoy.id()), envoy.id(), "one process for all");
            assert_eq!((status(&envoy), status(&envoy)), (200, 200));
            while idp.received().is_empty() {
                std::thread::yield_now();
            }
            told.push((
                envoy.metric("wasmcustom.traces_total").unwrap(),
                envoy.metric("cluster.upstream.upstream_rq_total").unwrap(),
                envoy.metric("http.gateway.downstream_rq_total").unwrap(),
            ));
            let logs = envoy.stop();
            let said = said(&logs);
            // 1 is NotFound. One root for each of the first VM, the main thread and the worker.
            assert_eq!(said.iter().filter(|line| line.starts_with("kept: ")).count(), 3, "{said:#?}");
            assert!(said.contains(&"kept: 1".to_owned()), "{said:#?}");
            assert_eq!(said.iter().filter(|line| *line == "a request").count(), 2, "{said:#?}");
            assert_eq!(logs.iter().filter(|line| line.starts_with("[access]")).count(), 2, "{logs:#?}");
            // Its roots tick no more: nobody asks what the next one may call the same.
            let asked = idp.received().len();
            drop(envoy);
            assert_eq!(idp.received().len(), asked);
        }
        assert_eq!(told, [(Some(2), Some(2), Some(2)); 3]);
    }

    #[test]
    fn a_refused_configuration_leaves_the_process_to_the_next_gateway() {
        let pool = Pool::default();
        let accepts = r#"(func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.const 1))"#;
        let refuses = r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
          (call $log {{not this one}}) (i32.const 0))"#;
        let with = |callbacks| Bootstrap::answering(204).filter(wasm_filter(callbacks));
        let first = serve(&pool, &with(accepts)).unwrap();
        let process = first.id();
        drop(first);
        let Err(LaunchError::Refused { logs }) = serve(&pool, &with(refuses)) else { panic!("it is taken") };
        assert_eq!(said(&logs), ["not this one"]);
        assert!(logs.iter().any(|line| line.contains("Unable to create Wasm plugin")), "{logs:#?}");
        let next = serve(&pool, &with(accepts)).unwrap();
        assert_eq!((next.id(), status(&next)), (process, 204));
    }

    #[test]
    fn a_process_whose_vm_has_trapped_serves_nobody_else() {
        let pool = Pool::default();
        let traps = r#"(func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.const 1))
          (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) unreachable)"#;
        let trapping = Bootstrap::answering(204).filter(wasm_filter(traps));
        let first = serve(&pool, &trapping).unwrap();
        let process = first.id();
        assert_eq!(status(&first), 503);
        drop(first);
        assert_ne!(serve(&pool, &Bootstrap::answering(204)).unwrap().id(), process);
    }

    #[test]
    fn what_is_a_whole_process_s_gets_a_process_of_its_own() {
        let pool = Pool::default();
        let shared = serve(&pool, &Bootstrap::answering(204)).unwrap().id();
        let nameless = wasm_filter(LEAVES_TRACES).vm_id("");
        let alone = serve(&pool, &Bootstrap::answering(204).filter(nameless)).unwrap();
        assert_ne!(alone.id(), shared);
        assert_eq!(serve(&pool, &Bootstrap::answering(204)).unwrap().id(), shared);
    }

    #[test]
    fn a_kept_module_stays_and_does_not_show() {
        let module = filter(LEAVES_TRACES);
        let kept = KeptModule { file: module.path.unwrap(), configuration: b"{}".to_vec() };
        let pool = Pool::keeping(vec![kept]);
        for _ in 0..2 {
            let mut envoy = serve(&pool, &Bootstrap::answering(204).filter(wasm_filter(LEAVES_TRACES))).unwrap();
            assert_eq!(status(&envoy), 204);
            assert_eq!(envoy.metric("wasmcustom.traces_total").unwrap(), Some(1));
            assert_eq!(said(&envoy.stop()).iter().filter(|line| *line == "a request").count(), 1);
        }
    }
}
