//! `require` blocks: what they accept of a verified token and its request, and which mistakes in them are told.

use std::collections::BTreeMap;

use crate::issuing::*;
use oauth_core::config::{self, Problems};
use oauth_core::requirement::{Demand, Facts, RawRequirement, Requirement};
use oauth_core::scope::{ScopeHierarchy, ScopeToken};
use oauth_core::{Issuer, Profile, Reason, VerifiedToken};
use serde_json::{Value, json};

fn read(block: &Value) -> Result<(Requirement, Vec<String>), Vec<String>> {
    let told = |problems: &[config::Problem]| {
        problems.iter().map(|problem| format!("{} {}", problem.path, problem.message)).collect::<Vec<_>>()
    };
    let (raw, mut problems) = config::read::<RawRequirement>(block.to_string().as_bytes());
    let settings = raw.map(|raw| raw.settings("", &mut problems));
    let notes = told(problems.notes());
    problems.into_result(settings).map(|settings| (settings, notes)).map_err(|problems| told(problems.as_slice()))
}

fn requirement(block: Value) -> Requirement {
    read(&block).unwrap().0
}

fn captured(values: &[(&str, &str)]) -> Vec<(String, String)> {
    values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn token(changes: Value) -> VerifiedToken {
    verify_rfc9068(&token_of(&claims_with(changes))).unwrap()
}

fn entra(changes: Value) -> VerifiedToken {
    let base = json!({
        "iss": ISSUER, "sub": "HKZpfaHyWadeOouYlitjrI", "aud": RESOURCE, "azp": "agent-1", "azpacr": "1",
        "exp": 1_700_000_300, "tid": "t-1", "oid": "o-1",
    });
    let token = sign(Key::P256, &header_with(json!({"typ": "JWT"})), &with(base, changes));
    verify(&token, &Issuer::new(ISSUER, Profile::Entra), &issuer_keys()).unwrap()
}

fn check(block: Value, claims: Value) -> Result<(), Reason> {
    requirement(block).check(&token(claims), &Facts::default())
}

/// AUD-08
#[test]
fn a_client_that_is_named_like_a_user_is_refused_where_users_are_expected() {
    let own = json!({"sub": "alice", "client_id": "alice"});
    assert_eq!(check(json!({}), own.clone()), Err(Reason::TokenKindNotAllowed));
    assert_eq!(check(json!({"token_kind": "delegated"}), own.clone()), Err(Reason::TokenKindNotAllowed));
    assert_eq!(check(json!({"subject_equals": ["alice"]}), own.clone()), Err(Reason::TokenKindNotAllowed));
    assert_eq!(check(json!({"token_kind": "application"}), own.clone()), Ok(()));
    assert_eq!(check(json!({"token_kind": "any"}), own), Ok(()));
    assert_eq!(check(json!({"token_kind": "application"}), json!({})), Err(Reason::TokenKindNotAllowed));
    assert_eq!(Reason::TokenKindNotAllowed.status(), 403);
}

/// AUD-12
#[test]
fn an_allowed_client_is_not_enough_where_an_application_is_expected() {
    let block = requirement(json!({"token_kind": "application", "clients": ["agent-1"], "roles": ["Files.Read.All"]}));
    let verdict = |changes| block.check(&entra(changes), &Facts::default());
    assert_eq!(verdict(json!({"idtyp": "app", "roles": ["Files.Read.All"]})), Ok(()));
    let delegated = json!({"scp": "Files.Read", "roles": ["Files.Read.All"]});
    assert_eq!(verdict(delegated), Err(Reason::TokenKindNotAllowed));
    // Without `idtyp` nothing proves that it is an application.
    assert_eq!(verdict(json!({"roles": ["Files.Read.All"]})), Err(Reason::TokenKindNotAllowed));
    assert_eq!(verdict(json!({"idtyp": "app", "roles": ["Mail.Read"]})), Err(Reason::RoleMissing));
    let other = json!({"idtyp": "app", "azp": "agent-2", "roles": ["Files.Read.All"]});
    assert_eq!(verdict(other), Err(Reason::ClientNotAllowed));
}

#[test]
fn an_unproven_kind_passes_only_any() {
    let unknown = || entra(json!({"roles": ["r"]}));
    for (kind, expected) in [
        (json!("any"), Ok(())),
        (json!("delegated"), Err(Reason::TokenKindNotAllowed)),
        (json!("application"), Err(Reason::TokenKindNotAllowed)),
    ] {
        let block = requirement(json!({"token_kind": kind}));
        assert_eq!(block.check(&unknown(), &Facts::default()), expected, "{kind}");
    }
}

#[test]
fn clients_are_compared_exactly() {
    let block = || json!({"clients": ["agent-1", "agent-2"]});
    assert_eq!(check(block(), json!({})), Ok(()));
    for client in ["agent-3", "AGENT-1", "agent", "agent-1 ", "agent-11"] {
        assert_eq!(check(block(), json!({ "client_id": client })), Err(Reason::ClientNotAllowed), "{client}");
    }
    let generic = token_of(&claims_with(json!({"client_id": "__absent__"})));
    let anonymous = verify_generic(&generic).unwrap();
    let block = requirement(json!({"token_kind": "any", "clients": ["agent-1"]}));
    assert_eq!(block.check(&anonymous, &Facts::default()), Err(Reason::ClientNotAllowed));
}

#[test]
fn one_of_the_listed_roles_suffices_and_an_empty_list_requires_none() {
    let held = |roles: Value| json!({ "roles": roles });
    assert_eq!(check(json!({"roles": ["a", "b"]}), held(json!(["b", "c"]))), Ok(()));
    assert_eq!(check(json!({"roles": []}), json!({})), Ok(()));
    for roles in [json!([]), json!(["A"]), json!(["ab"]), json!("a"), json!("__absent__")] {
        assert_eq!(check(json!({"roles": ["a", "b"]}), held(roles.clone())), Err(Reason::RoleMissing), "{roles}");
    }
}

#[test]
fn a_claim_holds_if_it_or_one_of_its_elements_is_listed() {
    let rule = |pointer: &str, any_of: Value| json!({"claims": [{"pointer": pointer, "any_of": any_of}]});
    let said = json!({
        "department": "finance", "level": 3, "ratio": 0.5, "active": true, "groups": ["a", "b", 7],
        "org": {"unit": {"a/b": ["x"]}}, "nothing": null, "nested": [["deep"]],
    });
    for (pointer, any_of) in [
        ("/department", json!(["finance"])),
        ("/department", json!(["sales", "finance"])),
        ("/level", json!([3])),
        ("/ratio", json!([0.5])),
        ("/active", json!([true])),
        ("/groups", json!(["b"])),
        ("/groups", json!([7])),
        ("/groups/0", json!(["a"])),
        ("/org/unit/a~1b", json!(["x"])),
        ("/nested/0", json!(["deep"])),
        ("/iss", json!([ISSUER])),
    ] {
        assert_eq!(check(rule(pointer, any_of.clone()), said.clone()), Ok(()), "{pointer} {any_of}");
    }
    for (pointer, any_of) in [
        ("/department", json!(["Finance", "finance ", "fin"])),
        ("/level", json!(["3", true, 3.0, 4])),
        ("/active", json!(["true", 1, false])),
        ("/groups", json!(["c", "a,b", 0])),
        ("/groups/2", json!(["7"])),
        ("/groups/3", json!(["a"])),
        ("/org", json!(["unit"])),
        ("/org/unit", json!(["x"])),
        ("/nothing", json!(["null", false, 0, ""])),
        ("/nested", json!(["deep"])),
        ("/missing", json!(["x"])),
        ("/department/finance", json!(["finance"])),
    ] {
        assert_eq!(
            check(rule(pointer, any_of.clone()), said.clone()),
            Err(Reason::ClaimMismatch),
            "{pointer} {any_of}"
        );
    }
    let both =
        json!({"claims": [{"pointer": "/level", "any_of": [3]}, {"pointer": "/department", "any_of": ["sales"]}]});
    assert_eq!(check(both, said), Err(Reason::ClaimMismatch));
}

/// AUD-11
#[test]
fn a_rule_on_a_name_that_can_change_hands_is_noted() {
    for pointer in ["/upn", "/email", "/preferred_username", "/unique_name", "/emails/0"] {
        let (_, notes) = read(&json!({"claims": [{"pointer": pointer, "any_of": ["alice@example.com"]}]})).unwrap();
        assert_eq!(notes.len(), 1, "{pointer}");
        assert!(notes[0].starts_with("claims[0].pointer is a name that can change hands"), "{notes:?}");
        assert!(!notes[0].contains("alice"));
    }
    for pointer in ["/oid", "/tid", "/sub", "/department", "/org/email"] {
        assert!(read(&json!({"claims": [{"pointer": pointer, "any_of": ["x"]}]})).unwrap().1.is_empty(), "{pointer}");
    }
}

#[test]
fn users_reach_only_their_own_data() {
    let block = requirement(json!({"subject_equals": ["{path.user}"]}));
    assert_eq!(block.captures().collect::<Vec<_>>(), ["user"]);
    let verdict = |captures: &[(&str, &str)]| {
        block.check(&token(json!({})), &Facts { captures: &captured(captures), source: None })
    };
    assert_eq!(verdict(&[("user", "alice")]), Ok(()));
    for captures in
        [&[("user", "bob")] as &[(&str, &str)], &[("user", "Alice")], &[("user", "")], &[("id", "alice")], &[]]
    {
        assert_eq!(verdict(captures), Err(Reason::SubjectMismatch), "{captures:?}");
    }
    let twice = [("user", "alice"), ("user", "bob")];
    assert_eq!(verdict(&twice), Err(Reason::SubjectMismatch));
    let or_admin = requirement(json!({"subject_equals": ["{path.user}", "root"]}));
    let root = token(json!({"sub": "root"}));
    assert_eq!(or_admin.check(&root, &Facts { captures: &captured(&[("user", "alice")]), source: None }), Ok(()));
    let nobody = verify_generic(&token_of(&claims_with(json!({"sub": "__absent__"})))).unwrap();
    let any = requirement(json!({"token_kind": "any", "subject_equals": ["{path.user}"]}));
    assert_eq!(
        any.check(&nobody, &Facts { captures: &captured(&[("user", "")]), source: None }),
        Err(Reason::SubjectMismatch)
    );
}

#[test]
fn an_unknown_source_is_outside_every_range() {
    let block = requirement(json!({"source_cidrs": ["10.0.0.0/8", "2001:db8::/32", "0.0.0.0/0"]}));
    let verdict = |source: Option<&str>| {
        block.check(&token(json!({})), &Facts { captures: &[], source: source.map(|text| text.parse().unwrap()) })
    };
    for source in ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1", "192.0.2.1"] {
        assert_eq!(verdict(Some(source)), Ok(()), "{source}");
    }
    for source in [None, Some("2001:db9::1"), Some("::1")] {
        assert_eq!(verdict(source), Err(Reason::SourceNotAllowed), "{source:?}");
    }
}

#[test]
fn the_outermost_actor_decides_and_the_others_are_history() {
    let acting = |act: Value| json!({ "act": act });
    let one = |name: &str| acting(json!({"sub": name}));
    let actors = |block: Value| json!({ "actors": block });
    let allowed = || actors(json!({"allowed": ["agent-1"]}));
    assert_eq!(check(allowed(), one("agent-1")), Ok(()));
    assert_eq!(check(allowed(), one("agent-2")), Err(Reason::ActorNotAllowed));
    assert_eq!(check(allowed(), json!({})), Ok(()));
    // An allowed actor in the past allows nothing.
    let past = acting(json!({"sub": "agent-2", "act": {"sub": "agent-1"}}));
    assert_eq!(check(allowed(), past), Err(Reason::ActorNotAllowed));
    let past = acting(json!({"sub": "agent-1", "act": {"sub": "agent-2"}}));
    assert_eq!(check(allowed(), past), Ok(()));

    let required = || actors(json!({"required": true}));
    assert_eq!(check(required(), json!({})), Err(Reason::ActorRequired));
    assert_eq!(check(required(), one("whoever")), Ok(()));
    for nameless in [json!({}), json!({"client_id": "agent-1"}), json!({"iss": ISSUER})] {
        assert_eq!(check(allowed(), acting(nameless.clone())), Err(Reason::ActorNotAllowed), "{nameless}");
        assert_eq!(check(required(), acting(nameless.clone())), Err(Reason::ActorNotAllowed), "{nameless}");
        assert_eq!(check(json!({}), acting(nameless)), Ok(()));
    }
}

#[test]
fn an_actor_of_another_issuer_is_another_actor() {
    let act = |issuer: &str| json!({"act": {"sub": "agent-1", "iss": issuer}});
    let block = || json!({"actors": {"allowed": ["agent-1"]}});
    assert_eq!(check(block(), act(ISSUER)), Ok(()));
    assert_eq!(check(block(), act("https://evil.example")), Err(Reason::ActorNotAllowed));
    let chain = |inner: &str| json!({"act": {"sub": "a", "act": {"sub": "a", "iss": inner}}});
    assert_eq!(check(json!({"actors": {}}), chain(ISSUER)), Err(Reason::ActorLoop));
    assert_eq!(check(json!({"actors": {}}), chain("https://other.example")), Ok(()));
}

#[test]
fn a_chain_of_actors_is_bounded_and_free_of_loops() {
    let chain = |names: &[&str]| {
        let nest = |inner: Option<Value>, name: &&str| {
            Some(inner.map_or_else(|| json!({ "sub": name }), |inner| json!({"sub": name, "act": inner})))
        };
        json!({ "act": names.iter().rev().fold(None, nest) })
    };
    let depth = |max: u64| json!({"actors": {"max_depth": max}});
    assert_eq!(check(depth(2), chain(&["a", "b"])), Ok(()));
    assert_eq!(check(depth(2), chain(&["a", "b", "c"])), Err(Reason::ActorChainTooDeep));
    assert_eq!(check(depth(0), chain(&["a"])), Err(Reason::ActorChainTooDeep));
    assert_eq!(check(depth(0), json!({})), Ok(()));
    let most: Vec<String> = (0..10).map(|number| format!("a{number}")).collect();
    let most: Vec<&str> = most.iter().map(String::as_str).collect();
    assert_eq!(check(depth(10), chain(&most)), Ok(()));
    for looped in [&["a", "a"] as &[&str], &["a", "b", "a"], &["a", "b", "c", "b"]] {
        assert_eq!(check(json!({"actors": {}}), chain(looped)), Err(Reason::ActorLoop), "{looped:?}");
        assert_eq!(check(json!({}), chain(looped)), Ok(()), "{looped:?}");
    }
}

/// JWT-27
#[test]
fn actors_with_members_of_the_wrong_type_are_refused_with_the_token() {
    for act in [json!({"sub": ""}), json!({"sub": "a", "iss": 1}), json!({"sub": "a", "act": {"iss": []}})] {
        let verdict = verify_rfc9068(&token_of(&claims_with(json!({ "act": act }))));
        assert_eq!(reason(verdict), Reason::ClaimInvalid);
    }
}

/// COR-17
#[test]
fn the_first_unmet_requirement_is_the_one_that_is_told() {
    let block = |members: Value| {
        with(
            json!({
                "clients": ["c"], "roles": ["r"], "claims": [{"pointer": "/x", "any_of": [1]}],
                "subject_equals": ["{path.user}"], "source_cidrs": ["10.0.0.0/8"], "actors": {"required": true},
            }),
            members,
        )
    };
    let mut said = json!({"sub": "agent-1"});
    let mut told = Vec::new();
    for repair in [json!({"sub": "alice"}), json!({"client_id": "c"}), json!({"roles": ["r"]}), json!({"x": 1})] {
        told.push(check(block(json!({})), said.clone()).unwrap_err());
        said = with(said, repair);
    }
    told.push(check(block(json!({})), said.clone()).unwrap_err());
    let captures = captured(&[("user", "alice")]);
    let mut facts = Facts { captures: &captures, source: None };
    told.push(requirement(block(json!({}))).check(&token(said.clone()), &facts).unwrap_err());
    facts.source = Some("10.0.0.1".parse().unwrap());
    told.push(requirement(block(json!({}))).check(&token(said.clone()), &facts).unwrap_err());
    said = with(said, json!({"act": {"sub": "a"}}));
    assert_eq!(requirement(block(json!({}))).check(&token(said), &facts), Ok(()));
    assert_eq!(
        told,
        [
            Reason::TokenKindNotAllowed,
            Reason::ClientNotAllowed,
            Reason::RoleMissing,
            Reason::ClaimMismatch,
            Reason::SubjectMismatch,
            Reason::SourceNotAllowed,
            Reason::ActorRequired,
        ]
    );
}

#[test]
fn every_block_of_a_demand_holds_and_what_is_added_never_opens() {
    let block = |value: Value| requirement(value);
    let user = || token(json!({}));
    let own = || token(json!({"sub": "agent-1"}));
    let facts = Facts::default();
    let (plain, any, application, delegated) = (
        block(json!({})),
        block(json!({"token_kind": "any"})),
        block(json!({"token_kind": "application"})),
        block(json!({"token_kind": "delegated"})),
    );
    let kind = Err(Reason::TokenKindNotAllowed);
    // A rule may allow applications where the resource says nothing, and the other way round.
    assert_eq!(Demand::of(&plain).and(&application).check(&own(), &facts), Ok(()));
    assert_eq!(Demand::of(&plain).and(&application).check(&user(), &facts), kind);
    assert_eq!(Demand::of(&plain).and(&any).check(&own(), &facts), Ok(()));
    assert_eq!(Demand::of(&any).and(&plain).check(&own(), &facts), Ok(()));
    // What both say, both hold.
    assert_eq!(Demand::of(&any).and(&application).check(&user(), &facts), kind);
    assert_eq!(Demand::of(&application).and(&any).check(&user(), &facts), kind);
    assert_eq!(Demand::of(&delegated).and(&application).check(&own(), &facts), kind);
    assert_eq!(Demand::of(&delegated).and(&application).check(&user(), &facts), kind);
    // Added blocks leave the default in place.
    assert_eq!(Demand::of(&plain).and_added(&any).check(&own(), &facts), kind);
    assert_eq!(Demand::of(&plain).and_added(&application).check(&own(), &facts), kind);
    assert_eq!(Demand::of(&any).and_added(&application).check(&own(), &facts), Ok(()));
    assert_eq!(Demand::of(&any).and_added(&delegated).check(&own(), &facts), kind);
    assert_eq!(Demand::default().check(&own(), &facts), kind);
    assert_eq!(Demand::default().check(&user(), &facts), Ok(()));

    let (a, b) = (block(json!({"clients": ["agent-1"]})), block(json!({"clients": ["agent-2"]})));
    for demand in [Demand::of(&a).and(&b), Demand::of(&b).and(&a), Demand::of(&a).and_added(&b)] {
        assert_eq!(demand.check(&user(), &facts), Err(Reason::ClientNotAllowed));
    }
}

/// COR-12, COR-13
#[test]
fn the_scopes_of_all_blocks_are_told_together() {
    let (base, rule, named) = (
        requirement(json!({"scopes": ["tools:read", "tools:list"]})),
        requirement(json!({"scopes": ["tools:write", "tools:read"]})),
        requirement(json!({"scopes": ["audit"]})),
    );
    let demand = Demand::of(&base).and(&rule).and_added(&named);
    let names: Vec<String> = demand.scopes().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["tools:read", "tools:list", "tools:write", "audit"]);
    let missing = demand.check_scopes(&token(json!({})), &ScopeHierarchy::default()).unwrap_err();
    let missing: Vec<&str> = missing.scopes().iter().map(ScopeToken::as_str).collect();
    assert_eq!(missing, ["tools:list", "tools:write", "audit"]);

    let mut problems = Problems::default();
    let raw = BTreeMap::from([
        ("tools:admin".to_owned(), vec!["tools:write".to_owned(), "tools:list".to_owned()]),
        ("tools:write".to_owned(), vec!["tools:read".to_owned()]),
    ]);
    let hierarchy = ScopeHierarchy::settings(&raw, "scope_hierarchy", &mut problems);
    assert!(problems.is_empty());
    let admin = token(json!({"scope": "tools:admin audit"}));
    assert_eq!(demand.check_scopes(&admin, &hierarchy), Ok(()));
    assert!(demand.check_scopes(&admin, &ScopeHierarchy::default()).is_err());
    // Scopes alone are not everything.
    assert_eq!(demand.check(&token(json!({})), &Facts::default()), Ok(()));
}

#[test]
fn a_hierarchy_of_what_are_no_scopes_is_refused() {
    let mut problems = Problems::default();
    let raw = BTreeMap::from([
        ("a b".to_owned(), vec!["c".to_owned()]),
        ("d".to_owned(), vec!["e".to_owned(), String::new()]),
    ]);
    ScopeHierarchy::settings(&raw, "scope_hierarchy", &mut problems);
    let paths: Vec<&str> = problems.as_slice().iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(paths, ["scope_hierarchy.a b", "scope_hierarchy.d[1]"]);
}

#[test]
fn every_mistake_in_a_block_is_told_with_its_place() {
    let block = json!({
        "scopes": ["a b", "ok", "offline_access"],
        "token_kind": "users",
        "clients": [],
        "roles": [""],
        "claims": [{}, {"pointer": "x", "any_of": []}, {"pointer": "", "any_of": [null, {}, [1], "ok"]}, {"pointr": 1}],
        "subject_equals": ["{path.user}x", "", "{user}"],
        "source_cidrs": ["10.0.0.1/8", "10.0.0.0/8", "any"],
        "actors": {"required": true, "allowed": [], "max_depth": 0, "depth": 1},
        "scope": [],
    });
    let mistakes = read(&block).unwrap_err();
    for start in [
        "scopes[0] is no scope",
        "scopes[2] is no permission of a resource",
        "token_kind has a wrong value: expected one of `delegated`, `application`, `any`",
        "clients is empty",
        "roles holds a name that is empty or has white space around it",
        "claims[0].pointer is missing",
        "claims[0].any_of is missing",
        "claims[1].pointer is no JSON Pointer",
        "claims[1].any_of is empty",
        "claims[2].pointer is no JSON Pointer",
        "claims[2].any_of[0] cannot be compared",
        "claims[2].any_of[1] cannot be compared",
        "claims[2].any_of[2] cannot be compared",
        "claims[3].pointr is not known here",
        "subject_equals is empty or holds a name that is empty or has white space around it",
        "subject_equals[0] is no template",
        "subject_equals[2] is no template",
        "source_cidrs[0] is no address range",
        "source_cidrs[2] is no address range",
        "actors.allowed is empty",
        "actors.max_depth leaves no actor",
        "actors.depth is not known here",
        "scope is not known here",
    ] {
        assert!(mistakes.iter().any(|mistake| mistake.starts_with(start)), "{start}\n{mistakes:#?}");
    }
    assert!(mistakes.len() <= 26, "{mistakes:#?}");
    for (block, start) in [
        (json!({"source_cidrs": []}), "source_cidrs is empty"),
        (json!({"subject_equals": []}), "subject_equals is empty"),
        (json!({"actors": {"max_depth": 11}}), "actors.max_depth is too large"),
        (json!({"actors": {"max_depth": 18_446_744_073_709_551_615_u64}}), "actors.max_depth is too large"),
        (json!({"actors": {"max_depth": -1}}), "actors.max_depth is of type integer"),
        // What is wrong with the others would be told under places that they do not have.
        (json!({"claims": [7, {}], "clients": []}), "claims[0] is of type integer: expected an object as {\"pointer\""),
        (json!({"actors": true}), "actors is of type boolean: expected an object as"),
        (json!({"clients": "agent-1"}), "clients is of type string"),
        (json!({"token_kind": null}), "token_kind is null: expected a value, or no such member"),
        (json!({"actors": {"max_depth": null}}), "actors.max_depth is null"),
        (json!({"claims": [{"pointer": "/a", "any_of": ["b"]}], "x": 1}), "x is not known here"),
    ] {
        let mistakes = read(&block).unwrap_err();
        assert!(mistakes.len() == 1 && mistakes[0].starts_with(start), "{block}: {mistakes:#?}");
    }
}

#[test]
fn the_example_of_the_contract_is_read_and_holds() {
    let block = requirement(json!({
        "scopes": ["files:read"], "token_kind": "delegated", "clients": ["agent-1"], "roles": [],
        "claims": [{"pointer": "/department", "any_of": ["finance"]}], "subject_equals": ["{path.user}"],
        "source_cidrs": ["10.0.0.0/8"], "actors": {"required": true, "allowed": ["agent-1"], "max_depth": 2},
    }));
    let token = token(json!({"department": "finance", "act": {"sub": "agent-1"}, "scope": "files:read"}));
    let captures = captured(&[("user", "alice")]);
    let facts = Facts { captures: &captures, source: Some("10.9.8.7".parse().unwrap()) };
    assert_eq!(block.check(&token, &facts), Ok(()));
    assert_eq!(Demand::of(&block).check_scopes(&token, &ScopeHierarchy::default()), Ok(()));
}
