//! Requests at random.

use fourleg_harness::{Outcome, Request, Response, request};
use fourleg_lab::mint::{Algorithm, jwks, key, stranger};
use fourleg_tests::scenarios;

use plugin_checks::Dice;

use super::{BOTH, no_identity, only_with};
use crate::fixture::{good, serve};

scenarios! {
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
        let mut dice = Dice::new(25);
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
