//! How the identity provider's endpoints fail when they are told to.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{Shutdown, TcpStream},
    time::Duration,
};

use fourleg_lab::{
    identity_provider::{Client, Endpoint, Fault, IdentityProvider},
    wire::WireResponse,
};
use serde_json::{Value, json};

use super::form_client::{TIMEOUT, basic, json as answer, part, post};

fn start() -> IdentityProvider {
    IdentityProvider::builder().register(Client::confidential("tool", "s3cret").scopes(["x"])).start().unwrap()
}

fn ask(idp: &IdentityProvider) -> WireResponse {
    post(idp.address(), &idp.token_endpoint(), &[basic("tool", "s3cret")], &[("grant_type", "client_credentials")])
}

/// The answer with this fault.
fn failing(idp: &IdentityProvider, fault: Fault) -> WireResponse {
    idp.fail(Endpoint::Token, fault);
    ask(idp)
}

/// Asks on a connection of its own, and does not wait.
fn begin(idp: &IdentityProvider) -> TcpStream {
    let mut stream = TcpStream::connect(idp.address()).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let body = "grant_type=client_credentials&client_id=tool&client_secret=s3cret";
    let head =
        "POST /token HTTP/1.1\r\nhost: idp\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded";
    write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    stream
}

fn rest(mut stream: &TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn an_answer_can_be_something_else() {
    let idp = start();
    assert_eq!(failing(&idp, Fault::Status(503)).status, 503);
    let page = failing(&idp, Fault::Html);
    assert_eq!((page.status, page.header("content-type").as_deref()), (200, Some("text/html")));
    let garbage = failing(&idp, Fault::Garbage);
    assert_eq!((garbage.status, garbage.header("content-type").as_deref()), (200, Some("application/json")));
    serde_json::from_slice::<Value>(&garbage.body).unwrap_err();
    let redirect = failing(&idp, Fault::Redirect("https://evil.example/token".to_owned()));
    assert_eq!((redirect.status, redirect.header("location").as_deref()), (307, Some("https://evil.example/token")));
    let wanted = json!({"error": "interaction_required", "claims": "{\"access_token\":{}}"});
    let told = failing(&idp, Fault::Answer { status: 400, body: wanted.clone() });
    assert_eq!((told.status, answer(&told)), (400, wanted));
    idp.recover(Endpoint::Token);
    assert_eq!(ask(&idp).status, 200);
    assert_eq!(idp.requests_to(Endpoint::Token), 6);
}

#[test]
fn a_right_answer_can_be_spoilt() {
    let idp = start();
    let huge = failing(&idp, Fault::Huge);
    assert!(huge.body.len() > 256 * 1024 && answer(&huge)["access_token"].is_string());
    let changes = json!({"token_type": "N_A", "expires_in": "300", "access_token": null, "refresh_token": "r"});
    let spoilt = answer(&failing(&idp, Fault::Members(changes)));
    assert_eq!(spoilt, json!({"token_type": "N_A", "expires_in": "300", "refresh_token": "r", "scope": "x"}));
    let claims = json!({"sub": "mallory", "scope": "x root", "aud": "https://other.example", "client_id": null});
    let lied = answer(&failing(&idp, Fault::Claims(claims)));
    let token = part(lied["access_token"].as_str().unwrap(), 1);
    assert_eq!((&token["sub"], &token["scope"]), (&json!("mallory"), &json!("x root")));
    assert_eq!((&token["aud"], token.get("client_id")), (&json!("https://other.example"), None));
}

#[test]
fn an_answer_is_held_until_the_endpoint_recovers() {
    let idp = start();
    for fault in [Fault::HoldHeaders, Fault::HoldBody] {
        idp.fail(Endpoint::Token, fault.clone());
        let mut stream = begin(&idp);
        let mut first = [0; 12];
        if fault == Fault::HoldBody {
            stream.read_exact(&mut first).unwrap();
            assert_eq!(&first, b"HTTP/1.1 200");
        }
        stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let mut head = vec![0; 4096];
        let early = stream.read(&mut head);
        let early = early.map(|length| String::from_utf8_lossy(&head[..length]).into_owned());
        assert!(!early.unwrap_or_default().contains("access_token"));
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        // Another fault of another endpoint changes nothing; recovery does.
        idp.fail(Endpoint::Jwks, Fault::Hang);
        idp.recover(Endpoint::Jwks);
        idp.recover(Endpoint::Token);
        assert!(rest(&stream).contains("access_token"), "{fault:?}");
    }
}

#[test]
fn a_connection_can_end_in_the_middle_or_before_the_answer() {
    let idp = start();
    let cut = failing(&idp, Fault::Truncated);
    assert!(cut.status == 200 && !cut.complete && !cut.body.is_empty());
    idp.fail(Endpoint::Token, Fault::Reset);
    let mut stream = begin(&idp);
    let mut answer = Vec::new();
    assert_eq!(stream.read_to_end(&mut answer).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(answer.is_empty());
    let _closed = stream.shutdown(Shutdown::Both);
    idp.recover(Endpoint::Token);
    assert_eq!(ask(&idp).status, 200);
}
