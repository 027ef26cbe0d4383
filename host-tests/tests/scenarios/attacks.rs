//! Attacks: what a hostile client, a hostile key endpoint and a careless neighbour on the way may try, in one place.
//! None of it may get past the filter, trap its VM or show a token.

mod chain;
mod configuration;
mod endpoint;
mod fields;
mod mcp_raw;
mod random;
mod raw;
mod routing;
mod tokens;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fourleg_harness::{Gateway, Outcome, Protocol, Reply, Request, plugin};
use serde_json::{Value, json};

use crate::fixture::{I, R};

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
