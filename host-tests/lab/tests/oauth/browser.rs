//! A client's way through the browser: a request, pushed before or not, the answer that comes back, and the token for it.

use fourleg_lab::{
    identity_provider::{Client, DetailsType, IdentityProvider, Level, Shape, User},
    raw_client,
    wire::{Field, WireResponse},
};
use serde_json::{Value, json};

use super::form_client::{TIMEOUT, json as answer, part, post};

pub(crate) const FILES: &str = "https://files.example/mcp";
pub(crate) const CALENDAR: &str = "https://calendar.example/mcp";
pub(crate) const CALLBACK: &str = "http://127.0.0.1:7777/callback";
/// RFC 7636, appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub(crate) fn start() -> IdentityProvider {
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

pub(crate) fn alice() -> User {
    User::new("alice").reaches(["urn:pwd"])
}

/// Access to one file, with these actions.
pub(crate) fn file(name: &str, actions: &[&str]) -> Value {
    json!({"type": "file_access", "actions": actions, "identifier": name})
}

pub(crate) type Pairs<'a> = Vec<(&'a str, &'a str)>;

/// A request of agent-1 that is granted.
pub(crate) fn good<'a>() -> Pairs<'a> {
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
pub(crate) fn with<'a>(name: &'a str, value: Option<&'a str>) -> Pairs<'a> {
    let mut pairs: Pairs<'_> = good().into_iter().filter(|(n, _)| *n != name).collect();
    pairs.extend(value.map(|value| (name, value)));
    pairs
}

pub(crate) fn push(idp: &IdentityProvider, fields: &[Field], pairs: &[(&str, &str)]) -> WireResponse {
    post(idp.address(), &idp.pushed_authorization_request_endpoint(), fields, pairs)
}

pub(crate) fn request_uri(response: &WireResponse) -> String {
    assert_eq!(response.status, 201, "{}", response.text());
    assert_eq!(response.header("cache-control").as_deref(), Some("no-cache, no-store"));
    let answer = answer(response);
    assert_eq!(answer["expires_in"], 60);
    answer["request_uri"].as_str().unwrap().to_owned()
}

pub(crate) fn open(idp: &IdentityProvider, pairs: &[(&str, &str)]) -> WireResponse {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    raw_client::get(idp.address(), &format!("/agents/authorize?{query}"), TIMEOUT).unwrap()
}

/// A parameter with which the browser is sent back.
pub(crate) fn returned(response: &WireResponse, name: &str) -> Option<String> {
    assert_eq!(response.status, 303, "{}", response.text());
    let location = response.header("location").unwrap();
    let (to, query) = location.split_once('?').unwrap();
    assert_eq!(to, CALLBACK);
    form_urlencoded::parse(query.as_bytes()).into_owned().find(|(n, _)| n == name).map(|(_, value)| value)
}

/// The good request with these details, by the browser or pushed before.
pub(crate) fn ask(idp: &IdentityProvider, details: &Value, is_pushed: bool) -> WireResponse {
    let details = details.to_string();
    let asked = with("authorization_details", Some(&details));
    if is_pushed {
        let uri = request_uri(&push(idp, &[], &asked));
        open(idp, &[("client_id", "agent-1"), ("request_uri", &uri)])
    } else {
        open(idp, &asked)
    }
}

pub(crate) fn redeem(idp: &IdentityProvider, code: &str, more: &[(&str, &str)]) -> WireResponse {
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
pub(crate) fn token(idp: &IdentityProvider, response: &WireResponse, more: &[(&str, &str)]) -> Value {
    let answered = redeem(idp, &returned(response, "code").unwrap(), more);
    assert_eq!(answered.status, 200, "{}", answered.text());
    answer(&answered)
}

pub(crate) fn claims(answer: &Value) -> Value {
    part(answer["access_token"].as_str().unwrap(), 1)
}
