//! Authorization requests that clients push (RFC 9126), and that ask for `authorization_details` (RFC 9396).

use std::time::Duration;

use fourleg_lab::{
    identity_provider::{Client, DetailsType, Endpoint, IdentityProvider, Level, Shape, User},
    raw_client,
    wire::{Field, WireResponse},
};
use serde_json::{Value, json};

use super::form_client::{TIMEOUT, basic, json as answer, part, post, refusal};

const FILES: &str = "https://files.example/mcp";
const CALENDAR: &str = "https://calendar.example/mcp";
const CALLBACK: &str = "http://127.0.0.1:7777/callback";
/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn start() -> IdentityProvider {
    IdentityProvider::builder()
        .issuer("https://idp.example/agents")
        .register(Client::public("agent-1").redirect_uri(CALLBACK).scopes(["files:read"]))
        .register(Client::confidential("agent-2", "s3cret").redirect_uri(CALLBACK).scopes(["files:read"]).only_pushes())
        .register(Client::confidential("files", "f1les").serves([FILES]))
        .details_type(
            DetailsType::new("file_access").required("actions", Shape::Texts).required("identifier", Shape::Text),
        )
        .details_type(
            DetailsType::new("payment").required("max_amount", Shape::Number).required("creditor", Shape::Text),
        )
        .level(Level::new("urn:pwd"))
        .user(alice())
        .start()
        .unwrap()
}

fn alice() -> User {
    User::new("alice").reaches(["urn:pwd"])
}

/// Access to one file, with these actions.
fn file(name: &str, actions: &[&str]) -> Value {
    json!({"type": "file_access", "actions": actions, "identifier": name})
}

type Pairs<'a> = Vec<(&'a str, &'a str)>;

/// A request of agent-1 that is granted.
fn good<'a>() -> Pairs<'a> {
    vec![
        ("response_type", "code"),
        ("client_id", "agent-1"),
        ("redirect_uri", CALLBACK),
        ("state", "s"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("scope", "files:read"),
        ("resource", FILES),
    ]
}

/// The good request, in which `name` has another value, or none.
fn with<'a>(name: &'a str, value: Option<&'a str>) -> Pairs<'a> {
    let mut pairs: Pairs<'_> = good().into_iter().filter(|(n, _)| *n != name).collect();
    pairs.extend(value.map(|value| (name, value)));
    pairs
}

fn push(idp: &IdentityProvider, fields: &[Field], pairs: &[(&str, &str)]) -> WireResponse {
    post(idp.address(), &idp.pushed_authorization_request_endpoint(), fields, pairs)
}

fn request_uri(response: &WireResponse) -> String {
    assert_eq!(response.status, 201, "{}", response.text());
    assert_eq!(response.header("cache-control").as_deref(), Some("no-cache, no-store"));
    let answer = answer(response);
    assert_eq!(answer["expires_in"], 60);
    answer["request_uri"].as_str().unwrap().to_owned()
}

fn open(idp: &IdentityProvider, pairs: &[(&str, &str)]) -> WireResponse {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    raw_client::get(idp.address(), &format!("/agents/authorize?{query}"), TIMEOUT).unwrap()
}

/// A parameter with which the browser is sent back.
fn returned(response: &WireResponse, name: &str) -> Option<String> {
    assert_eq!(response.status, 303, "{}", response.text());
    let location = response.header("location").unwrap();
    let (to, query) = location.split_once('?').unwrap();
    assert_eq!(to, CALLBACK);
    form_urlencoded::parse(query.as_bytes()).into_owned().find(|(n, _)| n == name).map(|(_, value)| value)
}

/// The good request with these details, by the browser or pushed before.
fn ask(idp: &IdentityProvider, details: &Value, is_pushed: bool) -> WireResponse {
    let details = details.to_string();
    let asked = with("authorization_details", Some(&details));
    if is_pushed {
        let uri = request_uri(&push(idp, &[], &asked));
        open(idp, &[("client_id", "agent-1"), ("request_uri", &uri)])
    } else {
        open(idp, &asked)
    }
}

fn redeem(idp: &IdentityProvider, code: &str, more: &[(&str, &str)]) -> WireResponse {
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "agent-1"),
        ("redirect_uri", CALLBACK),
        ("code", code),
        ("code_verifier", VERIFIER),
    ];
    post(idp.address(), &idp.token_endpoint(), &[], &[&form, more].concat())
}

/// The answer of the token endpoint to what the browser brought back.
fn token(idp: &IdentityProvider, response: &WireResponse, more: &[(&str, &str)]) -> Value {
    let answered = redeem(idp, &returned(response, "code").unwrap(), more);
    assert_eq!(answered.status, 200, "{}", answered.text());
    answer(&answered)
}

fn claims(answer: &Value) -> Value {
    part(answer["access_token"].as_str().unwrap(), 1)
}

/// RFC 9126 §2.2, §4
#[test]
fn a_pushed_request_becomes_a_code_without_its_parameters_in_the_browser() {
    let idp = start();
    let uri = request_uri(&push(&idp, &[], &good()));
    assert!(uri.starts_with("urn:ietf:params:oauth:request_uri:") && uri.len() > 70, "{uri}");
    // What the browser adds does not count.
    let more = [("client_id", "agent-1"), ("request_uri", &uri), ("scope", "files:write"), ("state", "other")];
    let response = open(&idp, &more);
    assert_eq!(returned(&response, "state").as_deref(), Some("s"));
    assert_eq!(returned(&response, "iss").as_deref(), Some("https://idp.example/agents"));
    let claims = claims(&token(&idp, &response, &[]));
    assert_eq!(
        (&claims["sub"], &claims["aud"], &claims["scope"]),
        (&json!("alice"), &json!(FILES), &json!("files:read"))
    );
    assert!(idp.authorizations()[0].contains(&("scope".to_owned(), "files:read".to_owned())));
    assert_eq!(idp.requests_to(Endpoint::PushedAuthorization), 1);
    // A confidential client proves who it is, and says it in the request, too.
    let of_two = with("client_id", Some("agent-2"));
    let uri = request_uri(&push(&idp, &[basic("agent-2", "s3cret")], &of_two));
    assert!(returned(&open(&idp, &[("client_id", "agent-2"), ("request_uri", &uri)]), "code").is_some());
}

/// RFC 9126 §2.2, §7.3
#[test]
fn a_request_uri_serves_once_and_soon_and_its_own_client_alone() {
    let idp = start();
    let refused = |pairs: &[(&str, &str)]| {
        let response = open(&idp, pairs);
        assert_eq!(response.header("location"), None);
        refusal(&response)
    };
    let unknown = (400, "invalid_request_uri".to_owned());
    let pushed = || request_uri(&push(&idp, &[], &good()));
    let first = pushed();
    let by_name = [("client_id", "agent-1"), ("request_uri", first.as_str())];
    assert!(returned(&open(&idp, &by_name), "code").is_some());
    assert_eq!(refused(&by_name), unknown);

    let taken = pushed();
    assert_eq!(refused(&[("client_id", "agent-2"), ("request_uri", &taken)]), unknown);
    assert_eq!(refused(&[("client_id", "agent-1"), ("request_uri", &taken)]), unknown, "used up by the attempt");
    let unnamed = pushed();
    assert_eq!(refused(&[("request_uri", &unnamed)]), unknown);

    let (early, late) = (pushed(), pushed());
    idp.pass(Duration::from_secs(50));
    assert!(returned(&open(&idp, &[("client_id", "agent-1"), ("request_uri", &early)]), "code").is_some());
    idp.pass(Duration::from_secs(20));
    assert_eq!(refused(&[("client_id", "agent-1"), ("request_uri", &late)]), unknown);
    for uri in ["urn:ietf:params:oauth:request_uri:guess", "https://evil.example/request", "guess"] {
        assert_eq!(refused(&[("client_id", "agent-1"), ("request_uri", uri)]), unknown, "{uri}");
    }
    let malformed = (400, "invalid_request".to_owned());
    assert_eq!(refused(&[("client_id", "agent-1"), ("request_uri", "a"), ("request_uri", "a")]), malformed);
    // Who must push cannot do without (REG-01).
    assert_eq!(refused(&with("client_id", Some("agent-2"))), malformed);
}

/// RFC 9126 §2.1, §2.3
#[test]
fn a_pushed_request_is_looked_at_as_at_the_authorization_endpoint() {
    let idp = start();
    let refused = |fields: &[Field], pairs: &[(&str, &str)]| refusal(&push(&idp, fields, pairs));
    for (name, value, error) in [
        ("request_uri", Some("urn:ietf:params:oauth:request_uri:x"), "invalid_request"),
        ("request", Some("eyJ"), "invalid_request"),
        ("redirect_uri", Some("http://127.0.0.1:7777/other"), "invalid_request"),
        ("redirect_uri", None, "invalid_request"),
        ("code_challenge", None, "invalid_request"),
        ("code_challenge_method", Some("plain"), "invalid_request"),
        ("response_type", Some("token"), "unsupported_response_type"),
        ("scope", Some("root"), "invalid_scope"),
        ("resource", Some("files"), "invalid_target"),
        ("max_age", Some("-1"), "invalid_request"),
        ("authorization_details", Some("{}"), "invalid_authorization_details"),
    ] {
        assert_eq!(refused(&[], &with(name, value)), (400, error.to_owned()), "{name}={value:?}");
    }
    assert_eq!(refused(&[], &[good(), vec![("scope", "files:read")]].concat()).1, "invalid_request");
    let of_two = with("client_id", Some("agent-2"));
    let unproved = (401, "invalid_client".to_owned());
    assert_eq!(refused(&[], &of_two), unproved);
    assert_eq!(refused(&[basic("agent-2", "wrong")], &of_two), unproved);
    assert_eq!(refused(&[], &with("client_id", None)), unproved);
    assert_eq!(refused(&[basic("agent-2", "s3cret")], &good()).1, "invalid_request", "of another client");
    assert_eq!(refused(&[basic("agent-2", "s3cret")], &with("client_id", None)).1, "invalid_request");
    assert_eq!(raw_client::get(idp.address(), "/agents/par", TIMEOUT).unwrap().status, 405);
    assert!(idp.authorizations().is_empty());
}

/// RFC 9396 §3, §7, §9.1, §9.2
#[test]
fn what_the_user_grants_is_in_the_token_its_answer_and_introspection() {
    let idp = start();
    let asked = json!([file("a.txt", &["read"]), {"type": "payment", "max_amount": 10.5, "creditor": "DE02"}]);
    for is_pushed in [false, true] {
        let got = token(&idp, &ask(&idp, &asked, is_pushed), &[]);
        assert_eq!(got["authorization_details"], asked);
        assert_eq!((&claims(&got)["authorization_details"], &claims(&got)["scope"]), (&asked, &json!("files:read")));
        let form = [("token", got["access_token"].as_str().unwrap())];
        let told = post(idp.address(), &idp.introspection_endpoint(), &[basic("files", "f1les")], &form);
        assert_eq!(answer(&told)["authorization_details"], asked);
    }
    // Details do without a scope, and a scope without details has none.
    let text = asked.to_string();
    let alone: Pairs<'_> =
        with("authorization_details", Some(&text)).into_iter().filter(|(n, _)| *n != "scope").collect();
    let answer = token(&idp, &open(&idp, &alone), &[]);
    assert_eq!((answer.get("scope"), claims(&answer).get("scope")), (None, None));
    let without = claims(&token(&idp, &open(&idp, &good()), &[]));
    assert_eq!(without.get("authorization_details"), None);
}

/// RFC 9396 §5
#[test]
fn details_of_no_known_type_or_shape_are_refused_before_the_user_is_asked() {
    let idp = start();
    let sound = file("a", &["read"]);
    for details in [
        json!([]),
        sound.clone(),
        json!([sound, {"type": "other"}]),
        json!([file("a", &[])]),
        json!([{"type": "file_access", "actions": ["read"]}]),
        json!([{"type": "file_access", "actions": ["read"], "identifier": "a", "more": 1}]),
    ] {
        let error = returned(&ask(&idp, &details, false), "error");
        assert_eq!(error.as_deref(), Some("invalid_authorization_details"), "{details}");
    }
    assert!(idp.consent_pages().is_empty());
    let form = [("grant_type", "client_credentials"), ("authorization_details", "[]")];
    let for_itself = post(idp.address(), &idp.token_endpoint(), &[basic("agent-2", "s3cret")], &form);
    assert_eq!(refusal(&for_itself), (400, "invalid_authorization_details".to_owned()));
}

#[test]
fn the_user_sees_every_value_as_text_and_may_grant_less_or_nothing() {
    let idp = start();
    let asked = json!([file("<script>alert(\"1\")</script>&'.pdf", &["read", "write"]), file("b", &["read"])]);
    token(&idp, &ask(&idp, &asked, true), &[]);
    let page = idp.consent_pages().pop().unwrap();
    assert!(!page.contains("<script"), "{page}");
    for text in [
        "&lt;script&gt;alert(\"1\")&lt;/script&gt;&amp;'.pdf",
        "[\"read\",\"write\"]",
        "files:read",
        "agent-1",
        "alice",
        FILES,
        CALLBACK,
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }

    let less = json!([file("b", &["read"])]);
    idp.seat(alice().narrows_to([less[0].clone()]));
    let answer = token(&idp, &ask(&idp, &asked, true), &[]);
    assert_eq!((&answer["authorization_details"], &claims(&answer)["authorization_details"]), (&less, &less));
    idp.seat(alice().narrows_to([file("c", &["read"])]));
    assert_eq!(returned(&ask(&idp, &asked, true), "error").as_deref(), Some("server_error"), "more than was asked for");
    for user in [alice().refuses(), alice().narrows_to([])] {
        idp.seat(user);
        assert_eq!(returned(&ask(&idp, &asked, true), "error").as_deref(), Some("access_denied"));
    }
    idp.seat(alice().signed_in("urn:pwd", fourleg_lab::unix_now()));
    let text = asked.to_string();
    let silent = [with("authorization_details", Some(&text)), vec![("prompt", "none")]].concat();
    assert_eq!(returned(&open(&idp, &silent), "error").as_deref(), Some("consent_required"));
}

/// RFC 9396 §6
#[test]
fn a_token_request_may_ask_for_a_part_of_what_was_granted_and_for_no_more() {
    let idp = start();
    let granted = json!([file("a", &["read", "write"]), {"type": "payment", "max_amount": 10, "creditor": "DE02"}]);
    let part = json!([file("a", &["read"])]);
    let text = part.to_string();
    let answer = token(&idp, &ask(&idp, &granted, false), &[("authorization_details", &text)]);
    assert_eq!(claims(&answer)["authorization_details"], part);
    for more in [json!([file("b", &["read"])]), json!([file("a", &["read", "delete"])]), json!({}), json!([])] {
        let code = returned(&ask(&idp, &granted, false), "code").unwrap();
        let response = redeem(&idp, &code, &[("authorization_details", &more.to_string())]);
        assert_eq!(refusal(&response), (400, "invalid_authorization_details".to_owned()), "{more}");
    }
    // What is for another resource alone is not for this token.
    let at = |place: &str| json!({"type": "file_access", "actions": ["read"], "identifier": "a", "locations": [place]});
    let answer = token(&idp, &ask(&idp, &json!([at(FILES), at(CALENDAR)]), false), &[("resource", FILES)]);
    assert_eq!(claims(&answer)["authorization_details"], json!([at(FILES)]));
}

/// RFC 9126 §5, RFC 9396 §10
#[test]
fn the_metadata_names_the_types_and_the_endpoint() {
    let idp = start();
    let path = "/.well-known/oauth-authorization-server/agents";
    let metadata = answer(&raw_client::get(idp.address(), path, TIMEOUT).unwrap());
    assert_eq!(metadata["pushed_authorization_request_endpoint"], "https://idp.example/agents/par");
    assert_eq!(metadata["authorization_details_types_supported"], json!(["file_access", "payment"]));
}
