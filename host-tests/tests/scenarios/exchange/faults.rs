//! A server that fails, in every way and at every point: nothing goes upstream, and the client is told at once.

use std::time::{Duration, Instant};

use fourleg_harness::{Outcome, Reply, Response, get};
use fourleg_tests::scenarios;
use serde_json::json;

use super::{Provider, chain, forwarded, of_user, provider::issued, serve, to_b, to_b_with};

/// A good answer, if it came.
fn whole(asked: &super::provider::Asked) -> Response {
    Response::json(200, &issued(&asked.wanted().sign()))
}

fn quick() -> serde_json::Value {
    let ours = to_b_with("/authorization_servers/0/timeout_ms", json!(300));
    super::set(ours, "/authorization_servers/0/breaker", json!({"failures": 1000}))
}

scenarios! {
    /// TEX-11, TEX-13, TEX-27: headers and body.
    fn no_fault_of_the_server_sends_anything_on(runner) {
        let provider = Provider::default();
        let gateway = serve(runner, &provider, quick());
        let huge = "x".repeat(300 * 1024);
        let html = Response::text(200, "<html>sign in</html>").header("content-type", "text/html");
        let redirect = |status| Response::text(status, "").header("location", "https://evil.example/token");
        let faults: Vec<(&str, Reply, &[u16])> = vec![
            ("reset", Reply::Reset, &[502, 503]),
            ("garbage", Reply::Garbage, &[502]),
            ("never", Reply::Hang, &[504]),
            ("slow", Reply::After(Duration::from_millis(900), Response::json(200, &json!({}))), &[504]),
            ("500", Response::json(500, &json!({"access_token": "x"})).into(), &[502]),
            ("502", Response::text(502, "bad gateway").into(), &[502]),
            ("503", Response::text(503, "busy").into(), &[503]),
            ("429", Response::text(429, "slow down").header("retry-after", "9999").into(), &[503]),
            ("404", Response::text(404, "not here").into(), &[502]),
            ("204", Response::text(204, "").into(), &[502]),
            ("201", Response::json(201, &issued("x")).into(), &[502]),
            ("html", html.clone().into(), &[502]),
            ("html error", Response { status: 400, ..html }.into(), &[502]),
            ("empty", Response::text(200, "").into(), &[502]),
            ("empty error", Response::text(400, "").into(), &[502]),
            ("list", Response::text(200, "[]").into(), &[502]),
            ("two values", Response::text(200, "{}{}").into(), &[502]),
            ("no text", Response::text(200, vec![0xff, 0xfe]).into(), &[502]),
            ("huge", Response::text(200, format!("{{\"a\":\"{huge}\"}}")).into(), &[502]),
            ("huge error", Response::text(400, format!("{{\"a\":\"{huge}\"}}")).into(), &[502]),
            ("coded", Response::json(200, &issued("x")).header("content-encoding", "gzip").into(), &[502]),
            ("deep", Response::text(200, "{\"a\":".repeat(5000)).into(), &[502]),
            ("301", redirect(301).into(), &[502]),
            ("302", redirect(302).into(), &[502]),
            ("307", redirect(307).into(), &[502]),
            ("308", redirect(308).into(), &[502]),
            ("truncated", Reply::Truncated(Response::text(200, "{\"access_token\":\"x\",")), &[502]),
        ];
        for (name, fault, expected) in faults {
            provider.says(fault);
            let outcome = gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign()));
            outcome.never_reached_upstream().no_header("location").no_header("www-authenticate");
            assert!(expected.contains(&outcome.response.status), "{name}: {}", outcome.picture());
        }
        // And nothing of it is remembered.
        provider.is_good();
        gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign())).allowed();
        assert!(provider.asked().iter().all(|asked| asked.request.path == b"/t1/token"), "no redirect was followed");
    }

    /// TEX-13: at dispatch.
    fn a_server_without_a_host_sends_nothing_on(runner) {
        let provider = Provider::default();
        let mut gateway = chain(&provider, quick());
        gateway.clusters.remove("idp");
        let gateway = runner.start(gateway.empty_cluster("idp")).unwrap();
        for _ in 0..3 {
            gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign())).denied_with(503).has_code("exchange_unavailable");
        }
    }

    /// TEX-13: with a body on its way, too.
    fn a_body_stays_here_while_the_server_fails(runner) {
        let provider = Provider::default();
        let gateway = serve(runner, &provider, quick());
        provider.says(Reply::Hang);
        for protocol in [fourleg_harness::Protocol::Http1, fourleg_harness::Protocol::Http2] {
            let request = fourleg_harness::post("/mcp").chunked(["one", "two", "three"]).trailers([("x-end", "1")]).over(protocol);
            gateway.send(request.bearer(&of_user(&*gateway, "alice").sign())).denied_with(504).has_code("exchange_timed_out");
        }
    }

    /// TEX-28
    fn a_server_that_asks_for_time_gets_it_and_the_client_is_told_how_long(runner) {
        let provider = Provider::default();
        let gateway = serve(runner, &provider, super::set(to_b(), "/cache", json!({"negative_ttl_seconds": 60})));
        for (status, retry_after) in [(429, Some("60")), (503, Some("60")), (429, None)] {
            let token = of_user(&*gateway, "alice").sign();
            let before = provider.count();
            let busy = Response::text(status, "busy");
            provider.says(retry_after.into_iter().fold(busy, |busy, seconds| busy.header("retry-after", seconds)));
            for _ in 0..3 {
                let outcome = gateway.send(get("/mcp").bearer(&token));
                outcome.denied_with(503).has_code("exchange_unavailable").no_header("www-authenticate");
                let wait: u64 = outcome.header("retry-after").parse().unwrap();
                assert!((1..=60).contains(&wait), "{wait}");
            }
            assert_eq!(provider.count() - before, 1, "{status}: it is left alone");
            // Another token is another question.
            provider.is_good();
            gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign())).allowed();
        }
    }

    /// TEX-28
    fn a_server_that_asked_for_time_is_asked_again_when_it_is_over(runner) {
        let provider = Provider::default();
        let gateway = serve(runner, &provider, to_b());
        provider.says(Response::text(429, "slow down").header("retry-after", "1"));
        let token = of_user(&*gateway, "alice").sign();
        gateway.send(get("/mcp").bearer(&token)).denied_with(503).has_code("exchange_unavailable");
        provider.is_good();
        gateway.pass(Duration::from_millis(1100));
        gateway.send(get("/mcp").bearer(&token)).allowed();
    }

    /// TEX-28
    fn a_server_that_has_too_much_to_do_is_left_alone_like_one_that_fails(runner) {
        let provider = Provider::default();
        let gateway = serve(runner, &provider, to_b_with("/authorization_servers/0/breaker", json!({"failures": 2, "open_seconds": 60})));
        let send = |user: &str| gateway.send(get("/mcp").bearer(&of_user(&*gateway, user).sign()));
        provider.says(Response::text(429, "slow down").header("retry-after", "30"));
        for user in ["alice", "bob"] {
            assert_eq!(send(user).denied_with(503).has_code("exchange_unavailable").header("retry-after"), "30");
        }
        send("carol").denied_with(503).has_code("breaker_open");
        assert_eq!(provider.count(), 2);
    }

    fn a_server_that_fails_again_and_again_is_left_alone_and_asked_again_later(runner) {
        let provider = Provider::default();
        let gateway = serve(runner, &provider, to_b_with("/authorization_servers/0/breaker", json!({"failures": 3, "open_seconds": 1})));
        let kept = of_user(&*gateway, "alice").sign();
        gateway.send(get("/mcp").bearer(&kept)).allowed();
        provider.says(Response::text(500, "oh"));
        let send = || gateway.send(get("/mcp").bearer(&of_user(&*gateway, "bob").sign()));
        for _ in 0..3 {
            send().denied_with(502).has_code("exchange_failed");
        }
        let before = provider.count();
        let closed = |outcome: Outcome| {
            outcome.denied_with(503).has_code("breaker_open");
            let wait: u64 = outcome.header("retry-after").parse().unwrap();
            assert!((1..=3).contains(&wait), "{wait}");
        };
        let start = Instant::now();
        for _ in 0..20 {
            closed(send());
        }
        assert!(start.elapsed() < Duration::from_secs(1));
        assert_eq!(provider.count(), before, "it is told at once, and nobody is asked");
        // What was obtained goes on until it ends.
        assert_eq!(forwarded(&gateway.send(get("/mcp").bearer(&kept)))["sub"], "alice");
        // One attempt, which fails: the pause doubles.
        gateway.pass(Duration::from_millis(1400));
        send().denied_with(502);
        closed(send());
        assert_eq!(provider.count(), before + 1);
        provider.is_good();
        gateway.pass(Duration::from_millis(2700));
        send().allowed();
        send().allowed();
        let metrics = gateway.logs();
        assert!(metrics.iter().any(|line| line.contains("idp has failed too often")), "{metrics:#?}");
        assert!(metrics.iter().any(|line| line.contains("idp answers again")), "{metrics:#?}");
    }

    fn each_state_of_a_breaker_is_counted_and_a_refusal_changes_none(runner) {
        let provider = Provider::default();
        let gateway = serve(runner, &provider, to_b_with("/authorization_servers/0/breaker", json!({"failures": 2, "open_seconds": 1})));
        let entered = || {
            ["closed", "open", "half_open"].map(|state| {
                gateway.filter_metric(&format!("fourleg_token_exchange_breaker_total.server.idp.state.{state}"))
            })
        };
        // They are counted at the next tick.
        let becomes = |closed, open, half_open| {
            let expected = [closed, open, half_open].map(Some);
            for _ in 0..100 {
                if entered() == expected {
                    return;
                }
                gateway.pass(Duration::from_millis(50));
            }
            panic!("{:?} is not {expected:?}", entered());
        };
        let stays = |closed, open, half_open| {
            gateway.pass(Duration::from_millis(600));
            assert_eq!(entered(), [closed, open, half_open].map(Some));
        };
        let send = |user: &str| gateway.send(get("/mcp").bearer(&of_user(&*gateway, user).sign()));
        becomes(0, 0, 0);
        provider.says(super::provider::error("invalid_grant"));
        for user in ["mallory", "mallet", "marvin"] {
            send(user).never_reached_upstream();
        }
        stays(0, 0, 0);
        provider.says(Response::text(500, "oh"));
        for _ in 0..2 {
            send("bob").denied_with(502);
        }
        becomes(0, 1, 0);
        // One attempt, which fails.
        gateway.pass(Duration::from_millis(1400));
        send("bob").denied_with(502);
        becomes(0, 2, 1);
        // One that the server refuses: it answers.
        provider.says(super::provider::error("invalid_grant"));
        gateway.pass(Duration::from_millis(2700));
        send("mallory").never_reached_upstream();
        becomes(1, 2, 2);
        provider.is_good();
        send("alice").allowed();
        stays(1, 2, 2);
    }

    /// One user's groups may be too many for one token: that is nothing that the others have to wait for.
    fn an_answer_that_is_too_large_is_no_outage(runner) {
        let provider = Provider::default();
        let gateway = serve(runner, &provider, to_b_with("/authorization_servers/0/breaker", json!({"failures": 2, "open_seconds": 60})));
        provider.does(|asked| {
            let groups = if asked.subject()["sub"] == "alice" { "x".repeat(300 * 1024) } else { String::new() };
            let mut answer = issued(&asked.wanted().sign());
            answer["groups"] = json!(groups);
            Response::json(200, &answer)
        });
        for _ in 0..5 {
            gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign())).denied_with(502).has_code("exchange_failed");
        }
        assert_eq!(forwarded(&gateway.send(get("/mcp").bearer(&of_user(&*gateway, "bob").sign())))["sub"], "bob");
    }

    fn each_server_has_a_breaker_of_its_own(runner) {
        let provider = Provider::default();
        let broken = Provider::default();
        broken.says(Reply::Reset);
        let mut ours = to_b_with("/authorization_servers/0/breaker", json!({"failures": 1, "open_seconds": 60}));
        let mut second = ours["authorization_servers"][0].clone();
        (second["name"], second["cluster"]) = (json!("second"), json!("second"));
        ours["authorization_servers"].as_array_mut().unwrap().push(second);
        ours["targets"] = json!([
            {"name": "a", "match": {"path": {"prefix": "/mcp/a"}}, "authorization_server": "second", "audience": ["a"]},
            {"name": "b", "match": {"path": {"prefix": "/mcp"}}, "authorization_server": "idp", "audience": ["b"]},
        ]);
        let gateway = runner.start(chain(&provider, ours).cluster("second", broken.handler())).unwrap();
        let send = |path: &str| gateway.send(get(path).bearer(&of_user(&*gateway, "alice").sign()));
        send("/mcp/a").never_reached_upstream();
        send("/mcp/a").denied_with(503).has_code("breaker_open");
        send("/mcp/b").allowed();
    }

    fn a_slow_answer_that_comes_in_time_is_waited_for(runner) {
        let provider = Provider::default();
        provider.does(|asked| Reply::After(Duration::from_millis(500), whole(asked)));
        let gateway = serve(runner, &provider, to_b());
        gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign())).allowed();
    }
}

/// The proxy's own timeout may never fire: on the emulator only, since Envoy's always does.
mod on_wasmtime_alone {
    use fourleg_harness::StreamState;

    use super::*;

    /// TEX-13
    #[test]
    fn a_call_that_never_ends_is_ended_by_our_own_deadline() {
        let provider = Provider::default();
        let gateway = chain(&provider, quick()).manual().start().unwrap();
        let token = of_user(&gateway, "alice").sign();
        let stream = gateway.open(get("/mcp").bearer(&token));
        assert_eq!(gateway.state(stream), StreamState::Paused);
        gateway.advance(Duration::from_secs(3));
        gateway.outcome(stream).denied_with(504).has_code("exchange_timed_out");
    }
}
