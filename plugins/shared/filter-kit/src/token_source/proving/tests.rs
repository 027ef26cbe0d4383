use std::time::Duration;

use oauth_core::config;
use serde_json::{Value, json};

use crate::{
    path::SafePath,
    policy::{Callout, CalloutOutcome, Fault, Note},
    request::{Parts, Property, RequestHead},
    token_source::{Learned, Pending, Presented, RawTokenSource, Reading, Refused, TokenSource},
};
use oauth_core::{reason::Reason, time::UnixTime};

const R: &str = "https://tools.example/a";
const NOW: UnixTime = UnixTime::from_secs(1_900_000_100);

fn config() -> Value {
    json!({
        "source": "introspection", "cluster": "idp", "introspection_endpoint": "https://idp.example/introspect?x=1",
        "issuer": "https://as.example", "resources": [{"resource": R}],
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut config = config();
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    config.pointer_mut(parent).unwrap()[member] = value;
    config
}

fn source(raw: &Value) -> Result<TokenSource, Vec<String>> {
    let (raw, mut problems) = config::read::<RawTokenSource>(raw.to_string().as_bytes());
    let settings = raw.map(|raw| RawTokenSource::settings(Some(&raw), None, "token", &mut problems));
    problems.into_result(settings).map_err(|problems| {
        problems.as_slice().iter().map(|problem| format!("{} {}", problem.path, problem.message)).collect()
    })
}

fn answer() -> Value {
    json!({"active": true, "iss": "https://as.example", "sub": "alice", "aud": R, "exp": 1_900_000_300_i64, "scope": "a"})
}

/// A filter's worker.
struct Worker {
    source: TokenSource,
    learned: Learned,
}

fn worker(raw: &Value) -> Worker {
    let source = source(raw).unwrap();
    let learned = source.nothing_learned();
    Worker { source, learned }
}

impl Worker {
    fn read(&mut self, authorization: &str, now: UnixTime) -> Reading {
        self.read_from("192.0.2.1:4000", authorization, now)
    }

    fn read_from(&mut self, source: &str, authorization: &str, now: UnixTime) -> Reading {
        let fields = [(b"authorization".to_vec(), authorization.as_bytes().to_vec())].into_iter().collect();
        let path = SafePath::parse(b"/a").unwrap();
        let parts = Parts { method: "GET".to_owned(), host: None, path, may_be_overridden: false };
        let head = RequestHead::new(fields, true).with_properties(vec![Property::Value(source.as_bytes().to_vec())]);
        self.source.read(&mut self.learned, &head, &parts, 0, now)
    }

    fn asks(&mut self, token: &str) -> (Callout, Pending) {
        match self.read(&format!("Bearer {token}"), NOW) {
            Reading::Await(callout, pending) => (callout, pending),
            other => panic!("{other:?}"),
        }
    }

    fn knows(&mut self, token: &str, now: UnixTime) -> Option<Result<(), Reason>> {
        match self.read(&format!("Bearer {token}"), now) {
            Reading::Await(..) => None,
            Reading::Done(_) => Some(Ok(())),
            Reading::Refused(refused) => Some(Err(refused.reason)),
        }
    }

    fn lands(&mut self, callout: &Callout, outcome: CalloutOutcome<'_>) -> Vec<Note> {
        self.source.learn(&mut self.learned, callout.key.as_deref().unwrap(), outcome, NOW)
    }

    fn answered(&mut self, token: &str, body: &str) -> Result<Presented, Refused> {
        let (callout, pending) = self.asks(token);
        self.lands(&callout, CalloutOutcome::Answer { status: 200, body: body.as_bytes() });
        self.ends(pending)
    }

    fn ends(&mut self, pending: Pending) -> Result<Presented, Refused> {
        match self.source.read_again(&mut self.learned, pending, NOW) {
            Reading::Done(presented) => Ok(presented),
            Reading::Refused(refused) => Err(refused),
            Reading::Await(..) => panic!("it waits again"),
        }
    }
}

/// REV-01, REV-03
#[test]
fn the_server_is_asked_and_what_it_says_is_the_token() {
    let mut worker = worker(&config());
    let (callout, pending) = worker.asks("opaque");
    assert_eq!((callout.method, &*callout.cluster, &*callout.authority), ("POST", "idp", "idp.example"));
    assert_eq!((&*callout.path, callout.expect), ("/introspect?x=1", &[200][..]));
    assert_eq!(callout.body, b"token=opaque&token_type_hint=access_token");
    assert!(!callout.key.as_ref().unwrap().contains("opaque"));
    worker.lands(&callout, CalloutOutcome::Answer { status: 200, body: answer().to_string().as_bytes() });
    let Ok(Presented::Token(token)) = worker.ends(pending) else { panic!("a token") };
    assert_eq!((token.claims().subject(), token.resource(), token.is_of("opaque")), (Some("alice"), Some(R), true));
}

/// REV-02, REV-03
#[test]
fn nothing_but_an_active_token_for_this_resource_passes() {
    let changed = |name: &str, value: Value| {
        let mut answer = answer();
        answer[name] = value;
        answer.to_string()
    };
    let mut worker = worker(&config());
    for (number, (body, reason)) in [
        (r#"{"active":false}"#.to_owned(), Reason::TokenInactive),
        (changed("active", json!("true")), Reason::IntrospectionUnavailable),
        ("<html>".to_owned(), Reason::IntrospectionUnavailable),
        (answer().to_string().replacen('{', r#"{"sub":"mallory","#, 1), Reason::IntrospectionUnavailable),
        (changed("aud", json!("https://tools.example/b")), Reason::AudienceMismatch),
        (changed("iss", json!("https://other.example")), Reason::UnknownIssuer),
        (changed("exp", json!(1_900_000_000)), Reason::TokenExpired),
        (changed("cnf", json!({"jkt": "x"})), Reason::BindingUnchecked),
    ]
    .into_iter()
    .enumerate()
    {
        let refused = worker.answered(&format!("t{number}"), &body).unwrap_err();
        assert_eq!((refused.reason, refused.resource.as_deref()), (reason, Some(R)), "{body}");
        assert_eq!(refused.retry_after.is_some(), reason == Reason::IntrospectionUnavailable, "{body}");
        assert_eq!(
            refused.denial([]).headers().iter().any(|(name, _)| *name == "retry-after"),
            refused.retry_after.is_some()
        );
    }
}

/// REV-04
#[test]
fn an_answer_is_kept_for_its_token_alone_and_an_outage_is_not_kept() {
    let mut worker = worker(&config());
    worker.answered("t", &answer().to_string()).unwrap();
    let after = |seconds| UnixTime::from_secs(NOW.as_secs() + seconds);
    assert_eq!(worker.knows("t", after(29)), Some(Ok(())));
    assert_eq!(worker.knows("t", after(30)), None);
    assert_eq!(worker.knows("T", NOW), None);
    worker.answered("gone", r#"{"active":false}"#).unwrap_err();
    assert_eq!(worker.knows("gone", after(4)), Some(Err(Reason::TokenInactive)));
    assert_eq!(worker.knows("gone", after(5)), None);
    worker.answered("fault", "<html>").unwrap_err();
    assert_eq!(worker.knows("fault", NOW), None);
    let (callout, pending) = worker.asks("fault");
    worker.lands(&callout, CalloutOutcome::Failed(Fault::Status(503)));
    assert_eq!(worker.ends(pending).unwrap_err().reason, Reason::IntrospectionUnavailable);
    assert_eq!(worker.knows("fault", NOW), None);
}

#[test]
fn nobody_gets_the_answer_about_another_token() {
    let mut worker = worker(&with("/cache", json!({"max_entries": 0})));
    let (_, first) = worker.asks("first");
    let (callout, second) = worker.asks("second");
    let (_, follower) = worker.asks("second");
    worker.lands(&callout, CalloutOutcome::Answer { status: 200, body: answer().to_string().as_bytes() });
    assert_eq!(worker.ends(first).unwrap_err().reason, Reason::IntrospectionUnavailable);
    worker.ends(second).unwrap();
    worker.ends(follower).unwrap();
    assert_eq!(worker.knows("second", NOW), None, "without room nothing is kept");
}

/// SMG-01, COR-02, COR-03
#[test]
fn what_is_no_one_credential_is_refused_unasked() {
    let mut worker = worker(&config());
    for (authorization, reason) in [
        ("Bearer a,Bearer b", Reason::DuplicateCredential),
        ("Bearer a b", Reason::CredentialMalformed),
        ("Bearer ", Reason::CredentialMalformed),
        ("Basic YTpi", Reason::CredentialMissing),
    ] {
        match worker.read(authorization, NOW) {
            Reading::Refused(refused) => assert_eq!(refused.reason, reason, "{authorization}"),
            other => panic!("{authorization}: {other:?}"),
        }
    }
}

#[test]
fn an_outage_is_logged_once_and_its_end_too() {
    let mut worker = worker(&config());
    let (callout, _) = worker.asks("t");
    let down = worker.lands(&callout, CalloutOutcome::Failed(Fault::NotSent));
    assert!(matches!(&down[..], [Note::Warn(text)] if text.contains("idp")), "{down:?}");
    assert!(worker.lands(&callout, CalloutOutcome::Answer { status: 200, body: b"<html>" }).is_empty());
    let up = worker.lands(&callout, CalloutOutcome::Answer { status: 200, body: br#"{"active":false}"# });
    assert!(matches!(&up[..], [Note::Info(_)]), "{up:?}");
    assert!(worker.lands(&callout, CalloutOutcome::Answer { status: 200, body: br#"{"active":false}"# }).is_empty());
}

#[test]
fn each_typical_mistake_is_named_with_its_place() {
    let gone = |name: &str| {
        let mut config = config();
        config.as_object_mut().unwrap().remove(name).unwrap();
        config
    };
    source(&config()).unwrap();
    let key = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let signed = json!({"audience": "rs", "jwks": {"inline": {"keys": [key]}}});
    source(&with("/signed", signed.clone())).unwrap();
    for (raw, mistake) in [
        (gone("cluster"), "token.cluster is missing"),
        (gone("introspection_endpoint"), "token.introspection_endpoint is missing"),
        (gone("issuer"), "token.issuer is missing"),
        (gone("resources"), "token.resources is missing"),
        (with("/resources", json!([])), "token.resources is empty"),
        (with("/cluster", json!("")), "token.cluster is empty"),
        (with("/issuer", json!("")), "token.issuer is empty"),
        (
            with("/introspection_endpoint", json!("http://idp.example/introspect")),
            "token.introspection_endpoint is no plain https URL",
        ),
        (
            with("/resources/0/accept", json!([{"issuer": "https://other.example"}])),
            "token.resources[0].accept[0].issuer is none of",
        ),
        (with("/profile", json!("other")), "profile has a wrong value"),
        (with("/timeout_ms", json!(10)), "token.timeout_ms is out of range"),
        (with("/cache", json!({"max_ttl_seconds": 3601})), "token.cache.max_ttl_seconds is too large"),
        (with("/cache", json!({"negative_ttl_seconds": 301})), "token.cache.negative_ttl_seconds is too large"),
        (with("/cache", json!({"max_entries": 100_001})), "token.cache.max_entries is too large"),
        (with("/cache", json!({"ttl": 1})), "cache.ttl is not known here"),
        (
            with("/client_auth", json!({"method": "client_secret_basic", "client_id": "a"})),
            "token.client_auth.client_secret is missing",
        ),
        (with("/signed", json!({"jwks": signed["jwks"]})), "token.signed.audience is missing"),
        (with("/signed", json!({"audience": "rs"})), "token.signed.jwks is missing"),
        (with("/signed", json!({"audience": "", "jwks": signed["jwks"]})), "token.signed.audience is empty"),
        (
            with("/signed", json!({"audience": "rs", "jwks": signed["jwks"], "algorithms": ["HS256"]})),
            "token.signed.algorithms[0] is no supported",
        ),
        (with("/issuers", json!([])), "token.issuers is known to the source verify only"),
        (with("/payload_key", json!("p")), "token.payload_key is known to the source jwt_authn only"),
        (with("/source", json!("verified")), "token.resources is known to the source verify and introspection only"),
    ] {
        let mistakes = source(&raw).unwrap_err();
        assert!(mistakes[0].starts_with(mistake), "{raw}: {mistakes:?}");
        assert!(mistakes.len() == 1 || raw["source"] == "verified", "{mistakes:?}");
    }
}

/// REV-04
#[test]
fn one_client_with_invented_tokens_takes_no_question_from_others() {
    let mut worker = worker(&config());
    let mut flood = Vec::new();
    let refused = loop {
        // Another port is the same client.
        let source = format!("192.0.2.1:{}", 1000 + flood.len());
        match worker.read_from(&source, &format!("Bearer invented{}", flood.len()), NOW) {
            Reading::Await(callout, _) => flood.push(callout),
            Reading::Refused(refused) => break refused,
            Reading::Done(presented) => panic!("{presented:?}"),
        }
    };
    assert_eq!((flood.len(), refused.reason), (64, Reason::TooManyPending));
    assert!(matches!(worker.read_from("192.0.2.1:1", "Bearer invented0", NOW), Reading::Await(..)), "it joins");
    assert!(matches!(worker.read_from("192.0.2.2:1", "Bearer alice", NOW), Reading::Await(..)));
    worker.lands(&flood[0], CalloutOutcome::Answer { status: 200, body: br#"{"active":false}"# });
    assert!(matches!(worker.read_from("192.0.2.1:1", "Bearer other", NOW), Reading::Await(..)));
}

/// REV-04
#[test]
fn the_questions_of_all_clients_together_are_bounded() {
    let mut worker = worker(&config());
    let mut asked = 0_u32;
    let refused = loop {
        let source = format!("198.51.{}.{}:1", asked / 256, asked % 256);
        match worker.read_from(&source, &format!("Bearer invented{asked}"), NOW) {
            Reading::Await(..) => asked += 1,
            Reading::Refused(refused) => break refused,
            Reading::Done(presented) => panic!("{presented:?}"),
        }
    };
    assert_eq!((asked, refused.reason), (512, Reason::Overloaded));
    // Of a flight that never ends the room comes back by itself.
    assert!(matches!(worker.read("Bearer alice", NOW.plus(Duration::from_secs(60))), Reading::Await(..)));
}
