//! The launcher, on the real Envoy. Nothing is skipped when it cannot be had: then these fail and say what to type.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

/// Named so that `cargo xtask test --no-envoy` leaves it out.
mod on_envoy {
    use std::{path::Path, sync::LazyLock, time::Duration};

    use fourleg_lab::{
        echo_upstream::EchoUpstream,
        envoy::{Bootstrap, Config, EnvoyBinary, LaunchError, WasmFilter, launch, provision, validate},
        raw_client::get,
    };

    static BINARY: LazyLock<EnvoyBinary> = LazyLock::new(|| provision(&|line| eprintln!("{line}")).expect("an Envoy"));

    #[test]
    fn a_launched_envoy_serves_and_ends_with_its_owner() {
        let upstream = EchoUpstream::start().unwrap();
        let mut envoy = launch(&BINARY, &Config::Json(Bootstrap::before(upstream.address()).to_json()), 1).unwrap();
        let response = get(envoy.address(), "/", Duration::from_secs(10)).unwrap();
        assert_eq!((response.status, response.text().as_str()), (200, "upstream"));
        assert_eq!(envoy.metric("cluster.upstream.upstream_rq_total").unwrap(), Some(1));
        let logs = envoy.stop();
        assert!(logs.iter().any(|line| line.starts_with("[access] GET HTTP/1.1 200")), "{logs:#?}");

        let process = format!("/proc/{}", envoy.id());
        let directory = envoy.log_file().parent().unwrap().to_owned();
        drop(envoy);
        assert!(!Path::new(&process).exists());
        assert!(!directory.exists(), "a log of a success is deleted");
    }

    #[test]
    fn an_envoy_survives_the_thread_that_launched_it_but_not_a_panic() {
        let config = Config::Json(Bootstrap::answering(204).to_json());
        let envoy = std::thread::spawn({
            let config = config.clone();
            move || launch(&BINARY, &config, 1).unwrap()
        })
        .join()
        .unwrap();
        assert_eq!(get(envoy.address(), "/", Duration::from_secs(10)).unwrap().status, 204);

        let (sender, receiver) = std::sync::mpsc::channel();
        let failing = std::thread::spawn(move || {
            let envoy = launch(&BINARY, &config, 1).unwrap();
            sender.send((envoy.id(), envoy.log_file().to_owned())).unwrap();
            panic!("a test that fails");
        });
        failing.join().unwrap_err();
        let (id, log) = receiver.recv().unwrap();
        assert!(!Path::new(&format!("/proc/{id}")).exists());
        assert!(log.is_file(), "the log of a failure is kept");
        std::fs::remove_dir_all(log.parent().unwrap()).unwrap();
    }

    #[test]
    fn a_configuration_that_envoy_refuses_is_told_apart_from_one_that_it_takes() {
        let good = Config::Json(Bootstrap::answering(200).to_json());
        validate(&BINARY, &good).unwrap();
        let bad = Config::Json(Bootstrap::answering(200).filter(WasmFilter::inline("empty", "AGFzbQEAAAA=")).to_json());
        for refused in [validate(&BINARY, &bad).unwrap_err(), launch(&BINARY, &bad, 1).unwrap_err()] {
            let LaunchError::Refused { logs } = refused else { panic!("{refused}") };
            assert!(fourleg_lab::envoy::configuration_was_refused(&logs), "{logs:#?}");
        }
    }
}
