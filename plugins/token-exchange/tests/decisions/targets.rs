//! Which target a request is for, and what goes on with it.

use filter_kit::request::Property;
use plugin_checks::decisions::{Request, Table, get, post, row};
use serde_json::{Value, json};
use token_exchange::TokenExchange;

use crate::{B, Gate, ask, asked, credential, good, set, to_b, to_b_with, user, verified};

pub(crate) fn tables() -> Vec<Table> {
    vec![by_path("deny"), by_path("remove_authorization"), clusters(), mcp(), by_method("every_method"), queries()]
}

/// Everything below /mcp/a goes to tool B; what becomes of the rest.
fn only_a(unmatched: &str) -> Value {
    set(to_b_with("/targets/0/match", json!({"path": {"prefix": "/mcp/a"}})), "/unmatched", json!(unmatched))
}

fn by_path(unmatched: &str) -> Table {
    let at = |path: &str| verified(get(path), user());
    let rest = if unmatched == "deny" { "403 rule_missing" } else { "allow unmatched" };
    let rows = vec![
        row("the target", at("/mcp/a/x"), "allow exchanged"),
        row("beside it", at("/mcp/b"), rest),
        row("inside a segment", at("/mcp/ab"), rest),
        row("another spelling", at("/mcp/%61"), "400 path_refused"),
    ];
    Table::new(only_a(unmatched), rows).with_clusters(good)
}

fn clusters() -> Table {
    let to = |cluster: &str| ask().property("xds.cluster_name", cluster);
    Table::new(
        to_b_with("/targets/0/cluster", json!("tool_b")),
        vec![
            row("where it is to go", to("tool_b"), "allow exchanged"),
            row("elsewhere", to("tool_c"), "403 cluster_mismatch"),
            row("not said", ask(), "403 cluster_mismatch"),
        ],
    )
    .with_clusters(good)
}

fn of_tools() -> Value {
    let target = |name: &str, mcp: Value| {
        json!({
            "name": name, "match": {"path": {"exact": "/mcp"}, "mcp": mcp}, "authorization_server": "idp", "audience": [B], "scope": ["b:read"],
        })
    };
    to_b_with("/targets", json!([target("one", json!({"tools": ["one"]})), target("two", json!({"tools": ["two"]}))]))
}

fn calls(tools: &[&str]) -> Request {
    let call = |(id, name): (usize, &&str)| json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": name}});
    let body = match tools {
        [one] => call((0, one)),
        several => several.iter().enumerate().map(call).collect(),
    };
    let request =
        post("/mcp").header("content-type", "application/json").header("accept", "application/json, text/event-stream");
    verified(request.body(body.to_string()), user())
}

fn mcp() -> Table {
    Table::new(
        of_tools(),
        vec![
            row("one tool", calls(&["one"]), "allow exchanged"),
            row("another", calls(&["two"]), "allow exchanged"),
            row("the same twice", calls(&["one", "one"]), "allow exchanged"),
            row("two targets", calls(&["one", "two"]), "403 targets_differ"),
            row("a target and none", calls(&["one", "three"]), "403 targets_differ"),
            row("none", calls(&["three"]), "403 rule_missing"),
        ],
    )
    .with_clusters(good)
}

/// `DELETE` goes elsewhere than the rest, and a form may name another method than the one that was sent.
fn by_method(forms: &str) -> Table {
    let target = |name: &str, matches: Value| {
        json!({
            "name": name, "match": matches, "authorization_server": "idp", "audience": [B], "scope": ["b:read"],
        })
    };
    let targets = json!([
        target("delete", json!({"methods": ["DELETE"], "path": {"prefix": "/mcp"}})),
        target("rest", json!({"path": {"prefix": "/mcp"}})),
    ]);
    let of_type =
        |media_type: &str| verified(post("/mcp").header("content-type", media_type).body("_method=DELETE"), user());
    let form = if forms == "every_method" { "403 targets_differ" } else { "allow exchanged" };
    let rows = vec![
        row("a form", of_type("multipart/mixed; boundary=x"), form),
        row("none", of_type("application/json"), "allow exchanged"),
    ];
    Table::new(set(to_b_with("/targets", targets), "/forms", json!(forms)), rows).with_clusters(good)
}

/// A token in the query is a credential, too.
fn queries() -> Table {
    let at = |path: &str| verified(get(path), user());
    Table::new(
        to_b(),
        vec![
            row("one that can be taken out", at("/mcp?a=1&access_token=x"), "allow exchanged"),
            row("one that cannot for certain", at("/mcp?a=1;access_token=x"), "400 duplicate_credential"),
        ],
    )
    .with_clusters(good)
}

#[test]
fn what_no_target_is_about_is_denied_or_goes_on_without_a_credential() {
    by_path("deny").check::<TokenExchange>();
    by_path("remove_authorization").check::<TokenExchange>();
}

#[test]
fn a_request_is_routed_to_a_cluster_of_its_target() {
    clusters().check::<TokenExchange>();
}

#[test]
fn a_request_is_for_one_target_or_is_denied() {
    mcp().check::<TokenExchange>();
}

#[test]
fn a_form_is_for_one_target_under_every_method_or_is_denied() {
    by_method("every_method").check::<TokenExchange>();
    by_method("as_sent").check::<TokenExchange>();
}

#[test]
fn a_token_in_the_query_ends_here_or_the_request_is_denied() {
    queries().check::<TokenExchange>();
}

/// TEX-14, AUD-06
#[test]
fn no_credential_of_the_client_goes_on_whatever_becomes_of_the_request() {
    let sent = |path: &str| {
        let request = verified(get(path), user()).header("cookie", "a=b").header("dpop", "x");
        request.header("Proxy-Authorization", "Basic eDp5").header("proxy_authorization", "x")
    };
    let mut gate = Gate::new(&only_a("remove_authorization")).with_clusters(good);
    for (path, is_exchanged) in [("/mcp/a?access_token=x&q=1", true), ("/mcp/b?access_token=x&q=1", false)] {
        let decision = gate.decide(&sent(path));
        let edits = decision.edits();
        for name in ["cookie", "dpop", "Proxy-Authorization", "proxy_authorization"] {
            assert!(edits.remove.iter().any(|removed| removed == name), "{name} of {path}: {:?}", edits.remove);
        }
        let stripped = path.replace("access_token=x&", "");
        assert!(edits.set.contains(&(":path".to_owned(), stripped)), "{:?}", edits.set);
        assert_eq!(credential(&decision).is_some(), is_exchanged);
    }
    let kept = Gate::new(&to_b_with("/cookies", json!("keep"))).with_clusters(good).decide(&sent("/mcp"));
    assert!(!kept.edits().remove.iter().any(|name| name == "cookie"));
}

#[test]
fn a_public_request_takes_no_credential_with_it() {
    let state = Property::Value(json!({"v": 1, "state": "public"}).to_string().into_bytes());
    let request = get("/healthz").bearer("an-unverified-token-of-anybody").property_at(&["fourleg.token"], state);
    let decision = Gate::new(&to_b()).decide(&request);
    assert_eq!(decision.told(), "allow public");
    assert_eq!((credential(&decision), decision.edits().remove.as_slice()), (None, &["authorization".to_owned()][..]));
}

/// TEX-01, TEX-02: what the target says is asked for, and of the user's scopes those that stand for one of the next hop.
#[test]
fn what_is_asked_for_is_what_the_target_says_and_what_the_user_holds() {
    let map = json!({"b:write": "tools:write", "b:admin": "tools:admin"});
    let config = set(to_b_with("/targets/0/scope_map", map), "/targets/0/resource", json!(["https://b.example/"]));
    for (held, scope) in
        [("tools:read", "b:read"), ("tools:write", "b:read b:write"), ("b:write b:admin", "b:read"), ("", "b:read")]
    {
        let token = user().scope(held);
        let decision = Gate::new(&config).with_clusters(good).decide(&verified(get("/mcp"), token));
        let [call] = &decision.calls[..] else { panic!("{:?}", decision.calls.len()) };
        assert_eq!(asked(call, "scope"), [scope], "{held}");
        assert_eq!(
            (asked(call, "audience"), asked(call, "resource")),
            (vec![B.into()], vec!["https://b.example/".into()])
        );
        assert_eq!(asked(call, "grant_type"), ["urn:ietf:params:oauth:grant-type:token-exchange"]);
        assert_eq!(
            (&*call.cluster, &*call.authority, &*call.path, call.method),
            ("idp", "idp.example", "/t1/token", "POST")
        );
    }
}
