//! Authorization requests for `authorization_details` (RFC 9396).

use fourleg_lab::raw_client;
use serde_json::json;

use super::{
    browser::{
        CALENDAR, CALLBACK, FILES, Pairs, alice, ask, claims, file, good, open, redeem, returned, start, token, with,
    },
    form_client::{TIMEOUT, basic, json as answer, post, refusal},
};

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
