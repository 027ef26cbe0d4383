//! Long bodies that no verdict is about: while a filter waits for a service, the client waits, and nothing is lost.

use std::time::Duration;

use fourleg_harness::{Gateway, Protocol, Reply, Request, Response, Runner, Running, get, plugin, post};
use fourleg_lab::mint::{Algorithm, jwks, key};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use crate::{
    endpoint::{Endpoint, keys},
    exchange::provider::{Provider, issued},
    fixture::{I, R, config, good},
};

const MIB: usize = 1 << 20;

const SLOW: Duration = Duration::from_millis(400);

/// A mebibyte or a bit less in each piece, and no line twice.
fn pieces(mebibytes: usize) -> Vec<Vec<u8>> {
    let piece = |number| (0..MIB / 16).map(|line| format!("{number:04} {line:08}\n")).collect::<String>().into_bytes();
    (0..mebibytes).map(piece).collect()
}

/// A gateway, and what makes its next request wait: out comes the token for it.
type Wait = (Gateway, Box<dyn Fn(&dyn Running) -> String>);

fn for_keys() -> Wait {
    const JWKS: &str = "/t1/jwks";
    let endpoint = Endpoint::default();
    let all = [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa];
    endpoint.says(JWKS, keys(&jwks([key(all[0])])));
    let remote = json!({"cluster": "idp", "uri": format!("https://as.example.com{JWKS}"), "cooldown_seconds": 1});
    let config = json!({"issuers": [{"issuer": I, "jwks": {"remote": remote}}], "resources": [{"resource": R}]});
    let gateway = Gateway::chain([plugin("audience_validation", config)]).cluster("idp", endpoint.handler());
    let known = std::cell::Cell::new(1);
    let next = move |gateway: &dyn Running| {
        let token = |at: usize| good(gateway).sign_with(key(all[at]));
        gateway.send(get("/mcp").bearer(&token(0))).allowed();
        // The next token is of a key that is new.
        let newest = known.replace(known.get() + 1);
        endpoint.says(JWKS, Reply::After(SLOW, keys(&jwks(all[..=newest].iter().map(|algorithm| key(*algorithm))))));
        gateway.pass(Duration::from_millis(1300));
        token(newest)
    };
    (gateway, Box::new(next))
}

fn for_an_exchange() -> Wait {
    let provider = Provider::default();
    provider.does(|asked| Reply::After(SLOW, Response::json(200, &issued(&asked.wanted().sign()))));
    let mut first = config();
    first["forward"] = json!({"authorization": "exchange"});
    let second = json!({
        "authorization_servers": [{
            "name": "idp", "cluster": "idp", "token_endpoint": "https://idp.example/token", "issuer": I, "timeout_ms": 5000,
        }],
        "targets": [{"name": "b", "match": {"path": {"prefix": "/mcp"}}, "authorization_server": "idp", "audience": ["b"]}],
    });
    let chain = Gateway::chain([plugin("audience_validation", first), plugin("token_exchange", second)]);
    (chain.cluster("idp", provider.handler()), Box::new(each_time_another))
}

fn for_introspection() -> Wait {
    let answer =
        json!({"active": true, "iss": I, "sub": "alice", "aud": R, "exp": 4_000_000_000_u64, "token_type": "Bearer"});
    let source = json!({
        "source": "introspection", "cluster": "idp", "introspection_endpoint": "https://idp.example/introspect",
        "issuer": I, "resources": [{"resource": R}],
    });
    let config = json!({
        "token": source, "unmatched": "allow",
        "rules": [{"name": "a", "match": {"path": {"exact": "/other"}}, "require": {"acr_values": ["mfa"]}}],
    });
    let gateway = Gateway::chain([plugin("claim_challenge", config)])
        .cluster("idp", move |_: &Request| Reply::After(SLOW, Response::json(200, &answer)));
    (gateway, Box::new(each_time_another))
}

fn each_time_another(gateway: &dyn Running) -> String {
    good(gateway).sign()
}

/// The probe, with a call to a slow service and then the act.
fn probe(then: &[Value]) -> Gateway {
    let call = json!({"call": {"cluster": "slow", "timeout_ms": 5000, "then_no_body": true}});
    let acts: Vec<&Value> = [&call].into_iter().chain(then).collect();
    Gateway::chain([plugin("driver_probe", json!({"routes": {"/a": acts}}))])
        .cluster("slow", |_: &Request| Reply::After(SLOW, Response::json(200, &json!({}))))
}

/// Sends as much through each wait, over each protocol.
fn pass_unchanged(runner: &dyn Runner, mebibytes: usize) {
    let pieces = pieces(mebibytes);
    let whole = pieces.concat();
    for wait in [for_keys, for_an_exchange, for_introspection] {
        let (gateway, prepare) = wait();
        let gateway = runner.start(gateway).unwrap();
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let token = prepare(&*gateway);
            let outcome = gateway.send(post("/mcp").chunked(pieces.clone()).over(protocol).bearer(&token));
            assert!(outcome.allowed().whole_body() == whole, "{protocol:?}: other bytes arrived");
        }
    }
}

scenarios! {
    fn long_bodies_pass_through_each_wait_unchanged(runner) {
        pass_unchanged(runner, 4);
    }

    fn a_long_body_with_trailers_passes_through_a_wait(runner) {
        let gateway = runner.start(probe(&[json!({"allow": {}})])).unwrap();
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let request = post("/a").chunked(pieces(4)).trailers([("x-end", "1")]).over(protocol);
            assert!(gateway.send(request).allowed().whole_body() == pieces(4).concat());
        }
        gateway.send(get("/a")).allowed();
    }

    fn a_long_body_whose_request_is_denied_after_the_wait_goes_nowhere(runner) {
        let gateway = runner.start(probe(&[json!("deny")])).unwrap();
        for protocol in [Protocol::Http1, Protocol::Http2] {
            gateway.send(post("/a").chunked(pieces(4)).over(protocol)).denied_with(403);
        }
    }

    /// The body cannot be had before the headers have gone on, so nothing goes on.
    fn a_policy_that_wants_the_body_after_it_said_that_it_would_not_is_denied(runner) {
        let gateway = runner.start(probe(&[json!({"read_body": {"limit": 100}}), json!({"allow": {}})])).unwrap();
        for protocol in [Protocol::Http1, Protocol::Http2] {
            for request in [post("/a").body("hello"), post("/a").chunked(["he".to_owned(), "llo".to_owned()])] {
                gateway.send(request.over(protocol)).denied_with(503).has_code("internal_fault");
            }
        }
        gateway.send(get("/a")).allowed();
    }
}

mod very_long {
    use std::{
        io::{Read as _, Write as _},
        net::TcpStream,
        sync::{Mutex, mpsc},
    };

    use fourleg_lab::{
        echo_upstream::{Answer, EchoUpstream, Responding},
        envoy::{Bootstrap, Cluster, WasmFilter, target_dir},
    };
    use fourleg_tests::warm;

    use super::*;

    mod on_envoy {
        use super::*;

        #[test]
        fn fifty_mebibytes_pass_through_each_wait_unchanged() {
            pass_unchanged(&warm::envoy(), 50);
        }

        /// What the client cannot send takes no memory of the proxy.
        #[test]
        fn a_client_is_held_back_while_a_filter_waits() {
            let upstream = EchoUpstream::start().unwrap();
            let (go_on, told) = mpsc::channel::<()>();
            let told = Mutex::new(told);
            let slow = EchoUpstream::start_with(move |_| {
                let _ = told.lock().unwrap().recv_timeout(Duration::from_secs(30));
                Answer::from(Responding::new(200, "{}"))
            })
            .unwrap();
            let call = json!({"call": {"cluster": "slow", "timeout_ms": 30000, "then_no_body": true}});
            let config = json!({"routes": {"/a": [call, {"allow": {}}]}});
            let module = target_dir().join("wasm/driver_probe.wasm");
            let bootstrap = Bootstrap::before(upstream.address())
                .filter(WasmFilter::new("driver_probe", module, config.to_string()))
                .cluster(Cluster::new("slow", slow.address()));
            let running = warm::serve(&bootstrap);
            let mut client = TcpStream::connect(running.address()).unwrap();
            let body = pieces(50).concat();
            let head =
                format!("POST /a HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
            client.write_all(head.as_bytes()).unwrap();
            assert!(slow.wait_for(1, Duration::from_secs(10)));
            // It writes until nobody reads.
            client.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
            let mut sent = 0;
            while let Ok(size) = client.write(&body[sent..]) {
                sent += size;
                assert!(sent < body.len(), "all of it was taken in");
            }
            assert!(sent < body.len() / 2, "{sent} bytes were taken in");
            go_on.send(()).unwrap();
            client.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
            client.write_all(&body[sent..]).unwrap();
            let mut response = Vec::new();
            client.read_to_end(&mut response).unwrap();
            assert!(response.starts_with(b"HTTP/1.1 200"));
            assert!(upstream.received()[0].request.chunks.concat() == body);
        }
    }
}
