//! What was judged is where the request goes: the proxy routes by raw bytes, the filter judges what they mean (SMG-14).

use fourleg_harness::{Gateway, Request, Response, Route, Running, get, plugin, post};
use fourleg_lab::mint::Token;
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use crate::fixture::{I, good, public_keys};

const TOOLS: &str = "https://tools.example";
const PAY: &str = "https://pay.example";

/// Two resources by path on one host, and one of them on a host of its own.
fn by_path() -> Value {
    json!({
        "issuers": [{"issuer": I, "jwks": {"inline": public_keys()}}],
        "resources": [
            {"resource": TOOLS, "match": {"path": {"prefix": "/"}}, "cluster": "upstream"},
            {"resource": PAY, "match": {"path": {"prefix": "/payments"}}, "cluster": ["payments", "payments_new"]},
        ],
    })
}

fn by_host() -> Value {
    let mut config = by_path();
    config["resources"][0]["match"] = json!({"hosts": ["tools.example"], "path": {"prefix": "/"}});
    config["resources"][1]["match"] = json!({"hosts": ["pay.example"], "path": {"prefix": "/"}});
    config
}

/// An upstream that says which one it is.
fn named(name: &'static str) -> impl Fn(&Request) -> Response + Send + Sync + 'static {
    move |_| Response::text(200, name)
}

/// Envoy's routes as many write them: by the start of the path, and by the bare host.
fn routed(config: Value) -> Gateway {
    Gateway::chain([plugin("audience_validation", config)])
        .upstream(named("tools"))
        .route(Route::to("payments", named("payments")).prefix("/payments"))
        .route(Route::to("admin", named("admin")).prefix("/mcp/admin"))
        .route(Route::to("payments_new", named("pay host")).host("pay.example"))
}

fn token(gateway: &dyn Running, resource: &str) -> String {
    Token::audience(good(gateway), resource).sign()
}

/// Which upstream the request reached.
fn reached(gateway: &dyn Running, request: Request) -> String {
    let outcome = gateway.send(request);
    outcome.allowed();
    String::from_utf8(outcome.response.body).unwrap()
}

scenarios! {
    fn an_escape_that_hides_a_path_from_the_proxy_is_refused(runner) {
        let gateway = runner.start(routed(by_path())).unwrap();
        for resource in [TOOLS, PAY] {
            let token = token(&*gateway, resource);
            for path in ["/mcp/%61dmin/users", "/%70ayments/x", "/payment%73/x", "/mcp/admi%6E", "/mcp/admin%2Dx", "/%5Fmcp"] {
                gateway.send(get(path).bearer(&token)).denied_with(400).has_code("path_refused");
                gateway.send(post(path).bearer(&token)).denied_with(400).has_code("path_refused");
            }
        }
        let tools = token(&*gateway, TOOLS);
        assert_eq!(reached(&*gateway, get("/%7Euser/a%20b").bearer(&tools)), "tools");
    }

    fn a_request_that_is_routed_elsewhere_than_it_is_judged_is_denied(runner) {
        let gateway = runner.start(routed(by_path())).unwrap();
        let (tools, pay) = (token(&*gateway, TOOLS), token(&*gateway, PAY));
        assert_eq!(reached(&*gateway, get("/mcp").bearer(&tools)), "tools");
        for path in ["/payments", "/payments/x", "/payments?x"] {
            assert_eq!(reached(&*gateway, get(path).bearer(&pay)), "payments");
            gateway.send(get(path).bearer(&tools)).denied_with(401).has_code("audience_mismatch");
        }
        for path in ["/paymentsmcp", "/payments.json", "/payments-x/y", "/mcp/admin", "/mcp/administrators"] {
            gateway.send(get(path).bearer(&tools)).denied_with(403).has_code("cluster_mismatch").no_header("www-authenticate");
            gateway.send(get(path).bearer(&pay)).never_reached_upstream();
            gateway.send(get(path)).denied_with(403);
        }
    }

    fn a_host_with_a_port_or_a_dot_that_the_proxy_takes_for_another_is_denied(runner) {
        let gateway = runner.start(routed(by_host())).unwrap();
        let (tools, pay) = (token(&*gateway, TOOLS), token(&*gateway, PAY));
        for host in ["pay.example", "PAY.example"] {
            assert_eq!(reached(&*gateway, get("/x").host(host).bearer(&pay)), "pay host");
            gateway.send(get("/x").host(host).bearer(&tools)).denied_with(401).has_code("audience_mismatch");
        }
        for host in ["pay.example.", "pay.example:8443", "PAY.example:443"] {
            gateway.send(get("/x").host(host).bearer(&pay)).denied_with(403).has_code("cluster_mismatch");
        }
        assert_eq!(reached(&*gateway, get("/x").host("tools.example:8443").bearer(&tools)), "tools");
    }

    /// Of what is denied nothing is exchanged: no token of payments comes into being for a request that goes elsewhere.
    fn a_target_gets_its_token_only_where_the_proxy_sends_the_request(runner) {
        let target = |name: &str, path: &str, cluster: Value| json!({
            "name": name, "match": {"path": {"prefix": path}}, "cluster": cluster, "authorization_server": "idp", "audience": [name],
        });
        let exchange = json!({
            "authorization_servers": [{"name": "idp", "cluster": "idp", "token_endpoint": "https://idp.example/t", "issuer": I}],
            "targets": [target("pay", "/payments", json!(["payments"])), target("tools", "/", json!("upstream"))],
        });
        let mut first = by_path();
        first["resources"] = json!([{"resource": TOOLS}]);
        first["forward"] = json!({"authorization": "exchange"});
        let mut gateway = routed(first);
        gateway.plugins.push(plugin("token_exchange", exchange));
        let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let count = std::sync::Arc::clone(&asked);
        let gateway = runner.start(gateway.cluster("idp", move |_: &Request| {
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            Response::json(400, &json!({"error": "invalid_target"}))
        })).unwrap();
        let token = token(&*gateway, TOOLS);
        for path in ["/paymentsmcp", "/mcp/admin"] {
            gateway.send(get(path).bearer(&token)).denied_with(403).has_code("cluster_mismatch");
        }
        assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 0);
        for path in ["/payments/x", "/mcp"] {
            gateway.send(get(path).bearer(&token)).denied_with(403).has_code("exchange_denied");
        }
        assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 2);
    }
}

/// With what the shipped configurations set, Envoy reads host and path as the filter does.
mod normalised {
    mod on_envoy {
        use fourleg_harness::Runner;
        use fourleg_tests::warm;

        use super::super::*;

        #[test]
        fn every_spelling_reaches_the_server_that_it_was_judged_for() {
            let members = json!({
                "normalize_path": true, "merge_slashes": true, "path_with_escaped_slashes_action": "REJECT_REQUEST",
                "strip_any_host_port": true, "strip_trailing_host_dot": true,
            });
            let by_path = warm::envoy().start(routed(by_path()).connection_manager(members.clone())).unwrap();
            let (tools, pay) = (token(&*by_path, TOOLS), token(&*by_path, PAY));
            for path in ["/%70ayments/x", "//payments/x", "/x/../payments"] {
                assert_eq!(reached(&*by_path, get(path).bearer(&pay)), "payments");
                by_path.send(get(path).bearer(&tools)).denied_with(401).has_code("audience_mismatch");
            }
            by_path.send(get("/mcp/%61dmin/users").bearer(&tools)).denied_with(403).has_code("cluster_mismatch");
            by_path.send(get("/x/..%2fpayments").bearer(&pay)).denied_with(400);
            let by_host = warm::envoy().start(routed(by_host()).connection_manager(members)).unwrap();
            let pay = token(&*by_host, PAY);
            for host in ["pay.example.", "pay.example:8443", "pay.example.:8443"] {
                assert_eq!(reached(&*by_host, get("/x").host(host).bearer(&pay)), "pay host", "{host}");
            }
        }
    }
}
