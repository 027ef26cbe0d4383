//! The shipped chain of all four filters.

use fourleg_lab::identity_provider::Received;
use serde_json::{Value, json};

use super::*;

mod on_envoy {
    use super::*;

    /// design §4: what each of them lets pass goes up with the token of the next hop, and nothing else does.
    #[test]
    fn the_shipped_chain_lets_pass_what_all_four_allow_and_exchanges_nothing_else() {
        let (here, next) = ("https://tools.example/mcp", "https://tool-b.example/mcp");
        let client = Client::confidential("gateway", "s3cret-of-the-gateway").serves([here]);
        let identity_provider = IdentityProvider::builder()
            .issuer("https://idp.example/realms/agents")
            .register(client.may_exchange_for(next, ["b:read"]))
            .start()
            .unwrap();
        let upstream = EchoUpstream::start().unwrap();
        let yaml = shipped_in_the_lab(ALL_FOUR, upstream.address(), &identity_provider);
        let mut running = launch(&provision(&|_| {}).unwrap(), &Config::Yaml(yaml), 1).unwrap();
        let now = fourleg_lab::unix_now();
        let call = |acr: &str, tool: &str, arguments: Value| {
            let granted = json!([{"type": "payment", "currency": "EUR", "max_amount": 100, "creditor": "DE02"}]);
            let token = identity_provider.mint(here).access_token().scope("tools:read tools:delete b:read");
            let token = token.claim("acr", acr).claim("auth_time", now).claim("authorization_details", granted);
            let token = identity_provider.issue(token);
            let params = json!({"name": tool, "arguments": arguments});
            let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
            send(&running, post("/mcp").json(&call).bearer(&token)).status
        };
        assert_eq!(call("urn:pwd", "delete_file", json!({})), 401);
        assert_eq!(call("urn:pwd", "pay", json!({"amount": 101, "creditor": "DE02"})), 401);
        assert_eq!(identity_provider.received(Endpoint::Token).len(), 0);
        assert_eq!(call("urn:mfa", "delete_file", json!({})), 200);
        assert_eq!(call("urn:pwd", "pay", json!({"amount": 100, "creditor": "DE02"})), 200);
        let asked = identity_provider.received(Endpoint::Token);
        assert_eq!(
            asked.iter().filter_map(|asked: &Received| asked.parameter("audience").pop()).collect::<Vec<_>>(),
            [next; 2]
        );
        assert_eq!(upstream.received().len(), 2);
        let logs = running.stop();
        for (plugin, member, value) in [
            ("claim_challenge", "unmet", "acr"),
            ("rar_enforcement", "details_needed", "payment"),
            ("token_exchange", "scopes_asked", "b:read"),
        ] {
            let records = logged::records(&logs, plugin);
            assert!(records.iter().any(|record| record[member] == json!([value])), "{records:#?}");
        }
    }
}
