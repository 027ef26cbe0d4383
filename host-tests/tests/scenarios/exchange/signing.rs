//! A client that signs: by the proxy where it can, by the filter for the rest; a real provider accepts both.

use std::{sync::Arc, time::Duration};

use fourleg_harness::{ForeignFunctions, Gateway, Outcome, Response, Runner, Running, Wasmtime, get};
use fourleg_lab::{
    identity_provider::{Client, IdentityProvider},
    mint::{Algorithm, SigningKey, key, stranger},
    raw_client,
    wire::WireRequest,
};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use super::{B, Provider, chain, forwarded, of_user, set, to_b};
use crate::fixture::I;

const ALL: [Algorithm; 4] = [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa];

const BY_THE_PROXY: &str = "crypto: the proxy signs";
const BY_THE_FILTER: &str = "crypto: the proxy has no sign that works; the filter signs itself";

/// A provider that knows the client `gateway` by this key.
fn provider_of(key: &SigningKey) -> Arc<IdentityProvider> {
    let client = Client::key_holder("gateway", key).scopes(["b:read"]);
    Arc::new(IdentityProvider::builder().issuer(I).audience(B).register(client).start().unwrap())
}

/// A gateway that signs with this key, asks that provider, and gets a token of its own for B.
fn gateway(provider: &Arc<IdentityProvider>, key: &SigningKey) -> Gateway {
    let pem = key.private_pem();
    let client = json!({
        "method": "private_key_jwt", "client_id": "gateway", "algorithm": key.algorithm().name(), "private_key": pem,
    });
    let ours = set(to_b(), "/authorization_servers/0/client_auth", client);
    let ours = set(ours, "/targets/0/flow", json!("client_credentials"));
    let asked = Provider::default();
    let provider = Arc::clone(provider);
    asked.does(move |asked| {
        let request = WireRequest {
            method: "POST".to_owned(),
            path: path_of(&provider.token_endpoint()),
            authority: b"idp.example".to_vec(),
            headers: vec![(b"content-type".to_vec(), b"application/x-www-form-urlencoded".to_vec())],
            chunks: vec![asked.request.whole_body()],
            ..WireRequest::default()
        };
        // The handler runs where nothing may wait, so the question has a thread of its own.
        let answer = std::thread::scope(|scope| {
            scope
                .spawn(|| raw_client::send(provider.address(), &request, Duration::from_secs(10)).unwrap())
                .join()
                .unwrap()
        });
        Response::json(answer.status, &serde_json::from_slice::<Value>(&answer.body).unwrap())
    });
    // Each full line of the key is a canary: none may show in a log, a metric or an answer.
    pem.lines().filter(|line| line.len() == 64).fold(chain(&asked, ours), Gateway::canary)
}

fn path_of(url: &str) -> Vec<u8> {
    url.splitn(4, '/').nth(3).map(|path| format!("/{path}").into_bytes()).unwrap()
}

fn send(provider: &IdentityProvider, gateway: &dyn Running) -> Outcome {
    provider.set_clock(gateway.now());
    gateway.send(get("/mcp").bearer(&of_user(gateway, "alice").sign()))
}

fn says(gateway: &dyn Running, text: &str) -> bool {
    gateway.logs().iter().any(|line| line.contains(text))
}

scenarios! {
    /// TEX-25
    fn a_provider_accepts_what_the_proxy_signs_and_what_the_filter_signs(runner) {
        for algorithm in ALL {
            let provider = provider_of(key(algorithm));
            let running = runner.start(gateway(&provider, key(algorithm))).unwrap();
            assert_eq!(forwarded(&send(&provider, &*running))["sub"], "gateway", "{algorithm:?}");
            let by_the_proxy = matches!(algorithm, Algorithm::Rs256 | Algorithm::Es256);
            assert_eq!(says(&*running, BY_THE_PROXY), by_the_proxy, "{algorithm:?}");
            assert!(!says(&*running, BY_THE_FILTER), "no proxy is asked for what none can do");
        }
    }

    /// TEX-25
    fn a_provider_refuses_who_signs_with_another_key(runner) {
        for algorithm in ALL {
            let provider = provider_of(key(algorithm));
            let running = runner.start(gateway(&provider, stranger(algorithm))).unwrap();
            send(&provider, &*running).denied_with(502).has_code("exchange_client_refused").never_reached_upstream();
        }
    }
}

/// A proxy that is not Envoy, or an older one.
#[test]
fn without_the_proxys_help_the_filter_signs_itself() {
    let none = ForeignFunctions { sign: false, ..ForeignFunctions::default() };
    for algorithm in ALL {
        let provider = provider_of(key(algorithm));
        let gateway = gateway(&provider, key(algorithm)).foreign_functions(none);
        let running = Wasmtime::default().start(gateway).unwrap();
        assert_eq!(forwarded(&send(&provider, &*running))["sub"], "gateway", "{algorithm:?}");
        assert!(!says(&*running, BY_THE_PROXY), "{algorithm:?}");
        let is_missed = matches!(algorithm, Algorithm::Rs256 | Algorithm::Es256);
        assert_eq!(says(&*running, BY_THE_FILTER), is_missed, "{algorithm:?}");
    }
}
