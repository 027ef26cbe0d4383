//! RFC 9470 and Entra's claims challenge, claim by claim and parameter by parameter.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

use super::*;
use crate::claims::Claims;
use crate::config;
use crate::denial::Denial;
use crate::issuer::Profile;
use crate::reason::Reason;

const RESOURCE: &str = "https://tools.example/mcp";
const METADATA: &str = "https://tools.example/.well-known/oauth-protected-resource/mcp";
const AUTHORIZE: &str = "https://login.example/common/oauth2/v2.0/authorize";
const NOW: i64 = 1_900_000_000;

fn token(changes: Value) -> VerifiedClaims {
    let mut members = json!({"iss": "i", "exp": NOW + 300, "iat": NOW, "scope": "tools:read"});
    members.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    VerifiedClaims::proven(Claims::from_members(members.as_object().unwrap().clone(), Profile::Generic).unwrap())
}

fn read(block: &Value) -> (StepUp, Problems) {
    let (raw, mut problems) = config::read::<RawStepUp>(block.to_string().as_bytes());
    (raw.map(|raw| raw.settings("require", &mut problems)).unwrap_or_default(), problems)
}

fn required(block: Value) -> StepUp {
    let (settings, problems) = read(&block);
    assert!(problems.is_empty(), "{problems}");
    settings
}

fn levels(raw: Value) -> AcrLevels {
    let raw: BTreeMap<String, Vec<String>> = serde_json::from_value(raw).unwrap();
    let mut problems = Problems::default();
    let levels = AcrLevels::settings(&raw, "acr_levels", &mut problems);
    assert!(problems.is_empty(), "{problems}");
    levels
}

fn measure() -> Measure {
    Measure { clock_skew: Duration::from_secs(5), ..Measure::default() }
}

fn lacks(block: Value, claims: Value) -> Vec<&'static str> {
    required(block).unmet(&token(claims), &measure(), UnixTime::from_secs(NOW)).claims().collect()
}

fn asking(style: Style) -> Asking {
    Asking { styles: Styles::of(&[style]), authorization_uri: Some(AUTHORIZE.to_owned()), ..Asking::default() }
}

fn denied(style: Style, block: Value, claims: Value) -> Denial {
    let token = token(claims);
    let unmet = required(block).unmet(&token, &measure(), UnixTime::from_secs(NOW));
    assert!(!unmet.is_empty());
    asking(style).denial(&unmet, &token, Some(RESOURCE))
}

/// The parameters of each challenge, read by an independent strict parser; the description is left out.
fn challenges(denial: &Denial) -> Vec<BTreeMap<String, String>> {
    let fields = denial.headers().into_iter().filter(|(name, _)| *name == "www-authenticate");
    fields
        .map(|(_, value)| {
            let mut parsed = http_auth::ChallengeParser::new(&value);
            let challenge = parsed.next().unwrap().unwrap();
            assert!(parsed.next().is_none() && challenge.scheme == "Bearer", "{value}");
            let count = challenge.params.len();
            let parameters = challenge.params.iter().map(|(name, value)| ((*name).to_owned(), value.to_unescaped()));
            let mut parameters: BTreeMap<String, String> = parameters.collect();
            assert_eq!(parameters.len(), count, "{value}");
            assert!(parameters.remove("error_description").is_some());
            parameters
        })
        .collect()
}

fn parameters<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// STP-01, STP-12
#[test]
fn a_weaker_authentication_is_told_the_values_that_would_do() {
    let denial = denied(Style::Rfc9470, json!({"acr_values": ["mfa"]}), json!({"acr": "pwd"}));
    assert_eq!((denial.status(), denial.reason()), (401, Reason::InsufficientUserAuthentication));
    assert_eq!(
        challenges(&denial),
        [parameters([
            ("realm", RESOURCE),
            ("error", "insufficient_user_authentication"),
            ("scope", "tools:read"),
            ("acr_values", "mfa"),
            ("resource_metadata", METADATA),
        ])]
    );
}

/// STP-02
#[test]
fn one_of_the_acr_values_suffices_and_they_are_told_in_order() {
    let block = || json!({"acr_values": ["phr", "mfa"]});
    assert!(lacks(block(), json!({"acr": "mfa"})).is_empty());
    assert!(lacks(block(), json!({"acr": "phr"})).is_empty());
    let denial = denied(Style::Rfc9470, block(), json!({"acr": "pwd"}));
    assert_eq!(challenges(&denial)[0]["acr_values"], "phr mfa");
    assert!(denial.headers()[0].1.contains("acr_values=\"phr mfa\""), "{:?}", denial.headers());
}

/// STP-03
#[test]
fn max_age_is_told_quoted_and_zero_is_an_age() {
    let denial = denied(Style::Rfc9470, json!({"max_age_seconds": 0}), json!({"auth_time": NOW - 60}));
    assert!(denial.headers()[0].1.contains("max_age=\"0\""), "{:?}", denial.headers());
    for value in [json!(-1), json!(1.5), json!("60"), json!(true)] {
        let (_, problems) = read(&json!({"max_age_seconds": value}));
        assert!(problems.as_slice()[0].path == "max_age_seconds", "{value}: {problems}");
    }
}

/// STP-04
#[test]
fn all_that_is_needed_rides_in_one_challenge_whatever_of_it_is_lacking() {
    let block = || json!({"acr_values": ["mfa"], "max_age_seconds": 60, "scopes": ["tools:delete", "tools:read"]});
    let both = "tools:read tools:delete";
    for (claims, status, scope) in [
        (json!({"acr": "pwd", "auth_time": NOW - 3600}), 401, "tools:delete tools:read"),
        (json!({"acr": "mfa", "auth_time": NOW - 3600, "scope": both}), 401, "tools:delete tools:read"),
        (json!({"acr": "pwd", "auth_time": NOW, "scope": "x tools:read"}), 401, "tools:delete tools:read x"),
        (json!({"acr": "mfa", "auth_time": NOW}), 403, "tools:delete tools:read"),
        (json!({"acr": "mfa", "auth_time": NOW, "scope": "openid x"}), 403, "tools:delete tools:read openid x"),
    ] {
        let denial = denied(Style::Rfc9470, block(), claims.clone());
        assert_eq!(denial.status(), status, "{claims}");
        assert_eq!(
            challenges(&denial),
            [parameters([
                ("realm", RESOURCE),
                ("error", denial.reason().oauth_error().unwrap()),
                ("scope", scope),
                ("acr_values", "mfa"),
                ("max_age", "60"),
                ("resource_metadata", METADATA),
            ])],
            "{claims}"
        );
    }
}

/// STP-04: an issuer that grants exactly what is asked for, and a client that asks for exactly what it is told.
#[test]
fn a_client_that_takes_a_challenge_at_its_word_is_through_after_one_round() {
    let required = required(json!({"acr_values": ["mfa"], "max_age_seconds": 60, "scopes": ["tools:delete"]}));
    let now = UnixTime::from_secs(NOW);
    for (acr, auth_time, scope) in [
        ("pwd", NOW, "tools:read"),
        ("mfa", NOW, "tools:read"),
        ("mfa", NOW - 3600, "tools:read tools:delete"),
        ("pwd", NOW - 3600, ""),
    ] {
        let weak = token(json!({"acr": acr, "auth_time": auth_time, "scope": scope}));
        let unmet = required.unmet(&weak, &measure(), now);
        let asked = challenges(&asking(Style::Rfc9470).denial(&unmet, &weak, Some(RESOURCE))).remove(0);
        let granted = token(json!({
            "acr": asked.get("acr_values"), "scope": asked.get("scope"),
            "auth_time": if asked.contains_key("max_age") { NOW } else { auth_time },
        }));
        assert!(required.unmet(&granted, &measure(), now).is_empty(), "{asked:?}");
        assert!(weak.scopes().iter().all(|scope| granted.scopes().contains(scope)), "{asked:?}");
    }
}

/// STP-05
#[test]
fn freshness_is_by_auth_time_alone() {
    let block = || json!({"max_age_seconds": 60});
    assert_eq!(lacks(block(), json!({"auth_time": NOW - 3600, "iat": NOW})), ["auth_time"]);
    assert!(lacks(block(), json!({"auth_time": NOW - 10, "iat": NOW - 3600})).is_empty());
}

/// STP-06
#[test]
fn a_claim_that_is_not_there_is_unmet() {
    let block =
        json!({"acr_values": ["mfa"], "max_age_seconds": 60, "amr": ["otp"], "auth_context": "c1", "scopes": ["x"]});
    assert_eq!(lacks(block, json!({})), ["acr", "auth_time", "amr", "acrs", "scope"]);
    for acr in [json!(null), json!(2), json!(["mfa"]), json!({"mfa": true}), json!("")] {
        assert_eq!(lacks(json!({"acr_values": ["mfa"]}), json!({"acr": acr})), ["acr"]);
    }
}

/// STP-07
#[test]
fn there_is_no_order_among_acr_values_but_the_configured_one() {
    let block = required(json!({"acr_values": ["2"]}));
    let now = UnixTime::from_secs(NOW);
    for acr in ["3", "20", "02", "2 ", "1"] {
        assert!(!block.unmet(&token(json!({"acr": acr})), &measure(), now).is_empty(), "{acr}");
    }
    let measure = Measure { acr_levels: levels(json!({"3": ["2"], "4": ["3"]})), ..measure() };
    assert!(block.unmet(&token(json!({"acr": "3"})), &measure, now).is_empty());
    // Nothing follows over several steps, or the other way round.
    assert!(!block.unmet(&token(json!({"acr": "4"})), &measure, now).is_empty());
    let higher = required(json!({"acr_values": ["3"]}));
    assert!(!higher.unmet(&token(json!({"acr": "2"})), &measure, now).is_empty());
}

/// STP-08
#[test]
fn the_age_of_an_authentication_has_sharp_bounds() {
    let fresh = |auth_time: Value| lacks(json!({"max_age_seconds": 60}), json!({"auth_time": auth_time})).is_empty();
    // 60 seconds, and 5 for the clocks.
    assert!(fresh(json!(NOW - 65)) && !fresh(json!(NOW - 66)) && fresh(json!(NOW - 64)));
    assert!(fresh(json!(NOW as f64 - 64.5)) && !fresh(json!(NOW as f64 - 65.001)));
    assert!(fresh(json!(NOW + 5)) && !fresh(json!(NOW + 6)) && !fresh(json!(NOW + 3600)));
    for value in [json!("123"), json!(NOW.to_string()), json!(null), json!([NOW]), json!(true), json!(-1), json!(1e300)]
    {
        assert!(!fresh(value.clone()), "{value}");
    }
}

#[test]
fn every_method_is_needed_and_asked_for_by_the_acr_that_stands_for_it() {
    let block = || json!({"amr": ["pwd", "otp"], "acr_values": ["mfa"]});
    assert!(lacks(block(), json!({"acr": "mfa", "amr": ["otp", "pwd", "x"]})).is_empty());
    for amr in [json!(["otp"]), json!("pwd otp"), json!(["pwd otp"]), json!(["OTP", "pwd"]), json!([])] {
        assert_eq!(lacks(block(), json!({"acr": "mfa", "amr": amr})), ["amr"]);
    }
    let denial = denied(Style::Rfc9470, block(), json!({"acr": "mfa", "amr": ["pwd"]}));
    assert_eq!(challenges(&denial)[0]["acr_values"], "mfa");
    let denial = denied(Style::Rfc9470, json!({"amr": ["otp"]}), json!({}));
    assert_eq!((denial.status(), challenges(&denial)[0].len()), (401, 4), "realm, error, scope, resource_metadata");
}

/// COR-12, COR-13
#[test]
fn missing_scope_alone_is_told_with_all_that_is_needed() {
    let block = || json!({"acr_values": ["mfa"], "scopes": ["tools:read", "tools:delete"]});
    let denial = denied(Style::Rfc9470, block(), json!({"acr": "mfa"}));
    assert_eq!((denial.status(), denial.reason()), (403, Reason::InsufficientScope));
    assert_eq!(
        challenges(&denial),
        [parameters([
            ("realm", RESOURCE),
            ("error", "insufficient_scope"),
            ("scope", "tools:read tools:delete"),
            ("acr_values", "mfa"),
            ("resource_metadata", METADATA),
        ])]
    );
    let includes = serde_json::from_value(json!({"tools:admin": ["tools:read", "tools:delete"]})).unwrap();
    let measure = Measure { scope_hierarchy: ScopeHierarchy::new(includes), ..measure() };
    let admin = token(json!({"acr": "mfa", "scope": "tools:admin"}));
    assert!(required(block()).unmet(&admin, &measure, UnixTime::from_secs(NOW)).is_empty());
}

#[test]
fn a_client_that_follows_no_403_can_be_told_with_401() {
    let token = token(json!({}));
    let unmet = required(json!({"scopes": ["x"]})).unmet(&token, &measure(), UnixTime::from_secs(NOW));
    let asking = Asking { scope_as_unauthorized: true, ..Asking::default() };
    let denial = asking.denial(&unmet, &token, Some(RESOURCE));
    assert_eq!((denial.status(), challenges(&denial)[0]["error"].as_str()), (401, "insufficient_scope"));
}

/// STP-13, STP-14, X3
#[test]
fn entra_is_told_everything_in_one_challenge_of_its_own_parameters() {
    let denial = denied(Style::Entra, json!({"auth_context": "c1"}), json!({"xms_cc": ["cp1"]}));
    assert_eq!((denial.status(), denial.reason()), (401, Reason::InsufficientClaims));
    let claims = STANDARD.encode(r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#);
    let expected = parameters([
        ("authorization_uri", AUTHORIZE),
        ("error", "insufficient_claims"),
        ("scope", "tools:read"),
        ("claims", &claims),
        ("resource_metadata", METADATA),
    ]);
    assert_eq!(challenges(&denial), [expected]);
}

/// STP-13
#[test]
fn two_styles_are_two_challenges_without_mixed_parameters() {
    let block = || json!({"acr_values": ["mfa"], "max_age_seconds": 60, "auth_context": "c1"});
    let denial = denied(Style::Both, block(), json!({"xms_cc": "CP1"}));
    let [entra, rfc9470] = challenges(&denial).try_into().unwrap();
    assert_eq!(denial.reason(), Reason::InsufficientClaims);
    assert_eq!(rfc9470["error"], "insufficient_user_authentication");
    assert_eq!((rfc9470["acr_values"].as_str(), rfc9470["max_age"].as_str()), ("mfa", "60"));
    assert!(!["claims", "authorization_uri"].iter().any(|name| rfc9470.contains_key(*name)));
    assert_eq!(entra["error"], "insufficient_claims");
    assert!(!["acr_values", "max_age", "realm"].iter().any(|name| entra.contains_key(*name)));
    // Each is told only if it has something to say, and to those who understand it.
    let met = json!({"acr": "mfa", "auth_time": NOW, "xms_cc": "cp1"});
    assert_eq!(denied(Style::Both, block(), met).reason(), Reason::InsufficientClaims);
    let met = json!({"acrs": ["c1"], "xms_cc": "cp1"});
    assert_eq!(challenges(&denied(Style::Both, block(), met)).len(), 1);
    assert_eq!(challenges(&denied(Style::Both, block(), json!({}))).len(), 1);
}

/// STP-15
#[test]
fn a_client_that_understands_no_claims_challenge_gets_a_plain_403() {
    for style in [Style::Entra, Style::Both] {
        let denial = denied(style, json!({"auth_context": "c1", "scopes": ["x"]}), json!({}));
        assert_eq!((denial.status(), denial.reason()), (403, Reason::StepUpImpossible));
        assert!(challenges(&denial).is_empty() && !denial.body().contains("c1"));
    }
}

/// STP-16
#[test]
fn an_auth_context_is_a_member_of_the_array_acrs_and_any_identifier() {
    assert!(lacks(json!({"auth_context": "c1"}), json!({"acrs": ["c2", "c1"]})).is_empty());
    for acrs in
        [json!(["c2"]), json!("c1"), json!(["C1"]), json!(["c1 "]), json!([["c1"]]), json!({"c1": true}), json!([])]
    {
        assert_eq!(lacks(json!({"auth_context": "c1"}), json!({"acrs": acrs})), ["acrs"]);
    }
    assert!(lacks(json!({"auth_context": "c99"}), json!({"acrs": ["c99"]})).is_empty());
}

/// A demand that a style cannot say is never taken for met.
#[test]
fn what_a_style_cannot_ask_for_still_denies_and_is_named_to_the_operator() {
    let all = json!({"acr_values": ["a"], "max_age_seconds": 1, "amr": ["otp"], "auth_context": "c1"});
    let cannot = |block: &Value, style| required(block.clone()).cannot_be_asked(Styles::of(&[style]));
    assert_eq!(cannot(&all, Style::Rfc9470), ["auth_context"]);
    assert_eq!(cannot(&all, Style::Entra), ["acr_values", "max_age_seconds", "amr"]);
    assert!(cannot(&all, Style::Both).is_empty());
    assert_eq!(cannot(&json!({"amr": ["otp"]}), Style::Both), ["amr"]);
    let denial = denied(Style::Rfc9470, json!({"auth_context": "c1"}), json!({"xms_cc": ["cp1"]}));
    assert_eq!((denial.status(), challenges(&denial)[0].contains_key("claims")), (401, false));
    let denial = denied(Style::Entra, json!({"acr_values": ["mfa"]}), json!({"xms_cc": ["cp1"]}));
    assert_eq!(denial.reason(), Reason::StepUpImpossible);
}

fn step_up_scope(text: &str) -> Option<ScopeToken> {
    Some(ScopeToken::parse(text).unwrap())
}

/// The status, the error and the scope of the denial by these forms.
fn told(styles: &[Style], required: &StepUp, claims: Value) -> (u16, String, Option<String>, usize) {
    let token = token(claims);
    let unmet = required.unmet(&token, &measure(), UnixTime::from_secs(NOW));
    let asking = Asking {
        styles: Styles::of(styles),
        rfc9470_clients: vec!["agent-9470".to_owned()],
        authorization_uri: Some(AUTHORIZE.to_owned()),
        scope_as_unauthorized: false,
    };
    let denial = asking.denial(&unmet, &token, Some(RESOURCE));
    let challenge = challenges(&denial).into_iter().next().unwrap_or_default();
    let get = |name: &str| challenge.get(name).cloned();
    (denial.status(), get("error").unwrap_or_default(), get("scope"), challenge.len())
}

/// STP-17
#[test]
fn by_scope_a_stronger_authentication_is_one_more_scope_to_ask_for() {
    let block =
        json!({"acr_values": ["mfa"], "max_age_seconds": 60, "amr": ["otp"], "auth_context": "c1", "scopes": ["x"]});
    let required = required(block).with_step_up_scope(step_up_scope("step-up:mfa"));
    let all = json!({"acr": "mfa", "auth_time": NOW, "amr": ["otp"], "acrs": ["c1"], "scope": "x tools:read"});
    for (claim, lacking) in [
        ("acr", json!("pwd")),
        ("auth_time", json!(NOW - 3600)),
        ("amr", json!([])),
        ("acrs", json!(["c2"])),
        ("scope", json!("tools:read")),
    ] {
        let mut claims = all.clone();
        claims[claim] = lacking;
        let scope = Some("x step-up:mfa tools:read".to_owned());
        // Realm, error, scope and metadata: no parameter of another form.
        assert_eq!(
            told(&[Style::Scope], &required, claims),
            (403, "insufficient_scope".to_owned(), scope, 4),
            "{claim}"
        );
    }
    assert!(
        required.unmet(&token(all), &measure(), UnixTime::from_secs(NOW)).is_empty(),
        "the scope itself is not needed"
    );
    assert!(required.cannot_be_asked(Styles::of(&[Style::Scope])).is_empty());
}

/// STP-17
#[test]
fn by_scope_a_rule_without_a_step_up_scope_is_denied_without_a_challenge() {
    let required = required(json!({"acr_values": ["mfa"], "scopes": ["x"]}));
    let plain = (403, String::new(), None, 0);
    assert_eq!(told(&[Style::Scope], &required, json!({"scope": "x"})), plain);
    let scope_alone = (403, "insufficient_scope".to_owned(), Some("x tools:read".to_owned()), 4);
    assert_eq!(told(&[Style::Scope], &required, json!({"acr": "mfa"})), scope_alone);
    assert_eq!(required.cannot_be_asked(Styles::of(&[Style::Scope])), ["acr_values"]);
}

/// STP-17
#[test]
fn each_client_is_asked_in_the_form_that_it_follows() {
    let required =
        required(json!({"acr_values": ["mfa"], "auth_context": "c1"})).with_step_up_scope(step_up_scope("s"));
    let every = [Style::Rfc9470, Style::Entra, Style::Scope];
    let by_scope = (403, "insufficient_scope", Some("s tools:read"));
    let by_rfc9470 = (401, "insufficient_user_authentication", Some("tools:read"));
    let by_entra = (401, "insufficient_claims", Some("tools:read"));
    for (styles, claims, expected) in [
        (&[Style::Rfc9470, Style::Scope][..], json!({}), by_scope),
        (&[Style::Rfc9470, Style::Scope], json!({"client_id": "agent-1"}), by_scope),
        (&[Style::Rfc9470, Style::Scope], json!({"client_id": "agent-9470"}), by_rfc9470),
        // What RFC 9470 cannot say, the scope can.
        (&[Style::Rfc9470, Style::Scope], json!({"client_id": "agent-9470", "acr": "mfa"}), by_scope),
        (&[Style::Entra, Style::Scope], json!({"xms_cc": "cp1"}), by_entra),
        (&[Style::Entra, Style::Scope], json!({"xms_cc": "cp1", "acrs": ["c1"]}), by_scope),
        (&[Style::Entra, Style::Scope], json!({}), by_scope),
        (&every, json!({"client_id": "agent-9470", "xms_cc": "cp1"}), by_entra),
        (&every, json!({"client_id": "agent-9470"}), by_rfc9470),
        (&every, json!({"xms_cc": "cp1"}), by_entra),
        (&every, json!({}), by_scope),
        // Without the form scope, the list means nothing.
        (&[Style::Rfc9470], json!({"client_id": "agent-1"}), by_rfc9470),
    ] {
        let (status, error, scope, _) = told(styles, &required, claims.clone());
        assert_eq!((status, error.as_str(), scope.as_deref()), expected, "{styles:?} {claims}");
    }
}

#[test]
fn what_several_operations_lack_is_asked_for_together() {
    let levels = levels(json!({"phr": ["mfa"]}));
    let now = UnixTime::from_secs(NOW);
    let lacking = |block: Value| required(block).unmet(&token(json!({})), &measure(), now);
    let one = lacking(json!({"acr_values": ["mfa", "x"], "max_age_seconds": 60, "scopes": ["a", "b"]}));
    let two =
        lacking(json!({"acr_values": ["phr"], "max_age_seconds": 300, "scopes": ["b", "c"], "auth_context": "c1"}));
    let together = one.clone().and(two.clone(), &levels);
    assert_eq!(together.claims().collect::<Vec<_>>(), ["acr", "auth_time", "acrs", "scope"]);
    assert_eq!(together.acr_values(), ["phr"]);
    assert_eq!(together.max_age(), Some(Duration::from_secs(60)));
    assert_eq!(together.needed_scopes().iter().map(ScopeToken::as_str).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(Unmet::default().and(two.clone(), &levels), two);
    assert_eq!(one.clone().and(Unmet::default(), &levels), one);
    let never = lacking(json!({"acr_values": ["a"]})).and(lacking(json!({"acr_values": ["b"]})), &levels);
    assert_eq!(never.acr_values(), ["a"]);
}

#[test]
fn each_mistake_is_named_with_its_place() {
    for (block, expected) in [
        (json!({"acr_values": []}), "require.acr_values is empty"),
        (json!({"acr_values": [""]}), "require.acr_values is empty"),
        (json!({"acr_values": ["a b"]}), "require.acr_values cannot be told"),
        (json!({"acr_values": ["\u{e9}"]}), "require.acr_values cannot be told"),
        (json!({"acr_values": ["x".repeat(5000)]}), "require.acr_values cannot be told"),
        (json!({"amr": []}), "require.amr is empty"),
        (json!({"auth_context": ""}), "require.auth_context is empty"),
        (json!({"scopes": ["a b"]}), "require.scopes[0] is no scope"),
        (json!({"scopes": ["offline_access"]}), "require.scopes[0] is no permission"),
        (json!({"acr": ["a"]}), "acr is not known here"),
    ] {
        let (_, problems) = read(&block);
        let told: Vec<String> = problems.as_slice().iter().map(|p| format!("{} {}", p.path, p.message)).collect();
        assert!(told.len() == 1 && told[0].starts_with(expected), "{expected}: {told:?}");
    }
    let mut problems = Problems::default();
    AcrLevels::settings(&BTreeMap::from([("a".to_owned(), vec![])]), "acr_levels", &mut problems);
    assert!(problems.as_slice()[0].path == "acr_levels.a", "{problems}");
}

/// STP-03, STP-13: nothing that a configuration or a token holds breaks a challenge.
#[test]
fn a_resource_that_has_no_metadata_is_told_without_it() {
    let token = token(json!({}));
    let unmet = required(json!({"acr_values": ["mfa"]})).unmet(&token, &measure(), UnixTime::from_secs(NOW));
    for (resource, names) in [(None, 3), (Some("urn:example:rest"), 4)] {
        let denial = Asking::default().denial(&unmet, &token, resource);
        assert_eq!(challenges(&denial)[0].len(), names, "{resource:?}");
    }
}
