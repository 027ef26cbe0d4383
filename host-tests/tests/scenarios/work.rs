//! Work grows with the input and never faster, whatever a client sends and before its token was accepted.
//!
//! Measured is the fuel that the filters use, never the time. Each shape of an input is sent at 1, 2, 4 … 64 KiB.

mod inputs;

use std::fs;

use fourleg_harness::{Emulated, Gateway, Plugin, Request, Running, Wasmtime, get, plugin, plugin_raw, post};
use fourleg_harness::{Outcome, Response};
use fourleg_lab::mint::{Mint, Token};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use crate::{
    exchange::provider::{Asked, Provider, issued},
    fixture::{I, R, config, public_keys},
};
use inputs::Input;

/// A step that is twice as large, as from 2 to 4 KiB after that from 1 to 2, may add so many times the work. Twice would
/// be linear; the rest is for sorted maps and for buffers that grow by doubling.
const MOST_FOR_TWICE: f64 = 2.5;

/// A step that adds less does not count: what an allocator finds free would look like growth. It is a tenth of a
/// millisecond.
const LEAST_WORK: u64 = 300_000;

/// The issuer and the resource of `envoy/all-four.yaml`.
const ISSUER: &str = "https://idp.example/realms/agents";
const TOOLS: &str = "https://tools.example/mcp";

/// The filters of `envoy/all-four.yaml`, with the configurations that are written there.
fn shipped_chain() -> Vec<Plugin> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../envoy/all-four.yaml");
    let yaml: Value = serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
    let filters = yaml.pointer(manager).and_then(Value::as_array).unwrap().iter();
    let wasm = filters.filter_map(|filter| filter.pointer("/typed_config/config"));
    let plugins: Vec<Plugin> = wasm
        .map(|filter| {
            let name = filter["name"].as_str().unwrap();
            match &filter["configuration"]["value"] {
                Value::String(text) => plugin_raw(name, text.clone()),
                document => plugin(name, document.clone()),
            }
        })
        .collect();
    assert_eq!(plugins.len(), 4);
    plugins
}

/// That chain with its authorization server.
fn all_four() -> Gateway {
    let provider = Provider::default();
    provider.does(|asked: &Asked| Response::json(200, &issued(&asked.wanted().claim("iss", ISSUER).sign())));
    Gateway::chain(shipped_chain())
        .cluster("idp", |_: &Request| Response::json(200, &public_keys()))
        .cluster("idp_token", provider.handler())
}

/// A token with which everything passes that chain.
fn good(gateway: &dyn Running) -> Token {
    let details = json!([{"type": "payment", "currency": "EUR", "max_amount": 100, "creditor": "DE02"}]);
    Mint::new(ISSUER, TOOLS)
        .at(gateway.now())
        .access_token()
        .scope("tools:read tools:delete b:read")
        .claim("acr", "urn:mfa")
        .claim("auth_time", gateway.now())
        .claim("authorization_details", details)
}

/// Each filter by itself, verifying tokens where it can.
fn alone() -> Vec<Plugin> {
    let token = json!({
        "source": "verify", "issuers": [{"issuer": I, "jwks": {"inline": public_keys()}}], "resources": [{"resource": R}],
    });
    let mcp = json!({"path": {"prefix": "/mcp"}, "mcp": {"tools": ["pay"]}});
    let types = json!({"payment": {"fields": {"max_amount": "ceiling", "to": "equal"}}});
    let server = json!({
        "name": "idp", "cluster": "idp", "token_endpoint": "https://idp.example/t1/token", "issuer": I,
    });
    vec![
        plugin("audience_validation", config()),
        plugin(
            "claim_challenge",
            json!({
                "token": token, "unmatched": "allow",
                "rules": [{"name": "pay", "match": mcp, "require": {"acr_values": ["urn:mfa"]}}],
            }),
        ),
        plugin(
            "rar_enforcement",
            json!({
                "token": token, "types": types, "unmatched": "allow",
                "rules": [
                    {"name": "call", "match": mcp, "require": {"type": "payment", "max_amount": "{mcp.arguments/amount}"}},
                    {"name": "query", "match": {"path": {"exact": "/healthz"}}, "require": {"type": "payment", "max_amount": "{query.amount}", "to": "{header.x-to}"}},
                ],
            }),
        ),
        plugin(
            "token_exchange",
            json!({
                "token": token, "authorization_servers": [server],
                "targets": [{"name": "b", "match": {"path": {"prefix": "/"}}, "authorization_server": "idp", "audience": ["tool-b"]}],
            }),
        ),
    ]
}

/// Fails if twice as much of an input takes more than twice the work, and a little.
#[track_caller]
fn require_linear(gateway: &Emulated, input: &Input, base: &Request, whose: &str) {
    let work = |size: usize| {
        let before = gateway.fuel_used();
        gateway.send((input.make)(base.clone(), size));
        gateway.fuel_used() - before
    };
    // What is kept from one request to the next is there after the first ones.
    (0..3).for_each(|_| {
        work(1024);
    });
    let works: Vec<u64> = (0..7).map(|power| work(1024 << power)).collect();
    // What a request takes without any of the input.
    let constant = works[0].saturating_sub(works[1].saturating_sub(works[0]));
    for sizes in works.windows(3) {
        let [small, middle, large] = sizes else { unreachable!() };
        // Where more of it takes less, it is too much: it is refused, and what follows is another measure.
        let Some(first) = middle.checked_sub(*small) else { continue };
        let most = first.max(LEAST_WORK) as f64 * MOST_FOR_TWICE;
        let second = large.saturating_sub(*middle) as f64;
        // From a limit on each byte may take another share of the work: then the sums tell.
        let sums = [middle, large].map(|sum| sum.saturating_sub(constant).max(LEAST_WORK) as f64);
        assert!(
            second <= most || sums[1] <= sums[0] * MOST_FOR_TWICE,
            "{whose}, {}: more than linear, {works:?}",
            input.name
        );
    }
}

#[test]
fn the_chain_works_in_proportion_to_what_a_client_sends() {
    let gateway = Wasmtime::default().emulate(all_four()).unwrap();
    let token = good(&gateway).sign();
    for (whose, base) in [
        ("a public path", get("/healthz?access_token=1")),
        ("no token", get("/mcp")),
        ("a good token", get("/mcp").bearer(&token).header("accept", "text/event-stream")),
    ] {
        for input in inputs::of_heads() {
            require_linear(&gateway, &input, &base, whose);
        }
    }
    for (whose, base) in [("no token", post("/mcp")), ("a good token", post("/mcp").bearer(&token))] {
        for input in inputs::of_bodies() {
            require_linear(&gateway, &input, &base, whose);
        }
    }
    for input in inputs::of_tokens() {
        require_linear(&gateway, &input, &get("/mcp"), "a token of nobody");
    }
}

#[test]
fn each_filter_alone_works_in_proportion_to_what_a_client_sends() {
    for filter in alone() {
        let name = filter.module.clone();
        let gateway = Gateway::chain([filter]).cluster("idp", |_: &Request| Response::json(200, &json!({})));
        let gateway = Wasmtime::default().emulate(gateway).unwrap();
        let token = crate::fixture::good(&gateway).sign();
        for base in [get("/healthz?amount=1"), get("/healthz?amount=1").bearer(&token)] {
            for input in inputs::of_heads() {
                require_linear(&gateway, &input, &base, &name);
            }
        }
        for input in inputs::of_bodies() {
            require_linear(&gateway, &input, &post("/mcp").bearer(&token), &name);
        }
        for input in inputs::of_tokens() {
            require_linear(&gateway, &input, &get("/mcp"), &name);
        }
    }
}

scenarios! {
    /// It took a worker seconds, when each beginning of a name was read anew.
    fn a_query_of_brackets_is_answered_like_any_other(runner) {
        let gateway = runner.start(all_four()).unwrap();
        let brackets = "a[".repeat(28 * 1024);
        let outcome = gateway.send(get(format!("/healthz?access_token=1&{brackets}")));
        assert_eq!(outcome.allowed().path, format!("/healthz?{brackets}").into_bytes());
        gateway.send(get(format!("/mcp?{brackets}"))).denied_with(401).has_code("credential_missing");
        let token = good(&*gateway).sign();
        let hidden: Outcome = gateway.send(get(format!("/healthz?{brackets}&access_token=1&access_token[a]=2")).bearer(&token));
        assert_eq!(hidden.allowed().path, format!("/healthz?{brackets}").into_bytes());
    }
}
