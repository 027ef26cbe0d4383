//! Attacks: what a hostile client, a hostile key endpoint and a careless neighbour on the way may try, in one place.
//! None of it may get past the filter, trap its VM or show a token.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use fourleg_harness::{Gateway, Outcome, Protocol, Reply, Request, Response, get, plugin, post, request};
use fourleg_lab::mint::{Algorithm, base64url, compact_with_signature, jwks, key, stranger};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use crate::fixture::{I, R, config, gateway, good, public_keys, serve};

const BOTH: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

/// If a request got through, then with exactly one credential, and that one is the good token.
fn only_with(token: &str, outcome: &Outcome) {
    for upstream in &outcome.upstream {
        let credentials: Vec<_> =
            upstream.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"authorization")).collect();
        let is_good = matches!(credentials.as_slice(), [(_, value)] if value.trim_ascii().strip_prefix(b"Bearer ") == Some(token.as_bytes()));
        assert!(is_good, "{}", outcome.picture());
    }
}

/// No field that only Fourleg may set has reached the upstream, by headers or by trailers.
fn no_identity(outcome: &Outcome) {
    let upstream = outcome.allowed();
    let names = upstream.headers.iter().chain(upstream.trailers.iter().flatten()).map(|(name, _)| name);
    for name in names {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase().replace('_', "-");
        assert!(!name.starts_with("x-fourleg-"), "{name}\n{}", outcome.picture());
    }
}

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

/// audience-validation with keys from a cluster that answers as it is told.
fn fetching(reply: Reply, remote: Value) -> (Gateway, Arc<AtomicUsize>) {
    let mut settings =
        json!({"cluster": "idp", "uri": "https://as.example.com/jwks", "cooldown_seconds": 60, "timeout_ms": 1000});
    settings.as_object_mut().unwrap().extend(remote.as_object().unwrap().clone());
    let config = json!({"issuers": [{"issuer": I, "jwks": {"remote": settings}}], "resources": [{"resource": R}]});
    let fetches = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&fetches);
    let gateway = Gateway::chain([plugin("audience_validation", config)]).cluster("idp", move |_: &Request| {
        counted.fetch_add(1, Ordering::SeqCst);
        reply.clone()
    });
    (gateway, fetches)
}

/// `number + other`, little-endian, without the carry.
fn sum(number: &[u8], other: &[u8]) -> Vec<u8> {
    let mut carry = 0_u16;
    let digits = number.iter().zip(other).map(|(a, b)| {
        let digit = u16::from(*a) + u16::from(*b) + carry;
        carry = digit >> 8;
        digit.to_le_bytes()[0]
    });
    digits.collect()
}

fn header_of(algorithm: Algorithm) -> String {
    json!({"alg": algorithm.name(), "kid": key(algorithm).kid(), "typ": "at+jwt"}).to_string()
}

/// A generator of the kind of Knuth's MMIX: the same numbers in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.roll(from.len())]
    }
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

    fn a_null_or_a_list_where_an_object_belongs_does_not_load(runner) {
        let refused = |pointer: &str, value: Value| {
            let mut config = config();
            *config.pointer_mut(pointer).unwrap() = value.clone();
            assert!(runner.start(gateway(config)).is_err(), "{pointer} {value}");
        };
        for pointer in ["/resources/0/require", "/resources/0/require/scopes", "/resources/0/rules", "/public/0/methods"] {
            refused(pointer, Value::Null);
        }
        for (pointer, value) in [
            ("/public/0", json!([["POST"]])), ("/resources/0", json!([R])), ("/resources/0/require", json!([])), ("/resources/0/match", json!([["GET"]])),
        ] {
            refused(pointer, value);
        }
    }

    fn a_public_area_that_is_everything_does_not_load(runner) {
        for public in [json!({"path": {"prefix": "/"}}), json!({"methods": ["GET"]}), json!({"path": {"prefix": "/mcp"}})] {
            let mut config = config();
            config["public"] = json!([public]);
            assert!(runner.start(gateway(config)).is_err(), "{public}");
        }
    }

    fn an_upgrade_is_never_public(runner) {
        let gateway = serve(runner);
        gateway.send(get("/healthz").header("connection", "upgrade").header("upgrade", "websocket")).never_reached_upstream();
    }

    fn no_second_credential_rides_along_in_an_empty_a_blank_or_a_nominated_field(runner) {
        let gateway = serve(runner);
        let token = good(&*gateway).sign();
        let bearer = format!("Bearer {token}");
        for protocol in BOTH {
            let get = || get("/mcp").over(protocol);
            for empty in ["", " ", "\t", "  \t "] {
                only_with(&token, &gateway.send(get().header("authorization", empty).header("authorization", &bearer)));
                only_with(&token, &gateway.send(get().header("authorization", &bearer).header("authorization", empty)));
                gateway.send(get().header("authorization", empty)).never_reached_upstream();
            }
            for name in ["AUTHORIZATION", "aUTHORIZATION"] {
                gateway.send(get().header(name, "Bearer x.y.z").header("authorization", &bearer)).denied_with(400);
            }
            gateway.send(get().header("authorization", &bearer).header("proxy-authorization", "Bearer x").header("cookie", "authorization=x")).allowed();
        }
        for connection in ["authorization", "close, authorization", "Authorization, keep-alive"] {
            only_with(&token, &gateway.send(get("/mcp").header("connection", connection).header("authorization", &bearer)));
            gateway.send(get("/mcp").header("connection", connection).header("authorization", "Bearer x.y.z")).never_reached_upstream();
        }
    }

    fn no_field_of_ours_goes_upstream_however_it_is_spelt_and_wherever_it_stands(runner) {
        let gateway = serve(runner);
        let token = good(&*gateway).sign();
        for protocol in BOTH {
            let mut many = post("/mcp").over(protocol).bearer(&token);
            for name in ["x-fourleg-claims", "x_fourleg_claims", "x-fourleg_claims", "x-fourleg-", "x_fourleg_", "x-fourleg--", "x-fourleg-\u{7e}"] {
                many = many.header(name, "mallory").header(name, "twice");
            }
            no_identity(&gateway.send(many.clone()));
            no_identity(&gateway.send(many.clone().body("x").trailers([("x-fourleg-claims", "mallory"), ("x_fourleg_claims", "mallory"), ("x-fourleg-claims", "twice")])));
            no_identity(&gateway.send(get("/healthz").over(protocol).header("x_fourleg-claims", "mallory")));
        }
        // The same after a wait, when another context is at work.
        let (waiting, _) = fetching(Reply::After(Duration::from_millis(300), Response::json(200, &public_keys())), json!({}));
        let gateway = runner.start(waiting).unwrap();
        let requests = (0..6).map(|number| {
            let trailers = [("x-fourleg-claims", "mallory"), ("x-end", "1")];
            let request = post("/mcp").over(BOTH[number % 2]).bearer(&good(&*gateway).sign()).header("x_fourleg-claims", "mallory").header("x-number", number.to_string());
            if number < 3 { request.body("x").trailers(trailers) } else { request }
        });
        for (number, outcome) in gateway.send_all(requests.collect()).iter().enumerate() {
            no_identity(outcome);
            assert_eq!(outcome.allowed().header_text("x-number"), Some(number.to_string()));
        }
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

    fn a_token_for_the_rest_opens_no_spelling_of_a_resource_of_its_own(runner) {
        let gateway = runner.start(gateway(two_resources())).unwrap();
        let rest = good(&*gateway).sign();
        let own = good(&*gateway).audience("https://tools.example/payments").scope("read").sign();
        gateway.send(get("/anything").bearer(&rest)).allowed();
        for path in [
            "/payments", "/payments/", "/payments?x", "/payments?", "/%70ayments", "/paymen%74s/1", "/payments/%70ay", "/payments/pay/", "/payments/pay/1?/files",
            "/payments/%C3%A9", "/payments/a%20b", "/payments/.hidden", "/payments/~", "/payments/*", "/payments/x:y", "/payments/100%25",
        ] {
            let outcomes = gateway.send_all(vec![get(path).bearer(&rest), post(path).bearer(&rest), get(path).bearer(&own)]);
            outcomes[0].denied_with(401).has_code("audience_mismatch");
            outcomes[1].denied_with(401).has_code("audience_mismatch");
            outcomes[2].allowed();
        }
        for path in [
            "//payments", "/x//payments", "/./payments", "/x/../payments", "/%2e/payments", "/x/%2e%2e/payments", "/x/..%2fpayments", "/x%2f..%2fpayments", "/x/.%2e/payments",
            "/;/payments", "/payments;x=1", "/x;/../payments", "/x/..;/payments", "/%5cpayments", "/\\payments", "/%2fpayments", "/%252fpayments", "/%25252fpayments",
            "/x/%252e%252e/payments", "/payments%00", "/payments%0a", "/payments%0d", "/payments%09", "/payments%7f", "/payments%c2%85", "/payments%3b", "/payments%253b",
            "/%c0%afpayments", "/%e0%80%afpayments", "/%f0%80%80%afpayments", "/%c1%9cpayments", "/payments%", "/payments%1", "/payments%zz", "/%u0070ayments", "/payments%ff",
        ] {
            for outcome in gateway.send_all(vec![get(path).bearer(&rest), post(path).bearer(&rest), request("HEAD", path).bearer(&own)]) {
                outcome.denied_with(400);
            }
        }
        for path in ["/payments/pay", "/payments/pay/", "/payments/pay/1", "/payments/p%61y", "/%70ayments/%70%61%79/x", "/payments/pay?x=/payments"] {
            gateway.send(post(path).bearer(&own)).denied_with(403).has_code("insufficient_scope");
        }
        for path in ["/healthz%20", "/healthz.", "/healthz%3f", "/healthz%23"] {
            gateway.send(get(path)).denied_with(400).has_code("path_refused");
        }
        for path in ["/healthz/", "/healthz/payments", "/Healthz", "/healthz,", "/healthz%2c/payments", "/healthz%26"] {
            gateway.send(get(path)).denied_with(401).has_code("credential_missing");
        }
    }

    fn no_second_signature_of_a_number_out_of_range_verifies(runner) {
        let gateway = serve(runner);
        let claims = good(&*gateway).claims().to_string();
        let refuses = |algorithm: Algorithm, change: &dyn Fn(Vec<u8>) -> Vec<u8>| {
            let token = compact_with_signature(header_of(algorithm), &claims, |input| change(key(algorithm).sign(input)));
            gateway.send(get("/mcp").bearer(&token)).denied_with(401).has_code("signature_invalid");
        };
        // RFC 8032 §5.1.7: S is below the order of the group; S + L is the same number to a careless verifier.
        let order = [
            0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
        ];
        refuses(Algorithm::EdDsa, &|signature| [&signature[..32], &sum(&signature[32..], &order)].concat());
        // R of small order, with S = 0 and with the right S.
        for point in [{ let mut one = [0; 32]; one[0] = 1; one }, [0; 32], [0xff; 32]] {
            refuses(Algorithm::EdDsa, &|_| [point, [0; 32]].concat());
            refuses(Algorithm::EdDsa, &|signature| [&point, &signature[32..]].concat());
        }
        // RFC 8017 §8.1.2, §8.2.2: as long as the modulus, and below it.
        for algorithm in [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Rs512] {
            for change in [
                &(|_: Vec<u8>| vec![0_u8; 256]) as &dyn Fn(Vec<u8>) -> Vec<u8>, &|_| vec![0xff; 256], &|mut signature| { signature.insert(0, 0); signature },
                &|mut signature| { signature.push(0); signature }, &|signature| signature[1..].to_vec(), &|_| { let mut one = vec![0; 256]; one[255] = 1; one }, &|_| Vec::new(),
                &|signature| signature.repeat(2), &|mut signature| { signature.reverse(); signature },
            ] {
                refuses(algorithm, change);
            }
        }
        // RFC 7518 §3.4: two numbers of the curve's length.
        for algorithm in [Algorithm::Es256, Algorithm::Es384] {
            refuses(algorithm, &|signature| { let (r, s) = signature.split_at(signature.len() / 2); [s, r].concat() });
            refuses(algorithm, &|signature| vec![0xff; signature.len()]);
            refuses(algorithm, &|signature| { let (r, s) = signature.split_at(signature.len() / 2); [&[0], r, &[0], s].concat() });
            refuses(algorithm, &|signature| [&signature[..signature.len() / 2], &vec![0; signature.len() / 2]].concat());
        }
    }

    fn numbers_at_the_edge_of_every_type_neither_trap_nor_wrap(runner) {
        let gateway = serve(runner);
        let now = gateway.now();
        // Beyond 32 bits a clock that wraps would call these long gone, or a sum would trap.
        for exp in [0xffff_ffff_u64, 0xffff_fc78, 0x1_0000_0000, 0x1_0000_0001, 0x1_ffff_ffff, 253_402_300_799] {
            gateway.send(get("/mcp").bearer(&good(&*gateway).expires_at(exp).sign())).allowed();
            for claim in ["nbf", "iat"] {
                gateway.send(get("/mcp").bearer(&good(&*gateway).expires_at(exp).claim(claim, exp).sign())).denied_with(401);
            }
        }
        for exp in [0, 1, 0x7fff_ffff_u64.min(now - 100), now - 31] {
            gateway.send(get("/mcp").bearer(&good(&*gateway).expires_at(exp).sign())).denied_with(401).has_code("token_expired");
        }
        for number in ["1e-999999999", "1E+00000000000000000001", "-0", "0.1e1", "123456789012345678901234567890", "1.7976931348623157e308", "4.9e-324", &"1".repeat(300), &format!("0.{}", "1".repeat(9000))] {
            let claims = good(&*gateway).claim("x", "X").claims().to_string().replace("\"X\"", number);
            gateway.send(get("/mcp").bearer(&good(&*gateway).payload_text(claims.clone()).sign())).allowed();
            gateway.send(get("/mcp").bearer(&good(&*gateway).payload_text(claims.replace("\"x\":", "\"cnf\":")).sign())).denied_with(401);
        }
        for number in ["1e999999999", "-1e999999999", "1e", "0x10", "1_000", "01", ".5", "5.", "+1", "Infinity", &"9".repeat(9000)] {
            let claims = good(&*gateway).claim("x", "X").claims().to_string().replace("\"X\"", number);
            gateway.send(get("/mcp").bearer(&good(&*gateway).payload_text(claims).sign())).denied_with(401).has_code("token_malformed");
        }
    }

    fn nothing_that_a_client_hides_in_its_request_shows_anywhere(runner) {
        let secret = "s3cr3t-canary-value";
        let gateway = runner.start(gateway(config()).canary(secret)).unwrap();
        let token = || good(&*gateway);
        for token in [
            token().kid(secret).sign(), token().typ(secret).sign(), token().alg(secret).unsigned(), token().issuer(secret).sign(), token().audience(secret).sign(),
            token().scope(secret).sign(), token().scope(&format!("{secret}\"")).sign(), token().claim("exp", secret).sign(), token().header("crit", json!([secret])).sign(),
            token().header("jwk", json!({"k": secret})).sign(), token().claim("cnf", json!({"jkt": secret})).sign(), token().claim("act", json!({"sub": 5, "x": secret})).sign(),
            token().header_text(format!("{{\"alg\":\"{secret}")).sign(), token().payload_text(format!("{{\"{secret}\":1,\"{secret}\":2}}")).sign(),
            token().subject(secret).claim("exp", 1).sign(), token().client(secret).sign_with(stranger(Algorithm::Es256)), format!("{secret}.{secret}.{secret}"), secret.to_owned(),
        ] {
            for outcome in gateway.send_all(vec![get("/mcp").bearer(&token), post("/mcp/admin").over(Protocol::Http2).bearer(&token)]) {
                outcome.never_reached_upstream();
            }
        }
        for request in [
            get("/mcp").header("authorization", format!("{secret} x")), get("/mcp").header("authorization", format!("Basic {secret}")), get("/mcp").header("authorization", format!("Bearer {secret},{secret}")),
            get(format!("/mcp/{secret}/..")), get(format!("/{secret}")), get(format!("/mcp?access_token={secret}")), get("/mcp").header("x-http-method", secret), request(&format!("X-{secret}"), "/mcp"),
            get("/mcp").header(format!("x-fourleg-{secret}"), secret), get("/mcp").host(secret),
        ] {
            gateway.send(request).never_reached_upstream();
        }
    }

    fn a_hostile_key_endpoint_neither_traps_the_filter_nor_opens_it(runner) {
        let keys = public_keys();
        let strange = json!({"keys": [
            {"kty": "RSA", "kid": "rs256", "n": base64url([[0xff; 255].as_slice(), &[0xfe]].concat()), "e": "AQAB"}, {"kty": "RSA", "kid": "rs256", "n": base64url([0xff; 256]), "e": "AQ"},
            {"kty": "RSA", "kid": "rs256", "n": "", "e": ""}, {"kty": "EC", "crv": "P-256", "kid": "es256", "x": base64url([0; 32]), "y": base64url([0; 32])},
            {"kty": "OKP", "crv": "Ed25519", "kid": "eddsa", "x": base64url([0xff; 32])}, {"kty": "OKP", "crv": "Ed25519", "kid": "eddsa", "x": base64url([0; 32])},
            {"kty": "oct", "kid": "rs256", "alg": "RS256", "k": "AAAA"}, {"kty": "RSA", "kid": {}, "n": 5}, null, [], "x", {"keys": []},
        ]});
        let padded = |size: usize| { let text = keys.to_string(); format!("{}{text}", " ".repeat(size - text.len())) };
        let twice = format!("{{\"keys\":[],\"\\u006beys\":{}}}", keys["keys"]);
        let cases = [
            (Response::json(200, &strange), Some("unknown_key")), (Response::json(200, &json!({"keys": []})), Some("unknown_key")),
            (Response::text(200, twice), Some("keys_unavailable")), (Response::text(200, format!("{{\"keys\":{}", "[".repeat(100_000))), Some("keys_unavailable")),
            (Response::text(200, padded(256 * 1024)), None), (Response::text(200, padded(256 * 1024 + 1)), Some("keys_unavailable")),
            (Response::json(206, &keys), Some("keys_unavailable")), (Response::json(203, &keys), Some("keys_unavailable")), (Response::json(200, &keys).header("x", b"\xff\xfe"), None),
            (Response::json(200, &json!({"keys": vec![key(Algorithm::Es256).jwk(); 101]})), Some("keys_unavailable")), (Response::text(200, keys["keys"].to_string()), Some("keys_unavailable")),
        ];
        // One issuer for each answer, in one gateway.
        let issuer = |number: usize| format!("{I}/{number}");
        let issuers: Vec<Value> = (0..cases.len())
            .map(|number| json!({"issuer": issuer(number), "jwks": {"remote": {"cluster": "idp", "uri": format!("https://as.example.com/{number}"), "cooldown_seconds": 60}}}))
            .collect();
        let replies: Vec<Response> = cases.iter().map(|(reply, _)| reply.clone()).collect();
        let config = json!({"issuers": issuers, "resources": [{"resource": R}]});
        let fetches = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&fetches);
        let gateway = gateway(config).cluster("idp", move |request: &Request| {
            counted.fetch_add(1, Ordering::SeqCst);
            replies[String::from_utf8_lossy(&request.path)[1..].parse::<usize>().unwrap()].clone()
        });
        let gateway = runner.start(gateway).unwrap();
        for (number, (_, code)) in cases.iter().enumerate() {
            let token = good(&*gateway).issuer(&issuer(number));
            let outcomes = gateway.send_all(vec![get("/mcp").bearer(&token.clone().sign()), get("/mcp").bearer(&token.sign_with(stranger(Algorithm::Rs256)))]);
            match code {
                None => drop(outcomes[0].allowed()),
                Some(code) => drop(outcomes[0].never_reached_upstream().has_code(code)),
            }
            outcomes[1].never_reached_upstream();
        }
        assert!(fetches.load(Ordering::SeqCst) <= 2 * cases.len());
    }

    fn a_crowd_that_waits_for_keys_is_judged_one_by_one(runner) {
        let (waiting, fetches) = fetching(Reply::After(Duration::from_millis(400), Response::json(200, &public_keys())), json!({"timeout_ms": 3000}));
        let gateway = runner.start(waiting).unwrap();
        let crowd: Vec<Request> = (0..120).map(|number: usize| {
            let token = match number % 4 {
                0 => good(&*gateway).subject(&format!("user-{number}")).sign_with(key(Algorithm::EdDsa)),
                1 => good(&*gateway).sign_with(stranger(Algorithm::EdDsa)),
                2 => good(&*gateway).audience("https://other.example").sign_with(key(Algorithm::EdDsa)),
                _ => good(&*gateway).kid("nobody").sign_with(key(Algorithm::EdDsa)),
            };
            let request = post("/mcp").over(BOTH[number / 4 % 2]).bearer(&token).header("x-number", number.to_string()).header("x-pad", "p".repeat(2_000));
            if number.is_multiple_of(3) { request.chunked([number.to_string(), "!".to_owned()]) } else { request }
        }).collect();
        for (number, outcome) in gateway.send_all(crowd.clone()).iter().enumerate() {
            match number % 4 {
                0 => {
                    let upstream = outcome.allowed();
                    assert_eq!(upstream.header_text("x-number"), Some(number.to_string()));
                    assert_eq!(upstream.header_text("authorization"), crowd[number].header_text("authorization"));
                    assert_eq!(upstream.whole_body(), crowd[number].whole_body());
                }
                1 => drop(outcome.denied_with(401).has_code("signature_invalid")),
                2 => drop(outcome.denied_with(401).has_code("audience_mismatch")),
                _ => drop(outcome.denied_with(401).has_code("unknown_key")),
            }
        }
        assert!(fetches.load(Ordering::SeqCst) <= 2);
    }

    fn requests_at_random_pass_only_where_they_may(runner) {
        let gateway = serve(runner);
        let good = good(&*gateway).sign();
        let bad: Vec<String> = {
            let token = || crate::fixture::good(&*gateway);
            vec![
                token().expires_at(1).sign(), token().audience("x").sign(), token().scope("").sign(), token().unsigned(), token().sign_with(stranger(Algorithm::Rs256)), format!("{good}="),
                good.replacen('.', "..", 1), good[1..].to_owned(), format!("{good}A"), "x.y.z".to_owned(), jwks([key(Algorithm::Rs256)]).to_string().replace(['"', '{', '}', ':', ',', '[', ']'], ""),
            ]
        };
        let mut dice = Dice(25);
        for _ in 0..8 {
            let batch: Vec<Request> = (0..50).map(|_| {
                let method = dice.pick(&["GET", "POST", "HEAD", "PUT", "OPTIONS", "DELETE"]);
                let path = dice.pick(&["/mcp", "/mcp/x", "/mcp/admin", "/mcp/%61dmin", "/healthz", "/healthz?x", "/healthz/x", "/mcp?/healthz", "/healthz/../mcp", "/", "/mcp/admin?x=/healthz"]);
                let mut request = request(method, path).over(BOTH[dice.roll(2)]);
                for _ in 0..dice.roll(4) {
                    let name = dice.pick(&["authorization", "Authorization", "x-authorization", "x-fourleg-claims", "x-http-method", "cookie", "content-type", "x-original-authorization", "accept"]);
                    let scheme = dice.pick(&["Bearer ", "bearer  ", "Basic ", "Bearer x,Bearer ", "", "DPoP ", "Bearer Bearer "]);
                    request = request.header(name, format!("{scheme}{}", bad[dice.roll(bad.len())]));
                }
                if dice.roll(3) == 0 {
                    request = request.header("authorization", format!("Bearer {good}"));
                }
                if !matches!(method, "GET" | "HEAD") && dice.roll(2) == 0 {
                    request = request.chunked(["abc", "def"]);
                    if dice.roll(2) == 0 {
                        request = request.trailers([("authorization", format!("Bearer {good}")), ("x-fourleg-claims", "mallory".to_owned())]);
                    }
                }
                request
            }).collect();
            for (sent, outcome) in batch.iter().zip(gateway.send_all(batch.clone())) {
                let Some(upstream) = outcome.upstream.first() else { continue };
                no_identity(&Outcome { response: Response::text(200, ""), ..outcome.clone() });
                let public = matches!(sent.method.as_str(), "GET" | "HEAD") && (sent.path == b"/healthz" || sent.path == b"/healthz?x");
                if !public {
                    only_with(&good, &outcome);
                    let administers = sent.method == "POST" && (sent.path.starts_with(b"/mcp/admin") || sent.path.starts_with(b"/mcp/%61dmin"));
                    assert!(sent.path.starts_with(b"/mcp") && !administers, "{upstream:?}");
                }
            }
        }
    }
}

/// Keys that come too late: on the emulator, where the test holds the answer back.
#[test]
fn an_answer_after_the_deadline_lets_nobody_in_and_brings_no_keys() {
    let (waiting, _) = fetching(Reply::Hang, json!({}));
    let gateway = waiting.manual().start().unwrap();
    let token = || good(&gateway).sign();
    let fetches: Vec<u64> = gateway.pending_callouts().iter().map(|callout| callout.id).collect();
    assert!(!fetches.is_empty());
    let streams = [gateway.open(get("/mcp").bearer(&token())), gateway.open(post("/mcp").bearer(&token()).body("x"))];
    let gone = gateway.open(get("/mcp").bearer(&token()));
    gateway.reset(gone);
    // The cluster's own timeout never fires; ours does.
    gateway.advance(Duration::from_millis(2_300));
    for stream in streams {
        gateway.outcome(stream).denied_with(503).has_code("keys_unavailable");
    }
    for fetch in fetches {
        gateway.complete(fetch, Response::json(200, &public_keys()));
    }
    for stream in streams {
        gateway.outcome(stream).denied_with(503);
    }
    assert!(gateway.outcome(gone).upstream.is_empty());
    let next = gateway.open(get("/mcp").bearer(&token()));
    gateway.outcome(next).denied_with(503).has_code("keys_unavailable");
}

/// Bytes that no client library sends.
mod raw {
    mod on_envoy {
        use std::{
            io::{Read, Write},
            net::{SocketAddr, TcpStream},
            thread,
            time::Duration,
        };

        use fourleg_lab::{
            echo_upstream::EchoUpstream,
            envoy::{Bootstrap, Config, WasmFilter, launch, provision, target_dir, traps},
            mint::Mint,
        };

        use crate::fixture::{I, R, config};

        /// What comes back until nothing more comes.
        fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
            let mut client = TcpStream::connect(address).unwrap();
            client.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
            let _ = client.write_all(bytes);
            let (mut response, mut piece) = (Vec::new(), [0; 4096]);
            while let Ok(size @ 1..) = client.read(&mut piece) {
                response.extend_from_slice(&piece[..size]);
            }
            String::from_utf8_lossy(&response).into_owned()
        }

        #[test]
        fn no_way_of_framing_a_request_hides_it_from_the_filter() {
            let envoy = provision(&|_| {}).unwrap();
            let upstream = EchoUpstream::start().unwrap();
            let module = target_dir().join("wasm/audience_validation.wasm");
            let bootstrap = Bootstrap::before(upstream.address()).filter(WasmFilter::new(
                "audience_validation",
                module,
                config().to_string(),
            ));
            let running = launch(&envoy, &Config::Json(bootstrap.to_json()), 1).unwrap();
            let good = Mint::new(I, R).access_token().scope("tools:read").sign();
            let bad = Mint::new(I, R).access_token().scope("").sign();
            let hidden = "GET /mcp HTTP/1.1\r\nhost: h\r\n\r\n";
            let mut clients = Vec::new();
            for head in [
                // Pipelined behind a public request, and inside what may or may not be a body.
                format!("GET /healthz HTTP/1.1\r\nhost: h\r\n\r\n{hidden}{hidden}"),
                format!("GET /healthz HTTP/1.1\r\nhost: h\r\ncontent-length: {}\r\n\r\n{hidden}", hidden.len()),
                format!(
                    "POST /healthz HTTP/1.1\r\nhost: h\r\ncontent-length: {}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{hidden}",
                    hidden.len()
                ),
                format!(
                    "GET /healthz HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\ncontent-length: {}\r\n\r\n{hidden}",
                    hidden.len()
                ),
                format!("GET /healthz HTTP/1.1\r\nhost: h\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n{hidden}"),
                format!("GET /healthz HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n0;x=\"\r\n\r\n{hidden}"),
                format!(
                    "GET /healthz HTTP/1.1\r\nhost: h\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n{hidden}"
                ),
                format!(
                    "GET /healthz HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n{hidden}"
                ),
                format!(
                    "GET /healthz HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\nx{hidden}"
                ),
                // A credential that is none of this request.
                format!("GET /mcp HTTP/1.1\r\nhost: h\r\nx: y\rauthorization: Bearer {good}\r\n\r\n"),
                format!("GET /mcp HTTP/1.1\r\nhost: h\r\nauthorization : Bearer {good}\r\n\r\n"),
                format!("GET /mcp HTTP/1.1\r\nhost: h\r\nx: y\r\n authorization: Bearer {good}\r\n\r\n"),
                format!("GET /mcp HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {bad}\r\n {good}\r\n\r\n"),
                format!(
                    "GET /mcp HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {bad}\r\nauthorization: Bearer {good}\r\n\r\n"
                ),
                format!("GET /mcp HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {good}\x00\r\n\r\n"),
                format!(
                    "GET /mcp HTTP/1.1\r\nhost: h\r\nconnection: authorization\r\nauthorization: Bearer {good}\r\n\r\n"
                ),
                format!(
                    "POST /mcp HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nauthorization: Bearer {good}\r\n\r\n"
                ),
                // Other forms of the target.
                "GET http://h/mcp HTTP/1.1\r\nhost: h\r\n\r\n".to_owned(),
                "GET http://h/healthz/../mcp HTTP/1.1\r\nhost: h\r\n\r\n".to_owned(),
                "GET http:///healthz/../mcp HTTP/1.1\r\nhost: h\r\n\r\n".to_owned(),
                "GET /mcp#/healthz HTTP/1.1\r\nhost: h\r\n\r\n".to_owned(),
                "GET /healthz#/../mcp HTTP/1.1\r\nhost: h\r\n\r\n".to_owned(),
                "GET healthz HTTP/1.1\r\nhost: h\r\n\r\n".to_owned(),
                "GET\t/mcp\tHTTP/1.1\r\nhost: h\r\n\r\n".to_owned(),
                "GET /mcp HTTP/1.0\r\n\r\n".to_owned(),
                "GET /mcp\r\n\r\n".to_owned(),
                "CONNECT /healthz HTTP/1.1\r\nhost: h\r\n\r\n".to_owned(),
                "CONNECT h:80 HTTP/1.1\r\nhost: h\r\n\r\n".to_owned(),
                "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nGET /mcp HTTP/1.1\r\n\r\n".to_owned(),
            ] {
                let (address, good, bad) = (running.address(), good.clone(), bad.clone());
                clients.push(thread::spawn(move || {
                    let response = exchange(address, head.as_bytes());
                    assert!(!response.contains(&good) && !response.contains(&bad), "{head:?}\n{response}");
                }));
            }
            for client in clients {
                client.join().unwrap();
            }
            for received in upstream.received() {
                let request = &received.request;
                assert!(request.method == "GET" && request.path == b"/healthz", "{request:?}");
            }
            // It still serves, and has told nobody.
            let response = exchange(
                running.address(),
                format!("GET /mcp HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {good}\r\n\r\n").as_bytes(),
            );
            assert!(response.starts_with("HTTP/1.1 200"), "{response}");
            let logs = running.logs();
            assert!(traps(&logs).is_empty());
            assert!(!logs.iter().any(|line| line.contains(&good) || line.contains(&bad)));
        }
    }
}
