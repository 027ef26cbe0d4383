//! Whether the token that came is the one that was wanted.

use std::time::Duration;

use oauth_core::requirement::{Actors, RawActors};
use oauth_core::secret::Secret;
use oauth_core::token_exchange::{
    Expected, Issued, ServerProfile, check,
    result::{Audiences, Checked, Misfit},
};
use oauth_core::{Claims, Profile, Reason, ScopeToken, Scopes};
use serde_json::{Value, json};

use super::{NOW, claims, claims_as, jwt};

const ISSUER: &str = "https://idp.example";
const EXP: i64 = 1_900_000_300;

fn good() -> Value {
    json!({"iss": ISSUER, "sub": "alice", "aud": "tool-b", "exp": EXP, "scope": "b:read", "client_id": "gateway"})
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = good();
    claims[name] = value;
    claims
}

fn scopes(list: &str) -> Vec<ScopeToken> {
    Scopes::parse(list).unwrap().iter().cloned().collect()
}

struct Bench {
    profile: ServerProfile,
    subject: Option<Claims>,
    audiences: Audiences,
    asked: Vec<ScopeToken>,
    further: Vec<ScopeToken>,
    actors: Option<Actors>,
    opaque: bool,
    longest_beyond: Option<Duration>,
}

impl Bench {
    fn new() -> Self {
        Self {
            profile: ServerProfile::Rfc8693,
            subject: Some(claims(json!({"iss": ISSUER, "sub": "alice", "exp": EXP, "client_id": "agent-1"}))),
            audiences: Audiences { expected: vec!["tool-b".to_owned()], further: Vec::new() },
            asked: scopes("b:read"),
            further: Vec::new(),
            actors: None,
            opaque: false,
            longest_beyond: Some(Duration::from_secs(300)),
        }
    }

    fn check_issued(&self, token: String, scope: Option<&str>) -> Result<Checked, Reason> {
        self.explained(token, scope).map_err(|misfit| misfit.reason)
    }

    fn explained(&self, token: String, scope: Option<&str>) -> Result<Checked, Misfit> {
        let scope = scope.map(|list| Scopes::parse(list).unwrap());
        let issued = Issued { access_token: Secret::new(token), expires_in: None, scope };
        let expected = Expected {
            profile: self.profile,
            issuer: ISSUER,
            subject: self.subject.as_ref(),
            audiences: &self.audiences,
            asked: &self.asked,
            further_scopes: &self.further,
            actors: self.actors.as_ref(),
            opaque: self.opaque,
            clock_skew: Duration::from_secs(30),
            longest_beyond: self.longest_beyond,
        };
        check(&issued, &expected, NOW)
    }

    fn check(&self, token: &Value) -> Result<(), Reason> {
        self.check_issued(jwt(token), None).map(drop)
    }
}

const UNFIT: Result<(), Reason> = Err(Reason::IssuedTokenUnfit);

#[test]
fn a_token_as_it_was_wanted_passes_and_says_when_it_ends() {
    let checked = Bench::new().check_issued(jwt(&good()), Some("b:read")).unwrap();
    assert_eq!(checked.expires_at().map(|end| end.as_secs()), Some(EXP));
}

#[test]
fn a_token_for_somebody_else_or_for_others_too_is_not_used() {
    let mut bench = Bench::new();
    for audience in [
        json!("tool-c"),
        json!([]),
        json!(""),
        json!("tool-b2"),
        json!("TOOL-B"),
        json!(["tool-b", "tool-c"]),
        json!(null),
    ] {
        assert_eq!(bench.check(&with("aud", audience.clone())), UNFIT, "{audience}");
    }
    assert_eq!(bench.check(&with("aud", json!(["tool-b"]))), Ok(()));
    bench.audiences.further = vec!["account".to_owned()];
    assert_eq!(bench.check(&with("aud", json!(["tool-b", "account"]))), Ok(()));
    assert_eq!(bench.check(&with("aud", json!(["account"]))), UNFIT);
}

/// LOG-02
#[test]
fn what_does_not_fit_says_what_was_wanted_and_what_was_there() {
    let bench = Bench::new();
    for (token, check, expected, found) in [
        (with("aud", json!(["tool-b", "tool-c"])), "aud", "tool-b", "tool-b tool-c"),
        (with("sub", json!("mallory")), "sub", "alice", "mallory"),
        (with("sub", json!(null)), "sub", "alice", "absent"),
        (with("iss", json!("https://evil.example")), "iss", ISSUER, "https://evil.example"),
        (with("scope", json!("b:read b:write")), "scope", "b:read", "b:read b:write"),
        (with("scope", json!("")), "scope", "b:read", ""),
        (with("exp", json!(EXP + 1_000)), "exp", &format!("at most {}", EXP + 300), &(EXP + 1_000).to_string()),
        (with("exp", json!(5)), "exp", &format!("after {}", NOW.as_secs()), "5"),
        (with("nbf", json!(EXP)), "nbf", &format!("at most {}", NOW.as_secs() + 30), &EXP.to_string()),
    ] {
        let misfit = bench.explained(jwt(&token), None).unwrap_err();
        assert_eq!((misfit.check, &*misfit.expected, &*misfit.found), (check, expected, found), "{token}");
    }
    let long = bench.explained(jwt(&with("aud", json!("x".repeat(5_000)))), None).unwrap_err();
    assert_eq!(long.found.chars().count(), 257);
    let opaque = bench.explained("secret-of-ours".to_owned(), None).unwrap_err();
    assert!(!format!("{opaque:?}").contains("secret"), "{opaque:?}");
}

/// AUD-16
#[test]
fn the_slash_of_an_empty_path_makes_no_other_audience() {
    let mut bench = Bench::new();
    for (expected, audience, fits) in [
        ("https://b.example", "https://b.example/", true),
        ("https://b.example/", "https://b.example", true),
        ("https://b.example/mcp", "https://b.example/mcp/", false),
    ] {
        bench.audiences.expected = vec![expected.to_owned()];
        assert_eq!(bench.check(&with("aud", json!(audience))).is_ok(), fits, "{audience}");
    }
}

/// The issuer that named the user before still may, whatever the server that was asked calls itself; a third may not.
#[test]
fn the_user_is_named_by_the_issuer_of_before_or_by_the_server() {
    let of_another = |iss: &str| claims(json!({"iss": iss, "sub": "alice", "exp": EXP, "client_id": "agent-1"}));
    let bench = Bench { subject: Some(of_another("https://users.example")), ..Bench::new() };
    for (issuer, passes) in [("https://users.example", true), (ISSUER, true), ("https://third.example", false)] {
        assert_eq!(bench.check(&with("iss", json!(issuer))).is_ok(), passes, "{issuer}");
    }
}

#[test]
fn the_subject_stays_who_it_was() {
    let mut bench = Bench::new();
    for (name, value) in [
        ("sub", json!("mallory")),
        ("sub", json!("ALICE")),
        ("iss", json!("https://evil.example")),
        ("iss", json!("https://idp.example/")),
        ("exp", json!(1_899_999_999)),
        ("exp", json!("x")),
        ("cnf", json!({"jkt": "x"})),
    ] {
        assert_eq!(bench.check(&with(name, value.clone())), UNFIT, "{name} {value}");
    }
    let mut nameless = good();
    nameless.as_object_mut().unwrap().remove("sub");
    assert_eq!(bench.check(&nameless), UNFIT);
    // A subject without a name is never the same as another one without.
    bench.subject = Some(claims(json!({"iss": ISSUER, "exp": EXP})));
    assert_eq!(bench.check(&nameless), UNFIT);
    // With client credentials there is none to compare.
    bench.subject = None;
    assert_eq!(bench.check(&with("sub", json!("gateway"))), Ok(()));
    assert_eq!(bench.check(&with("aud", json!("tool-c"))), UNFIT);
}

/// TEX-29
#[test]
fn a_token_that_has_not_begun_is_not_used() {
    let bench = Bench::new();
    let now = NOW.as_secs();
    for claim in ["nbf", "iat"] {
        for (time, fits) in [(now - 3600, true), (now, true), (now + 30, true), (now + 31, false), (now + 3600, false)]
        {
            assert_eq!(bench.check(&with(claim, json!(time))).is_ok(), fits, "{claim} {time}");
        }
    }
}

/// TEX-29: or a right could be renewed for ever by exchanging it again and again.
#[test]
fn a_token_that_outlives_the_subject_token_too_far_is_used_only_by_choice() {
    let mut bench = Bench::new();
    let result = |bench: &Bench, exp: i64| bench.check(&with("exp", json!(exp)));
    for (exp, fits) in [(EXP - 100, true), (EXP + 300, true), (EXP + 301, false), (EXP + 100_000, false)] {
        assert_eq!(result(&bench, exp).is_ok(), fits, "{exp}");
    }
    bench.longest_beyond = None;
    assert_eq!(result(&bench, EXP + 100_000), Ok(()));
    bench.longest_beyond = Some(Duration::ZERO);
    assert_eq!((result(&bench, EXP), result(&bench, EXP + 1)), (Ok(()), UNFIT));
    // With client credentials there is none to outlive.
    bench.subject = None;
    assert_eq!(result(&bench, EXP + 100_000), Ok(()));
}

/// With Entra's own header type.
fn jwt_of_entra(claims: &Value) -> String {
    let text = jwt(claims);
    let (_, rest) = text.split_once('.').unwrap();
    format!("eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.{rest}")
}

/// TEX-20
#[test]
fn with_entra_the_user_is_the_object_in_its_tenant() {
    let of = |oid: &str, tid: &str| json!({"oid": oid, "tid": tid});
    let token = |who: Value, iss: &str| {
        let mut token = json!({"iss": iss, "sub": "pairwise", "aud": "api://b", "exp": EXP, "scp": "Read"});
        token.as_object_mut().unwrap().extend(who.as_object().unwrap().clone());
        jwt_of_entra(&token)
    };
    let mut before = json!({"iss": "https://sts.windows.net/t1/", "sub": "other", "exp": EXP});
    before.as_object_mut().unwrap().extend(of("o1", "t1").as_object().unwrap().clone());
    let mut bench = Bench { profile: ServerProfile::EntraObo, ..Bench::new() };
    bench.subject = Some(claims_as(before, Profile::Entra));
    bench.audiences.expected = vec!["api://b".to_owned()];
    bench.asked = scopes("api://b/.default");
    let v2 = "https://login.microsoftonline.com/t1/v2.0";
    assert!(bench.check_issued(token(of("o1", "t1"), v2), Some("api://b/Read")).is_ok());
    for who in [of("o2", "t1"), of("o1", "t2"), json!({"oid": "o1"}), json!({"tid": "t1"}), json!({})] {
        let result = bench.check_issued(token(who.clone(), v2), None).map(drop);
        assert_eq!(result, UNFIT, "{who}");
    }
    // Full and short names are one scope; another one is another.
    bench.asked = scopes("api://b/read");
    assert!(bench.check_issued(token(of("o1", "t1"), v2), Some("api://b/Read")).is_ok());
    bench.asked = scopes("api://b/write");
    assert_eq!(bench.check_issued(token(of("o1", "t1"), v2), None).map(drop), UNFIT);
}

/// TEX-20, TEX-09
#[test]
fn with_entra_a_further_scope_is_accepted_by_its_long_and_its_short_name() {
    let mut token = with("scp", json!("Read Files.Read"));
    token.as_object_mut().unwrap().remove("scope");
    token.as_object_mut().unwrap().extend([("oid".to_owned(), json!("o1")), ("tid".to_owned(), json!("t1"))]);
    let before = json!({"iss": ISSUER, "sub": "alice", "exp": EXP, "oid": "o1", "tid": "t1"});
    let mut bench = Bench { profile: ServerProfile::EntraObo, asked: scopes("api://app/Read"), ..Bench::new() };
    bench.subject = Some(claims_as(before, Profile::Entra));
    for said in [None, Some("api://app/Read api://app/Files.Read"), Some("read files.read")] {
        for further in ["Files.Read", "api://app/Files.Read", "api://app/files.read"] {
            bench.further = scopes(further);
            assert_eq!(bench.check_issued(jwt_of_entra(&token), said).map(drop), Ok(()), "{further} {said:?}");
        }
        // What was consented to is asked for, never accepted beside it.
        for further in ["", "Files.ReadWrite", "api://app/Files", "api://Files.Read/x", "api://app/.default"] {
            bench.further = scopes(further);
            assert_eq!(bench.check_issued(jwt_of_entra(&token), said).map(drop), UNFIT, "{further} {said:?}");
        }
    }
    // Elsewhere a scope has one name.
    let plain = Bench { further: scopes("api://app/Files.Read"), ..Bench::new() };
    assert_eq!(plain.check(&with("scope", json!("b:read Files.Read"))), UNFIT);
}

/// TEX-09
#[test]
fn a_scope_too_few_is_denied_and_one_too_many_is_not_used() {
    let mut bench = Bench::new();
    bench.asked = scopes("a b");
    let narrow = Err(Reason::IssuedScopeTooNarrow);
    let result = |bench: &Bench, claim: Option<&str>, said: Option<&str>| {
        let mut token = good();
        match claim {
            Some(list) => token["scope"] = json!(list),
            None => drop(token.as_object_mut().unwrap().remove("scope")),
        }
        bench.check_issued(jwt(&token), said).map(drop)
    };
    assert_eq!(result(&bench, Some("a b"), Some("b a")), Ok(()));
    assert_eq!(result(&bench, None, None), Ok(()), "RFC 8693 §2.2.1: what is not said is as it was asked");
    assert_eq!(result(&bench, None, Some("a")), narrow);
    assert_eq!(result(&bench, Some("a"), None), narrow);
    // What the server says and what the token says must both do.
    assert_eq!(result(&bench, Some("a"), Some("a b")), narrow);
    assert_eq!(result(&bench, Some("a b"), Some("a")), narrow);
    for (claim, said) in
        [(Some("a b c"), None), (None, Some("a b c")), (Some("a b c"), Some("a b")), (Some("a c"), None)]
    {
        assert_eq!(result(&bench, claim, said), UNFIT, "{claim:?} {said:?}");
    }
    bench.further = scopes("profile");
    assert_eq!(result(&bench, Some("a b profile"), None), Ok(()));
    bench.asked = Vec::new();
    assert_eq!(result(&bench, Some("profile"), None), Ok(()));
    assert_eq!(result(&bench, Some("a"), None), UNFIT);
    assert_eq!(result(&bench, None, Some("")), Ok(()));
    // To say that nothing is granted is to say something.
    bench.asked = scopes("a");
    for (claim, said) in [(Some(""), None), (None, Some("")), (Some(""), Some("a")), (Some("a"), Some(""))] {
        assert_eq!(result(&bench, claim, said), narrow, "{claim:?} {said:?}");
    }
}

/// TEX-15
#[test]
fn the_outermost_actor_decides_and_history_grants_nothing() {
    let mut bench = Bench::new();
    let actors: RawActors =
        serde_json::from_value(json!({"required": true, "allowed": ["gateway"], "max_depth": 2})).unwrap();
    bench.actors = Some(actors.settings("actors", &mut oauth_core::config::Problems::default()));
    let act = |value: Value| bench.check(&with("act", value));
    assert_eq!(act(json!({"sub": "gateway", "act": {"sub": "agent-1"}})), Ok(()));
    assert_eq!(bench.check(&good()), Err(Reason::ActorRequired));
    assert_eq!(act(json!({"sub": "other", "act": {"sub": "gateway"}})), Err(Reason::ActorNotAllowed));
    // Times and audiences inside an actor mean nothing.
    assert_eq!(act(json!({"sub": "gateway", "exp": 1, "aud": "x"})), Ok(()));
    assert_eq!(
        act(json!({"sub": "gateway", "act": {"sub": "a", "act": {"sub": "b"}}})),
        Err(Reason::ActorChainTooDeep)
    );
    let deep = (0..40).fold(json!({"sub": "x"}), |inner, _| json!({"sub": "gateway", "act": inner}));
    assert_eq!(act(deep), UNFIT);
}

#[test]
fn a_token_that_cannot_be_read_passes_only_where_that_was_allowed() {
    let mut bench = Bench::new();
    let jwe = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..AAAA.AAAA.AAAA";
    for token in ["opaque-token", jwe] {
        assert_eq!(bench.check_issued(token.to_owned(), None).map(drop), UNFIT, "{token}");
    }
    bench.opaque = true;
    for token in ["opaque-token", jwe] {
        assert!(bench.check_issued(token.to_owned(), None).unwrap().claims.is_none(), "{token}");
    }
    // One that can be read is held against everything all the same, and what the server says too.
    assert_eq!(bench.check(&with("aud", json!("tool-c"))), UNFIT);
    assert_eq!(bench.check_issued("opaque-token".to_owned(), Some("b:read b:write")).map(drop), UNFIT);
}

/// TEX-09: whichever claim the next hop reads its scopes from.
#[test]
fn a_scope_too_many_is_seen_in_every_claim_that_holds_scopes() {
    for profile in [ServerProfile::Rfc8693, ServerProfile::Keycloak, ServerProfile::Okta, ServerProfile::Auth0] {
        let bench = Bench { profile, ..Bench::new() };
        for (claim, value) in [
            ("scope", json!("b:read b:admin")),
            ("scp", json!(["b:read", "b:admin"])),
            ("scp", json!(["b:admin"])),
            ("scope", json!("b:admin")),
        ] {
            let mut token = good();
            token.as_object_mut().unwrap().remove("scope");
            token["cid"] = json!("gateway");
            token[claim] = value;
            assert_eq!(bench.check(&token), UNFIT, "{profile:?} {token}");
        }
    }
}
