//! Where a request goes: methods, paths and fields that could be read in two ways.

use fourleg_harness::{Protocol, get, post, request};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use super::BOTH;
use crate::fixture::{I, R, config, gateway, good, public_keys, serve};

/// Two resources of which one covers all the rest, one public path, and one rule.
fn two_resources() -> Value {
    json!({
        "issuers": [{"issuer": I, "jwks": {"inline": public_keys()}}],
        "resources": [
            {"resource": R, "match": {"path": {"prefix": "/"}}},
            {
                "resource": "https://tools.example/payments",
                "match": {"path": {"prefix": "/payments"}},
                "rules": [{"name": "pay", "match": {"methods": ["POST"], "path": {"prefix": "/payments/pay"}}, "require": {"scopes": ["pay"]}}],
            },
        ],
        "public": [{"methods": ["GET"], "path": {"exact": "/healthz"}}],
    })
}

scenarios! {
    fn a_method_in_another_case_dodges_no_rule_and_no_resource(runner) {
        let gateway = serve(runner);
        let token = good(&*gateway).sign();
        for method in ["post", "Post", "pOST", "POst"] {
            gateway.send(request(method, "/mcp/admin").over(Protocol::Http2).bearer(&token)).denied_with(400);
        }
    }

    /// SMG-14
    fn what_is_encoded_twice_is_refused_whatever_stands_beside_it(runner) {
        let gateway = serve(runner);
        let token = good(&*gateway).sign();
        for path in [
            "/mcp/x%252f..%252fadmin%252f%25", "/mcp/x%252f..%252fadmin%25", "/mcp/%252e%252e%252fhealthz%25zz", "/mcp%255c%25",
            "/mcp/x%253b%25", "/mcp/x%2500%25", "/mcp/%2561dmin", "/mcp/adm%2569n", "/%256dcp/admin", "/mcp/%252561dmin",
        ] {
            gateway.send(post(path).bearer(&token)).denied_with(400).has_code("path_refused");
        }
    }

    /// SMG-14
    fn an_end_of_the_path_that_some_system_drops_is_refused(runner) {
        let gateway = serve(runner);
        let token = good(&*gateway).sign();
        for path in [
            "/mcp/admin%3f", "/mcp/admin%3fx", "/mcp/admin%23", "/mcp/admin%253f", "/mcp/admin.", "/mcp/admin%20", "/mcp/..%20/mcp/admin",
        ] {
            gateway.send(post(path).bearer(&token)).denied_with(400).has_code("path_refused");
        }
    }

    fn a_field_that_names_another_path_is_refused(runner) {
        let gateway = serve(runner);
        let token = good(&*gateway).sign();
        for name in ["x-original-url", "x-rewrite-url", "X_Original_URL"] {
            gateway.send(get("/mcp").bearer(&token).header(name, "/mcp/admin")).denied_with(400).has_code("path_override");
        }
    }

    fn a_token_for_the_rest_opens_no_spelling_of_a_resource_of_its_own(runner) {
        let gateway = runner.start(gateway(two_resources())).unwrap();
        let rest = good(&*gateway).sign();
        let own = good(&*gateway).audience("https://tools.example/payments").scope("read").sign();
        gateway.send(get("/anything").bearer(&rest)).allowed();
        for path in [
            "/payments", "/payments/", "/payments?x", "/payments?", "/payments/pay/", "/payments/pay/1?/files",
            "/payments/%C3%A9", "/payments/a%20b", "/payments/.hidden", "/payments/~", "/payments/*", "/payments/x:y", "/payments/100%25",
        ] {
            let outcomes = gateway.send_all(vec![get(path).bearer(&rest), post(path).bearer(&rest), get(path).bearer(&own)]);
            outcomes[0].denied_with(401).has_code("audience_mismatch");
            outcomes[1].denied_with(401).has_code("audience_mismatch");
            outcomes[2].allowed();
        }
        for path in [
            "/%70ayments", "/paymen%74s/1", "/payments/%70ay", "/%50ayments", "//payments", "/x//payments", "/./payments", "/x/../payments", "/%2e/payments", "/x/%2e%2e/payments", "/x/..%2fpayments", "/x%2f..%2fpayments", "/x/.%2e/payments",
            "/;/payments", "/payments;x=1", "/x;/../payments", "/x/..;/payments", "/%5cpayments", "/\\payments", "/%2fpayments", "/%252fpayments", "/%25252fpayments",
            "/x/%252e%252e/payments", "/payments%00", "/payments%0a", "/payments%0d", "/payments%09", "/payments%7f", "/payments%c2%85", "/payments%3b", "/payments%253b",
            "/%c0%afpayments", "/%e0%80%afpayments", "/%f0%80%80%afpayments", "/%c1%9cpayments", "/payments%", "/payments%1", "/payments%zz", "/%u0070ayments", "/payments%ff",
        ] {
            for outcome in gateway.send_all(vec![get(path).bearer(&rest), post(path).bearer(&rest), request("HEAD", path).bearer(&own)]) {
                outcome.denied_with(400);
            }
        }
        for path in ["/payments/pay", "/payments/pay/", "/payments/pay/1", "/payments/pay?x=/payments"] {
            gateway.send(post(path).bearer(&own)).denied_with(403).has_code("insufficient_scope");
        }
        for path in ["/healthz%20", "/healthz.", "/healthz%3f", "/healthz%23"] {
            gateway.send(get(path)).denied_with(400).has_code("path_refused");
        }
        for path in ["/healthz/", "/healthz/payments", "/Healthz", "/healthz,", "/healthz%2c/payments", "/healthz%26"] {
            gateway.send(get(path)).denied_with(401).has_code("credential_missing");
        }
    }

    fn an_upgrade_is_never_public(runner) {
        let gateway = serve(runner);
        gateway.send(get("/healthz").header("connection", "upgrade").header("upgrade", "websocket")).never_reached_upstream();
    }

    fn what_looks_like_an_rpc_a_tunnel_or_an_upgrade_is_judged_like_anything_else(runner) {
        let mut gateways = vec![serve(runner)];
        if runner.name() == "wasmtime" {
            gateways.push(runner.start(gateway(config()).upgrades()).unwrap());
        }
        for gateway in gateways {
            let token = good(&*gateway).audience("https://other.example").sign();
            let mut requests = Vec::new();
            for protocol in BOTH {
                for media_type in ["application/grpc", "application/grpc+proto", "application/grpc-web"] {
                    let rpc = post("/mcp").over(protocol).header("content-type", media_type).header("te", "trailers");
                    requests.extend([rpc.clone(), rpc.bearer(&token).body("x")]);
                }
            }
            for upgrade in ["websocket", "h2c", "H2C", "TLS/1.0", "connect-udp"] {
                let upgrading = get("/mcp").header("connection", "upgrade, http2-settings").header("upgrade", upgrade).header("http2-settings", "AAMAAABkAAQAAP__");
                requests.extend([upgrading.clone(), upgrading.bearer(&token)]);
            }
            for target in ["/mcp", "/healthz", "tools.example:443", "/mcp/admin"] {
                requests.extend([request("CONNECT", target), request("CONNECT", target).bearer(&token)]);
            }
            for outcome in gateway.send_all(requests) {
                outcome.never_reached_upstream();
            }
        }
    }
}
