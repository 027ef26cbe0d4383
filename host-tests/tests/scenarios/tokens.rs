//! What a token must be (JWT): each scenario is sent through the proxy, and the upstream's own record shows the verdict.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use fourleg_harness::{Running, get};
use fourleg_lab::mint::{Algorithm, SigningKey, base64url, compact, compact_with_signature, jwks, key, stranger};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use crate::fixture::{I, R, config, gateway, good, public_keys, serve};

fn accepts(gateway: &dyn Running, token: &str) {
    gateway.send(get("/mcp").bearer(token)).allowed();
}

/// The token never reaches the upstream, and the client gets the 401 of RFC 6750 §3.1.
fn refuses(gateway: &dyn Running, token: &str) -> String {
    let outcome = gateway.send(get("/mcp").bearer(token));
    outcome.denied_with(401).challenge().scheme("Bearer").param("error", "invalid_token").param("scope", "tools:read");
    outcome.code()
}

fn with_issuer(member: &str, value: Value) -> Value {
    let mut config = config();
    config["issuers"][0][member] = value;
    config
}

scenarios! {
    /// JWT-01, JWT-26
    fn accepts_each_listed_algorithm_and_refuses_the_others(runner) {
        let gateway = serve(runner);
        for algorithm in Algorithm::ALL {
            accepts(&*gateway, &good(&*gateway).sign_with(key(algorithm)));
        }
        let only = runner.start(crate::fixture::gateway(with_issuer("algorithms", json!(["RS256"])))).unwrap();
        accepts(&*only, &good(&*only).sign_with(key(Algorithm::Rs256)));
        for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| algorithm.name() != "RS256") {
            assert_eq!(refuses(&*only, &good(&*only).sign_with(key(algorithm))), "algorithm_not_allowed");
        }
    }

    /// JWT-02
    fn refuses_none_in_every_spelling_with_or_without_a_signature(runner) {
        let gateway = serve(runner);
        for none in ["none", "None", "NONE", "nOnE", "", "null"] {
            refuses(&*gateway, &good(&*gateway).alg(none).unsigned());
            refuses(&*gateway, &good(&*gateway).alg(none).with_signature("signature"));
            refuses(&*gateway, &good(&*gateway).alg(none).kid("rs256").with_signature([0; 256]));
        }
        refuses(&*gateway, &good(&*gateway).header_text(r#"{"typ":"at+jwt"}"#).unsigned());
    }

    /// JWT-03
    fn a_public_key_is_never_a_mac_secret(runner) {
        let gateway = serve(runner);
        let public = key(Algorithm::Rs256);
        for secret in [
            public.public_pem().into_bytes(), public.public_pem().trim_end().as_bytes().to_vec(), public.public_der(),
            public.public_number(), public.jwk().to_string().into_bytes(), public_keys().to_string().into_bytes(),
            STANDARD.encode(public.public_der()).into_bytes(), Vec::new(),
        ] {
            for alg in ["HS256", "hs256", "HS512", "RS256", "ES256", "EdDSA"] {
                refuses(&*gateway, &good(&*gateway).alg(alg).kid("rs256").mac_with(&secret));
            }
        }
    }

    /// JWT-04
    fn one_key_has_one_algorithm(runner) {
        let gateway = serve(runner);
        for (signed_as, named) in [
            (Algorithm::Ps256, "rs256"), (Algorithm::Rs256, "ps256"), (Algorithm::Rs512, "rs256"), (Algorithm::Es256, "es384"),
            (Algorithm::EdDsa, "rs256"), (Algorithm::EdDsa, "es256"), (Algorithm::Rs256, "eddsa"), (Algorithm::Es384, "es256"),
        ] {
            refuses(&*gateway, &good(&*gateway).kid(named).sign_with(key(signed_as)));
        }
    }

    /// JWT-05
    fn an_encryption_key_never_verifies(runner) {
        for change in [json!({"use": "enc"}), json!({"key_ops": ["encrypt"]}), json!({"key_ops": ["sign"]})] {
            let mut jwk = key(Algorithm::Rs256).jwk();
            jwk.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            let keys = json!({"inline": {"keys": [jwk, key(Algorithm::EdDsa).jwk()]}});
            let gateway = runner.start(gateway(with_issuer("jwks", keys))).unwrap();
            assert_eq!(refuses(&*gateway, &good(&*gateway).sign()), "unknown_key");
        }
    }

    /// JWT-06
    fn unknown_keys_of_a_set_are_skipped(runner) {
        let keys = json!({"inline": {
            "keys": [{"kty": "AKP", "alg": "ML-DSA-44", "pub": "x"}, {"kty": "oct", "k": "AAAA"}, 7, {}, key(Algorithm::Rs256).jwk()],
            "more": true,
        }});
        let gateway = runner.start(gateway(with_issuer("jwks", keys))).unwrap();
        accepts(&*gateway, &good(&*gateway).sign());
    }

    /// JWT-07
    fn a_key_id_is_opaque_and_compared_exactly(runner) {
        let gateway = serve(runner);
        for kid in ["../../etc/passwd", "' OR 1=1", "", "RS256", "rs256 ", "rs25", "%72s256", "\u{0}", "k\r\nx: y"] {
            refuses(&*gateway, &good(&*gateway).kid(kid).sign_with(key(Algorithm::Rs256)));
        }
        for kid in [json!(5), json!(null), json!(["rs256"]), json!({"kid": "rs256"}), json!("x".repeat(5000))] {
            refuses(&*gateway, &good(&*gateway).header("kid", kid).sign_with(key(Algorithm::Rs256)));
        }
    }

    /// JWT-08
    fn a_token_without_a_key_id_is_tried_with_compatible_keys_only(runner) {
        let gateway = serve(runner);
        accepts(&*gateway, &good(&*gateway).without_header("kid").sign_with(key(Algorithm::Es256)));
        refuses(&*gateway, &good(&*gateway).without_header("kid").sign_with(stranger(Algorithm::Es256)));
        let twins = json!({"inline": jwks([&stranger(Algorithm::Es256).with_kid("one"), &key(Algorithm::Es256).with_kid("one")])});
        let gateway = runner.start(crate::fixture::gateway(with_issuer("jwks", twins))).unwrap();
        accepts(&*gateway, &good(&*gateway).kid("one").sign_with(key(Algorithm::Es256)));
        accepts(&*gateway, &good(&*gateway).kid("one").sign_with(stranger(Algorithm::Es256)));
    }

    /// JWT-09
    fn a_token_never_brings_its_own_key(runner) {
        let gateway = serve(runner);
        let thief = stranger(Algorithm::Es256);
        for (name, value) in [
            ("jwk", thief.jwk()), ("jku", json!("https://evil.example/jwks")), ("x5u", json!("https://evil.example/cert")), ("x5c", json!(["MIIB"])),
        ] {
            refuses(&*gateway, &good(&*gateway).header(name, value.clone()).sign_with(thief));
            refuses(&*gateway, &good(&*gateway).header(name, value).without_header("kid").sign_with(thief));
        }
    }

    /// JWT-10, JWT-11
    fn a_critical_header_that_is_not_understood_is_fatal(runner) {
        let gateway = serve(runner);
        for crit in [json!([]), json!("x"), json!(["alg"]), json!(["x"]), json!([7]), json!(null), json!(["exp"]), json!(["b64"])] {
            refuses(&*gateway, &good(&*gateway).header("crit", crit).sign());
        }
        refuses(&*gateway, &good(&*gateway).header("crit", json!(["x"])).header("x", 1).sign());
        refuses(&*gateway, &good(&*gateway).header("crit", json!(["b64"])).header("b64", false).sign());
        refuses(&*gateway, &good(&*gateway).header("b64", false).sign());
    }

    /// JWT-12, JWT-14
    fn only_the_compact_form_is_a_token(runner) {
        let gateway = serve(runner);
        let token = good(&*gateway).sign();
        let parts: Vec<&str> = token.split('.').collect();
        for broken in [
            format!("{token}="), format!("{token}=="), format!("{token}."), format!(".{token}"), format!("{token}.x"), format!("{token}.x.y"),
            format!("{}.{}", parts[0], parts[1]), format!("{}..{}", parts[0], parts[2]), "..".to_owned(), "....".to_owned(), ".".to_owned(),
            format!("{}=.{}.{}", parts[0], parts[1], parts[2]), token.replace('-', "+").replace('_', "/") + "+/",
            format!("{}.{}.{}", parts[0], parts[1], "~"),
        ] {
            gateway.send(get("/mcp").header("authorization", format!("Bearer {broken}"))).never_reached_upstream();
        }
        let json_form = json!({"payload": parts[1], "signatures": [{"protected": parts[0], "signature": parts[2]}]}).to_string();
        gateway.send(get("/mcp").header("authorization", format!("Bearer {json_form}"))).never_reached_upstream();
        gateway.send(get("/mcp").header("authorization", format!("Bearer {}", base64url(json_form)))).denied_with(401);
        let jwe = format!("{}.a.b.{}.c", base64url(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#), parts[1]);
        assert_eq!(refuses(&*gateway, &jwe), "token_encrypted");
    }

    /// JWT-13
    fn a_second_spelling_of_the_same_token_is_refused(runner) {
        let gateway = serve(runner);
        // 64 bytes leave four unused bits in the last character.
        let token = good(&*gateway).sign_with(key(Algorithm::EdDsa));
        let (rest, last) = token.split_at(token.len() - 1);
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let at = alphabet.find(last).unwrap();
        let twin = alphabet.get(at + 1..at + 2).unwrap();
        accepts(&*gateway, &token);
        refuses(&*gateway, &format!("{rest}{twin}"));
    }

    /// JWT-16
    fn refuses_weak_keys_and_foreign_signature_forms(runner) {
        let small = SigningKey::generate_rsa(Algorithm::Rs256, "small", 1024);
        let keys = json!({"inline": jwks([&small, key(Algorithm::Es256), key(Algorithm::Ps256)])});
        let gateway = runner.start(gateway(with_issuer("jwks", keys))).unwrap();
        refuses(&*gateway, &good(&*gateway).sign_with(&small));
        let header = r#"{"alg":"ES256","kid":"es256","typ":"at+jwt"}"#;
        let claims = good(&*gateway).claims().to_string();
        refuses(&*gateway, &compact_with_signature(header, &claims, |input| key(Algorithm::Es256).sign_der(input)));
        let header = r#"{"alg":"PS256","kid":"ps256","typ":"at+jwt"}"#;
        for salt in [0, 20, 64] {
            refuses(&*gateway, &compact_with_signature(header, &claims, |input| key(Algorithm::Ps256).sign_pss(input, salt)));
        }
        accepts(&*gateway, &compact_with_signature(header, &claims, |input| key(Algorithm::Ps256).sign_pss(input, 32)));
    }

    /// JWT-17
    fn refuses_psychic_signatures(runner) {
        let gateway = serve(runner);
        let order = [
            0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e,
            0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
        ];
        let one = { let mut one = [0_u8; 32]; one[31] = 1; one };
        for signature in [[[0; 32], [0; 32]], [order, one], [one, order], [[0; 32], one], [one, [0; 32]], [order, order]] {
            refuses(&*gateway, &good(&*gateway).alg("ES256").kid("es256").with_signature(signature.concat()));
        }
        refuses(&*gateway, &good(&*gateway).alg("ES384").kid("es384").with_signature([0; 96]));
        refuses(&*gateway, &good(&*gateway).alg("EdDSA").kid("eddsa").with_signature([0; 64]));
    }

    /// JWT-18
    fn the_name_ed25519_is_listed_on_its_own(runner) {
        let token = |gateway: &dyn Running| good(gateway).alg("Ed25519").kid("eddsa");
        let signed = |gateway: &dyn Running| {
            let header = r#"{"alg":"Ed25519","kid":"eddsa","typ":"at+jwt"}"#;
            compact(header, token(gateway).claims().to_string(), key(Algorithm::EdDsa))
        };
        let mut jwk = key(Algorithm::EdDsa).jwk();
        jwk.as_object_mut().unwrap().remove("alg");
        for (listed, passes) in [(json!(["Ed25519"]), true), (json!(["EdDSA"]), false)] {
            let mut config = with_issuer("jwks", json!({"inline": {"keys": [jwk.clone()]}}));
            config["issuers"][0]["algorithms"] = listed;
            let gateway = runner.start(gateway(config)).unwrap();
            match passes {
                true => accepts(&*gateway, &signed(&*gateway)),
                false => drop(refuses(&*gateway, &signed(&*gateway))),
            }
        }
    }

    /// JWT-19
    fn the_type_is_a_media_type_compared_without_case(runner) {
        let gateway = serve(runner);
        for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"] {
            accepts(&*gateway, &good(&*gateway).typ(typ).sign());
        }
        for typ in ["text/at+jwt", "at+jwt ", "", "jwt", "JWT", "at+jwt;x", "application/x/at+jwt", "at", "atjwt"] {
            assert_eq!(refuses(&*gateway, &good(&*gateway).typ(typ).sign()), "type_not_allowed", "{typ}");
        }
        refuses(&*gateway, &good(&*gateway).without_header("typ").sign());
        refuses(&*gateway, &good(&*gateway).header("typ", json!(["at+jwt"])).sign());
    }

    /// JWT-20
    fn no_other_kind_of_jwt_passes_as_an_access_token(runner) {
        let mut config = with_issuer("profile", json!("generic"));
        config["resources"][0]["require"]["token_kind"] = json!("any");
        let generic = runner.start(gateway(config)).unwrap();
        accepts(&*generic, &good(&*generic).typ("JWT").sign());
        accepts(&*generic, &good(&*generic).without_header("typ").sign());
        for gateway in [serve(runner), generic] {
            for typ in ["dpop+jwt", "secevent+jwt", "logout+jwt", "oauth-id-jag+jwt", "client-authentication+jwt", "token-introspection+jwt", "id_token"] {
                assert_eq!(refuses(&*gateway, &good(&*gateway).typ(typ).sign()), "type_not_allowed", "{typ}");
            }
            let token = || good(&*gateway);
            refuses(&*gateway, &token().typ("JWT").claim("nonce", "n").claim("at_hash", "h").sign());
            refuses(&*gateway, &token().typ("JWT").claim("events", json!({"http://schemas.openid.net/event/backchannel-logout": {}})).sign());
            refuses(&*gateway, &token().typ("JWT").claim("token_introspection", json!({"active": true})).sign());
        }
    }

    /// JWT-21
    fn a_time_is_a_plain_number(runner) {
        let gateway = serve(runner);
        let soon = gateway.now() + 100;
        let with_exp = |exp: String| {
            let claims = good(&*gateway).claim("exp", "EXP").claims().to_string().replace("\"EXP\"", &exp);
            good(&*gateway).payload_text(claims).sign()
        };
        for exp in [format!("{soon}"), format!("{soon}.5"), format!("{soon}.0"), format!("{:e}", soon as f64)] {
            accepts(&*gateway, &with_exp(exp));
        }
        for exp in [
            format!("\"{soon}\""), "1e400".into(), "9.3e18".into(), "-1".into(), "null".into(), "true".into(), "[]".into(), "{}".into(),
            "-9.3e18".into(), "18446744073709551616".into(), "9223372036854775808".into(), "NaN".into(), "0".into(), "1e308".into(), "-0.0".into(),
        ] {
            refuses(&*gateway, &with_exp(exp));
        }
        for claim in ["nbf", "iat"] {
            for value in [json!("1"), json!(-1), json!(true), json!(9.3e18), json!([1])] {
                refuses(&*gateway, &good(&*gateway).claim(claim, value).sign());
            }
        }
    }

    /// JWT-22, JWT-23, JWT-24
    fn a_token_holds_from_its_start_to_its_end_give_or_take_the_clock_skew(runner) {
        let mut config = config();
        config["clock_skew_seconds"] = json!(60);
        let gateway = runner.start(gateway(config)).unwrap();
        // Ten seconds of room, since Envoy's clock goes on.
        let now = gateway.now();
        for (claim, value, verdict) in [
            ("exp", now - 40, None), ("exp", now - 61, Some("token_expired")), ("exp", now - 3600, Some("token_expired")),
            ("nbf", now + 50, None), ("nbf", now + 120, Some("token_not_yet_valid")),
            ("iat", now + 50, None), ("iat", now + 3600, Some("issued_in_future")),
        ] {
            let token = good(&*gateway).claim("iat", now - 7200).claim(claim, value).sign();
            match verdict {
                None => accepts(&*gateway, &token),
                Some(code) => assert_eq!(refuses(&*gateway, &token), code, "{claim} {value}"),
            }
        }
        assert_eq!(refuses(&*gateway, &good(&*gateway).without("exp").sign()), "claim_missing");
    }

    /// JWT-25
    fn the_issuer_is_compared_byte_for_byte_and_only_its_own_keys_verify(runner) {
        let mut config = config();
        config["issuers"].as_array_mut().unwrap().push(json!({
            "issuer": "https://b.example", "jwks": {"inline": jwks([stranger(Algorithm::Es256)])},
        }));
        let gateway = runner.start(gateway(config)).unwrap();
        for issuer in [&format!("{I}/"), &I.to_uppercase(), "https://as.example.com:443/t1", "https://as.example.com/t1 ", "as.example.com/t1", ""] {
            assert_eq!(refuses(&*gateway, &good(&*gateway).issuer(issuer).sign()), "unknown_issuer", "{issuer}");
        }
        refuses(&*gateway, &good(&*gateway).sign_with(stranger(Algorithm::Es256)));
        refuses(&*gateway, &good(&*gateway).issuer("https://b.example").sign_with(key(Algorithm::Es256)));
        accepts(&*gateway, &good(&*gateway).issuer("https://b.example").sign_with(stranger(Algorithm::Es256)));
    }

    /// JWT-27, SMG-07
    fn claims_have_their_types_and_no_name_occurs_twice(runner) {
        let gateway = serve(runner);
        for (name, value) in [
            ("sub", json!(5)), ("exp", json!(null)), ("aud", json!({})), ("aud", json!(5)), ("cnf", json!("x")), ("scope", json!(["a b"])),
            ("iss", json!([I])), ("jti", json!(1)), ("client_id", json!({})), ("act", json!("agent")),
        ] {
            refuses(&*gateway, &good(&*gateway).claim(name, value).sign());
        }
        let mut act = json!({"sub": "agent"});
        for _ in 0..200 {
            act = json!({"sub": "agent", "act": act});
        }
        refuses(&*gateway, &good(&*gateway).claim("act", act).sign());
        let claims = good(&*gateway).claims().to_string();
        for (name, value) in [("aud", json!(R)), ("exp", json!(gateway.now() + 500)), ("x", json!(1))] {
            let twice = claims.replacen('{', &format!("{{\"{name}\":{value},\"{name}\":{value},"), 1);
            refuses(&*gateway, &good(&*gateway).payload_text(twice).sign());
        }
        refuses(&*gateway, &good(&*gateway).header_text(r#"{"alg":"RS256","alg":"none","kid":"rs256","typ":"at+jwt"}"#).sign());
        refuses(&*gateway, &good(&*gateway).header_text(r#"{"alg":"none","\u0061lg":"RS256","kid":"rs256","typ":"at+jwt"}"#).sign());
    }

    /// JWT-27
    fn scopes_as_a_list_and_null_for_what_is_left_out_are_read_where_the_issuer_may_be_any(runner) {
        for (profile, passes) in [("generic", true), ("rfc9068", false)] {
            let mut config = config();
            config["issuers"][0]["profile"] = json!(profile);
            let gateway = runner.start(gateway(config)).unwrap();
            accepts(&*gateway, &good(&*gateway).sign());
            for (name, value) in [
                ("scope", json!(["x", "tools:read"])), ("jti", json!(null)), ("act", json!({"sub": "gateway", "act": null})),
            ] {
                let token = good(&*gateway).claim(name, value).sign();
                if passes {
                    accepts(&*gateway, &token);
                } else {
                    refuses(&*gateway, &token);
                }
            }
        }
        // What is not there is missing, and grants nothing.
        let mut config = config();
        config["issuers"][0]["profile"] = json!("generic");
        let gateway = runner.start(gateway(config)).unwrap();
        for (name, code) in [("exp", "claim_missing"), ("cnf", "claim_invalid")] {
            assert_eq!(refuses(&*gateway, &good(&*gateway).claim(name, json!(null)).sign()), code);
        }
        gateway.send(get("/mcp").bearer(&good(&*gateway).claim("scope", json!(null)).sign())).denied_with(403).has_code("insufficient_scope");
    }

    /// POP-12
    fn a_bound_token_is_no_bearer_token(runner) {
        let gateway = serve(runner);
        for cnf in [json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}), json!({"x5t#S256": "x"}), json!({})] {
            assert_eq!(refuses(&*gateway, &good(&*gateway).claim("cnf", cnf).sign()), "binding_unchecked");
        }
    }

    fn a_forged_signature_is_refused_for_every_algorithm(runner) {
        let gateway = serve(runner);
        for algorithm in Algorithm::ALL {
            assert_eq!(refuses(&*gateway, &good(&*gateway).sign_with(stranger(algorithm))), "signature_invalid");
            let token = good(&*gateway).sign_with(key(algorithm));
            let (input, signature) = token.rsplit_once('.').unwrap();
            let other = good(&*gateway).subject("mallory").sign_with(key(algorithm));
            let (other_input, _) = other.rsplit_once('.').unwrap();
            refuses(&*gateway, &format!("{other_input}.{signature}"));
            refuses(&*gateway, &format!("{input}."));
            let half = &signature[..signature.len() / 2 / 4 * 4];
            refuses(&*gateway, &format!("{input}.{half}"));
        }
    }
}
