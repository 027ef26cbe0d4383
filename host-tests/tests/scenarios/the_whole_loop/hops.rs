//! The fourth leg from end to end: user, agent, tool A, tool B, API, a gateway before each of them, and an identity provider that
//! exchanges tokens as strictly as RFC 8693 wants it. No tool and no filter holds a secret.

use std::time::Duration;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use fourleg_lab::{
    agent::{Agent, Denied},
    echo_upstream::{EchoUpstream, Responding},
    envoy::{Bootstrap, Cluster, RunningEnvoy},
    identity_provider::{Client, Endpoint, Fault, IdentityProvider, Received},
    mcp_server::{McpRequest, McpServer, Next},
    mint::Token,
    raw_client,
    wire::{WireRequest, WireResponse, find},
};
use serde_json::{Value, json};

use super::gateway;

const ISSUER: &str = "https://idp.hops.example/agents";
const A: &str = "https://tool-a.hops.example/mcp";
const B: &str = "https://tool-b.hops.example/mcp";
const API: &str = "https://api.hops.example/orders";
const SECRET: &str = "s3cret-of-a-tool";

/// Everything behind the agent.
struct World {
    idp: IdentityProvider,
    tool_a: McpServer,
    tool_b: McpServer,
    api: EchoUpstream,
    /// Before tool A.
    outer: RunningEnvoy,
    /// Before tool B and the API.
    inner: RunningEnvoy,
}

impl World {
    fn start() -> Self {
        let tool = |id: &str, name: &str| Client::confidential(id, SECRET).serves([name]);
        let idp = IdentityProvider::builder()
            .issuer(ISSUER)
            .register(tool("tool-a", A).may_exchange_for(B, ["customers:read", "orders:read"]))
            .register(tool("tool-b", B).may_exchange_for(API, ["orders:read"]))
            .start()
            .unwrap();
        let (tool_a, tool_b) = (McpServer::of_orders("A").unwrap(), McpServer::of_orders("B").unwrap());
        let api = EchoUpstream::start_with(|_| Responding::new(200, "two umbrellas").into()).unwrap();
        let issuer = json!({"issuer": ISSUER, "jwks": {"remote": {"cluster": "idp", "uri": idp.jwks_uri()}}});
        let outer = gateway(
            Bootstrap::before(tool_a.address()).cluster(Cluster::new("idp", idp.address())),
            [("audience_validation", &json!({"issuers": [issuer], "resources": [{"resource": A}]}))],
            2,
        );
        let as_tool = |cluster: &str, id: &str| {
            let credential = format!("Basic {}", STANDARD.encode(format!("{id}:{SECRET}")));
            Cluster::new(cluster, idp.address()).credential(credential)
        };
        let exchange = token_exchange(&idp, &issuer);
        assert!(!exchange.to_string().contains(SECRET));
        let inner = gateway(
            Bootstrap::before(tool_b.address())
                .route_to("/orders", Cluster::new("api", api.address()))
                .cluster(Cluster::new("idp", idp.address()))
                .cluster(as_tool("idp_for_a", "tool-a"))
                .cluster(as_tool("idp_for_b", "tool-b")),
            [("audience_validation", &who_calls(&issuer)), ("token_exchange", &exchange)],
            2,
        );
        tool_a.lead_to(Next::Mcp(format!("http://{}/mcp", inner.address())));
        tool_b.lead_to(Next::Api(format!("http://{}/orders", inner.address())));
        Self { idp, tool_a, tool_b, api, outer, inner }
    }

    /// A token of a user for tool A, as an agent has it.
    fn token(&self, user: &str) -> Token {
        self.idp.mint(A).access_token().subject(user).scope("customers:read orders:read profile")
    }

    /// An agent asks tool A.
    fn find_order(&self, token: &str) -> Result<String, Denied> {
        let url = format!("http://{}/mcp", self.outer.address());
        Agent::new(url).token(token).connect()?.call("find_order", json!({"number": 7}))
    }

    /// Tool A, or whoever has this token, asks the inner gateway itself.
    fn straight(&self, path: &str, token: &str) -> WireResponse {
        let request = WireRequest {
            method: "GET".to_owned(),
            path: path.as_bytes().to_vec(),
            authority: b"inner.hops.example".to_vec(),
            headers: vec![(b"authorization".to_vec(), format!("Bearer {token}").into_bytes())],
            ..WireRequest::default()
        };
        raw_client::send(self.inner.address(), &request, Duration::from_secs(20)).unwrap()
    }

    fn exchanges(&self) -> Vec<Received> {
        self.idp.received(Endpoint::Token)
    }

    /// The tokens that the API got, by whom they are.
    fn at_the_api(&self) -> Vec<Value> {
        let fields = self.api.received();
        let tokens = fields.iter().map(|received| find(&received.request.headers, "authorization").unwrap().to_vec());
        tokens.map(|field| claims(String::from_utf8(field).unwrap().strip_prefix("Bearer ").unwrap())).collect()
    }
}

fn who_calls(issuer: &Value) -> Value {
    json!({
        "issuers": [issuer],
        "resources": [
            {"resource": A, "match": {"path": {"prefix": "/mcp"}}},
            {"resource": B, "match": {"path": {"prefix": "/orders"}}},
        ],
        "forward": {"authorization": "exchange"},
    })
}

fn token_exchange(idp: &IdentityProvider, issuer: &Value) -> Value {
    let server = |name: &str, cluster: &str| {
        json!({
            "name": name, "cluster": cluster, "token_endpoint": idp.token_endpoint(), "issuer": ISSUER,
            "timeout_ms": 2000, "breaker": {"failures": 1000},
        })
    };
    let target = |path: &str, server: &str, audience: &str, scope: &[&str]| {
        json!({
            "name": path, "match": {"path": {"prefix": path}}, "authorization_server": server, "audience": [audience],
            "scope": scope, "actors": {"required": true, "allowed": [server]}, "verify_result": true,
        })
    };
    json!({
        "requires": ["audience-validation"],
        "authorization_servers": [server("tool-a", "idp_for_a"), server("tool-b", "idp_for_b")],
        "issuers": [issuer],
        "targets": [
            target("/mcp", "tool-a", B, &["customers:read", "orders:read"]),
            target("/orders", "tool-b", API, &["orders:read"]),
        ],
        "cache": {"negative_ttl_seconds": 0},
    })
}

fn claims(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

/// The tokens that came to a server, each once, in order.
fn tokens(server: &McpServer) -> Vec<String> {
    let mut tokens: Vec<String> = server.received().iter().filter_map(McpRequest::token).collect();
    tokens.dedup();
    tokens
}

mod on_envoy {
    use super::*;

    /// TEX-14, TEX-15, RFC 8693 §4.1
    #[test]
    fn over_three_hops_the_user_stays_the_actors_grow_and_the_scope_shrinks() {
        let world = World::start();
        let token = world.idp.issue(world.token("alice"));
        assert_eq!(world.find_order(&token).unwrap(), "A: B: two umbrellas");
        let seen = [tokens(&world.tool_a), tokens(&world.tool_b)];
        assert_eq!((seen[0].as_slice(), seen[1].len()), ([token.clone()].as_slice(), 1));
        let hops = [claims(&token), claims(&seen[1][0]), world.at_the_api()[0].clone()];
        assert!(hops.iter().all(|claims| claims["sub"] == "alice" && claims["iss"] == ISSUER));
        let of = |name: &str| hops.clone().map(|claims| claims[name].clone());
        assert_eq!(of("aud"), [A, B, API].map(Value::from));
        let scopes = ["customers:read orders:read profile", "customers:read orders:read", "orders:read"];
        assert_eq!(of("scope"), scopes.map(Value::from));
        let by_a = json!({"sub": "tool-a", "act": {"sub": "agent-1"}});
        assert_eq!(of("act"), [Value::Null, by_a.clone(), json!({"sub": "tool-b", "act": by_a})]);
        assert_eq!(
            world.api.received()[0].request.headers.iter().filter(|(name, _)| name == b"authorization").count(),
            1
        );

        // Envoy said who asks; each exchange was for one hop (TEX-01, TEX-03).
        let exchanges = world.exchanges();
        let asked: Vec<_> =
            exchanges.iter().map(|asked| (asked.parameter("audience"), asked.parameter("scope"))).collect();
        assert_eq!(
            asked,
            [(vec![B.to_owned()], vec![scopes[1].to_owned()]), (vec![API.to_owned()], vec![scopes[2].to_owned()])]
        );
        assert!(
            exchanges
                .iter()
                .all(|asked| asked.header("authorization").len() == 1 && asked.parameter("client_secret").is_empty())
        );
        assert_eq!(exchanges[0].parameter("subject_token"), [token]);
        assert_eq!(exchanges[1].parameter("subject_token"), seen[1]);
    }

    /// TEX-17
    #[test]
    fn users_in_turn_get_their_own_tokens_and_each_is_exchanged_once_a_hop() {
        let world = World::start();
        let (alice, bob) = (world.idp.issue(world.token("alice")), world.idp.issue(world.token("bob")));
        for token in [&alice, &bob, &alice, &bob] {
            world.find_order(token).unwrap();
        }
        let subjects: Vec<Value> = world.at_the_api().iter().map(|claims| claims["sub"].clone()).collect();
        assert_eq!(subjects, ["alice", "bob", "alice", "bob"]);
        assert!(tokens(&world.tool_b).iter().all(|token| claims(token)["aud"] == B));
        // Two users and two hops. The provider is not needed for what was exchanged.
        assert_eq!(world.exchanges().len(), 4);
        world.idp.fail(Endpoint::Token, Fault::Status(503));
        world.find_order(&alice).unwrap();
        world.find_order(&world.idp.issue(world.token("carol"))).unwrap_err();
        let subjects: Vec<Value> = world.at_the_api().iter().map(|claims| claims["sub"].clone()).collect();
        assert_eq!(subjects, ["alice", "bob", "alice", "bob", "alice"]);
    }

    /// TEX-12, TEX-13, TEX-16, TEX-18
    #[test]
    fn what_the_provider_refuses_reaches_nobody() {
        let world = World::start();
        let mut codes = Vec::new();
        let mut straight = |path: &str, token: &str| {
            let answer = world.straight(path, token);
            let body: Value = serde_json::from_slice(&answer.body).unwrap();
            codes.push((answer.status, body["code"].as_str().unwrap().to_owned()));
        };
        let revoked = world.idp.issue(world.token("alice"));
        world.idp.revoke(&revoked);
        straight("/mcp", &revoked);
        // The provider never issued it, whatever its signature says.
        straight("/mcp", &world.token("alice").sign_with(&world.idp.signing_key()));
        straight("/mcp", &world.idp.issue(world.token("alice").claim("may_act", json!({"sub": "tool-z"}))));
        // For tool A, and then for the API: one hop too far.
        straight("/orders/7", &world.idp.issue(world.token("alice")));
        let refused = |code: &str| (401, code.to_owned());
        assert_eq!(codes[0], refused("subject_token_refused"));
        assert_eq!((&codes[1], &codes[2]), (&codes[0], &codes[0]));
        assert_eq!(codes[3], refused("audience_mismatch"));
        assert!(world.tool_b.received().is_empty() && world.api.received().is_empty());
        // What tool A gets told becomes its own error, and the agent's session goes on. Another token: a worker that has
        // seen the first one refused would say 403 now.
        let revoked = world.idp.issue(world.token("bob"));
        world.idp.revoke(&revoked);
        let denied = world.find_order(&revoked).unwrap_err();
        assert!(denied.reason.starts_with("A: 401"), "{denied}");
    }

    /// TEX-05, TEX-06, TEX-07, TEX-09, TEX-11, TEX-13, TEX-27
    #[test]
    fn whatever_the_provider_does_wrong_nothing_reaches_the_next_hop() {
        let world = World::start();
        let elsewhere = format!("http://{}/token", world.api.address());
        let claims = |name: &str, value: Value| Fault::Claims(json!({name: value}));
        let members = |name: &str, value: Value| Fault::Members(json!({name: value}));
        for (fault, status) in [
            (Fault::Hang, 504),
            (Fault::HoldHeaders, 504),
            // Envoy tells a filter of a broken body and of a late one alike: nothing came.
            (Fault::HoldBody, 502),
            (Fault::Truncated, 502),
            (Fault::Reset, 503),
            (Fault::Status(500), 502),
            (Fault::Html, 502),
            (Fault::Garbage, 502),
            (Fault::Huge, 502),
            (Fault::Redirect(elsewhere), 502),
            (members("token_type", json!("N_A")), 502),
            (members("token_type", Value::Null), 502),
            (members("issued_token_type", json!("urn:ietf:params:oauth:token-type:refresh_token")), 502),
            (members("access_token", Value::Null), 502),
            (members("scope", json!("customers:read")), 403),
            (claims("sub", json!("mallory")), 502),
            (claims("aud", json!([B, "https://other.example"])), 502),
            (claims("aud", json!(A)), 502),
            (claims("scope", json!("customers:read orders:read root")), 502),
            (claims("act", json!({"sub": "tool-z"})), 403),
            (Fault::Answer { status: 401, body: json!({"error": "invalid_client"}) }, 502),
            (Fault::Answer { status: 400, body: json!({"error": "invalid_target"}) }, 403),
        ] {
            world.idp.fail(Endpoint::Token, fault.clone());
            let answer = world.straight("/mcp", &world.idp.issue(world.token("alice")));
            assert_eq!(answer.status, status, "{fault:?} {}", answer.text());
            assert!(world.tool_b.received().is_empty() && world.api.received().is_empty(), "{fault:?}");
        }
        // A refresh token and a number as a text are no harm (TEX-08, TEX-10).
        world.idp.fail(Endpoint::Token, Fault::Members(json!({"expires_in": "300", "refresh_token": "r3fresh"})));
        let _answered = world.straight("/mcp", &world.idp.issue(world.token("alice")));
        assert_eq!(tokens(&world.tool_b).len(), 1);
    }
}
