//! All four filters in one chain: a client that knows nothing of them gets from one challenge to the next, and what is behind
//! sees its own token and nothing of the user's.

use std::{net::SocketAddr, time::Duration};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use fourleg_lab::{
    agent::{Agent, Registration},
    echo_upstream::{EchoUpstream, Responding},
    envoy::{Bootstrap, Cluster, RunningEnvoy},
    identity_provider::{Client, DetailsType, Endpoint, IdentityProvider, Level, Shape},
    mcp_server::{McpRequest, McpServer},
    mint::Token,
    raw_client,
    wire::{Version, WireRequest, WireResponse, find},
};
use serde_json::{Value, json};

use super::{CALLBACK, ISSUER, RESOURCE, alice, gateway};

const UPSTREAM: &str = "https://files.loop.example";

fn identity_provider() -> IdentityProvider {
    IdentityProvider::builder()
        .issuer(ISSUER)
        .public_client("agent-1", CALLBACK, ["tools:read", "tools:write"])
        .register(
            Client::confidential("gateway", "s3cret").serves([RESOURCE]).may_exchange_for(UPSTREAM, ["files:write"]),
        )
        .level(Level::new("urn:pwd").amr(["pwd"]))
        .level(Level::new("urn:mfa").amr(["pwd", "otp"]))
        .details_type(
            DetailsType::new("file_access").required("actions", Shape::Texts).required("identifier", Shape::Text),
        )
        .user(alice())
        .start()
        .unwrap()
}

fn all_four(idp: &IdentityProvider, upstream: SocketAddr) -> RunningEnvoy {
    let calls = |tool: &str| json!({"path": {"prefix": "/mcp"}, "mcp": {"methods": ["tools/call"], "tools": [tool]}});
    let audience_validation = json!({
        "issuers": [{"issuer": ISSUER, "jwks": {"remote": {"cluster": "idp", "uri": idp.jwks_uri()}}}],
        "resources": [{
            "resource": RESOURCE,
            "match": {"path": {"prefix": "/mcp"}},
            "require": {"scopes": ["tools:read"]},
            "protected_resource_metadata": {"authorization_servers": [ISSUER], "scopes_supported": ["tools:read"]},
        }],
        "forward": {"authorization": "exchange"},
    });
    let claim_challenge = json!({
        "rules": [{"name": "delete", "match": calls("delete_*"), "require": {"acr_values": ["urn:mfa"], "scopes": ["tools:write"]}}],
        "unmatched": "allow",
    });
    let rar_enforcement = json!({
        "types": {"file_access": {"fields": {"actions": "superset", "identifier": "equal"}}},
        "rules": [{"name": "delete", "match": calls("delete_*"),
                   "require": {"type": "file_access", "actions": ["delete"], "identifier": "{mcp.arguments/path}"}}],
        "unmatched": "allow",
    });
    let token_exchange = json!({
        "requires": ["audience-validation", "claim-challenge", "rar-enforcement"],
        "authorization_servers": [{
            "name": "idp", "cluster": "idp_as_gateway", "token_endpoint": idp.token_endpoint(), "issuer": ISSUER,
            "timeout_ms": 5000,
        }],
        "targets": [{
            "name": "files", "match": {"path": {"prefix": "/mcp"}}, "authorization_server": "idp",
            "audience": [UPSTREAM], "scope": ["files:write"], "actors": {"required": true, "allowed": ["gateway"]},
        }],
    });
    let credential = format!("Basic {}", STANDARD.encode("gateway:s3cret"));
    let bootstrap = Bootstrap::before(upstream)
        .cluster(Cluster::new("idp", idp.address()))
        .cluster(Cluster::new("idp_as_gateway", idp.address()).credential(credential));
    gateway(
        bootstrap,
        [
            ("audience_validation", &audience_validation),
            ("claim_challenge", &claim_challenge),
            ("rar_enforcement", &rar_enforcement),
            ("token_exchange", &token_exchange),
        ],
        2,
    )
}

fn claims(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

/// A call of `delete_file` as the newest revision of MCP has it, which needs no session.
fn delete(gateway: &RunningEnvoy, version: Version, token: &str, path: &str) -> WireResponse {
    let field = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    let body = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "delete_file", "arguments": {"path": path}},
    });
    let request = WireRequest {
        method: "POST".to_owned(),
        path: b"/mcp".to_vec(),
        authority: b"tools.loop.example".to_vec(),
        headers: vec![
            field("authorization", &format!("Bearer {token}")),
            field("content-type", "application/json"),
            field("accept", "application/json, text/event-stream"),
        ],
        chunks: vec![body.to_string().into_bytes()],
        version,
        ..WireRequest::default()
    };
    raw_client::send(gateway.address(), &request, Duration::from_secs(20)).unwrap()
}

mod on_envoy {
    use super::*;

    #[test]
    fn an_agent_gets_through_all_four_filters_by_doing_what_each_of_them_says() {
        let idp = identity_provider();
        let tools = McpServer::start().unwrap();
        let gateway = all_four(&idp, tools.address());
        let registration = Registration::new(RESOURCE, "agent-1", CALLBACK)
            .origin("https://idp.loop.example", idp.address())
            .origin("https://tools.loop.example", gateway.address());
        let agent = Agent::new(format!("http://{}/mcp", gateway.address())).registered(registration).unwrap();
        agent.follow(&agent.connect().map(|_| ()).unwrap_err()).unwrap();
        let session = agent.connect().unwrap_or_else(|denied| panic!("{denied}"));
        let delete = |path: &str| session.call("delete_file", json!({"path": path}));
        let mut errors = Vec::new();
        while let Err(denied) = delete("a.txt") {
            assert!(errors.len() < 3, "{denied} after {errors:?}");
            errors.push(agent.follow(&denied).unwrap().error.unwrap());
        }
        // One 401 for a missing sign-in and scope together (COR-17), then one for the details.
        assert_eq!(errors, ["insufficient_user_authentication", "insufficient_authorization"]);
        delete("b.txt").unwrap_err();
        assert_eq!(tools.called(), ["delete_file"]);

        let held = claims(&agent.current_token().unwrap());
        assert_eq!((&held["acr"], &held["scope"]), (&json!("urn:mfa"), &json!("tools:read tools:write")));
        let seen: Vec<Value> = tools.received().iter().map(|request| claims(&request.token().unwrap())).collect();
        assert!(!seen.is_empty() && tools.received().iter().map(McpRequest::token).all(|token| token.is_some()));
        for token in seen {
            assert_eq!((&token["aud"], &token["scope"]), (&json!(UPSTREAM), &json!("files:write")));
            assert_eq!((&token["sub"], &token["act"]["sub"]), (&json!("alice"), &json!("gateway")));
        }
    }

    /// COR-17, TEX-14
    #[test]
    fn over_both_protocols_only_what_all_four_allow_goes_up_and_with_one_token_of_its_own() {
        let idp = identity_provider();
        let upstream = EchoUpstream::start_with(|_| Responding::new(200, "{}").into()).unwrap();
        let gateway = all_four(&idp, upstream.address());
        let details = json!([{"type": "file_access", "actions": ["delete"], "identifier": "a.txt"}]);
        let good = || {
            let token = idp.mint(RESOURCE).access_token().scope("tools:read tools:write");
            token.claim("acr", "urn:mfa").claim("authorization_details", details.clone())
        };
        for version in [Version::Http1, Version::Http2] {
            let revoked = idp.issue(good());
            idp.revoke(&revoked);
            let before = upstream.received().len();
            let wanting = |token: Token| idp.issue(token);
            for (token, path, status, error) in [
                (wanting(good().audience("https://other.example")), "a.txt", 401, r#"error="invalid_token""#),
                (wanting(good().claim("acr", "urn:pwd")), "a.txt", 401, r#"error="insufficient_user_authentication""#),
                (wanting(good().scope("tools:read")), "a.txt", 403, r#"error="insufficient_scope""#),
                (
                    wanting(good().without("authorization_details")),
                    "a.txt",
                    401,
                    r#"error="insufficient_authorization""#,
                ),
                (wanting(good()), "b.txt", 401, r#"error="insufficient_authorization""#),
                (revoked, "a.txt", 401, r#"error="invalid_token""#),
            ] {
                let answer = delete(&gateway, version, &token, path);
                let challenge = answer.header("www-authenticate").unwrap_or_default();
                assert!(
                    answer.status == status && challenge.contains(error),
                    "{version:?} {} {challenge}",
                    answer.status
                );
            }
            assert_eq!(upstream.received().len(), before, "{version:?}");

            let token = idp.issue(good());
            let exchanges = idp.requests_to(Endpoint::Token);
            for _ in 0..8 {
                assert_eq!(delete(&gateway, version, &token, "a.txt").status, 200);
            }
            assert_eq!(idp.requests_to(Endpoint::Token), exchanges + 1, "once for both workers");
            let sent = upstream.received();
            assert_eq!(sent.len(), before + 8);
            for received in &sent[before..] {
                let fields = &received.request.headers;
                assert_eq!(fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"authorization")).count(), 1);
                let field = String::from_utf8(find(fields, "authorization").unwrap().to_vec()).unwrap();
                assert_eq!(claims(field.strip_prefix("Bearer ").unwrap())["aud"], UPSTREAM);
                assert!(
                    !fields.iter().any(|(_, value)| value.windows(token.len()).any(|part| part == token.as_bytes()))
                );
            }
        }
    }
}
