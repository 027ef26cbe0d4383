//! Paths and hosts: no spelling leads from what is public or weakly protected to anything else (SMG-14), whatever
//! the proxy before the filter and the servers behind it make of it.

use std::collections::BTreeSet;

use fourleg_harness::{Outcome, Protocol, Request, Running, get, post, request};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use crate::fixture::{I, R, gateway, good, public_keys};

const BOTH: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

/// `/public` for everyone; everything else needs `tools:read`, `/admin` also `admin`, and below `/users` only one's own
/// files can be had without `users:all`.
fn config() -> Value {
    json!({
        "issuers": [{"issuer": I, "jwks": {"inline": public_keys()}}],
        "resources": [{
            "resource": R,
            "require": {"scopes": ["tools:read"]},
            "rules": [
                {"name": "admin", "match": {"path": {"prefix": "/admin"}}, "require": {"scopes": ["admin"]}},
                {"name": "own", "match": {"path": {"template": "/users/{user}/files/{file}"}}, "require": {"subject_equals": ["{path.user}"]}},
                {"name": "users", "match": {"path": {"prefix": "/users"}}, "require": {"scopes": ["users:all"]}},
                {"name": "report", "match": {"methods": ["GET"], "path": {"exact": "/report"}}, "require": {"scopes": ["report"]}},
            ],
        }],
        "public": [{"methods": ["GET"], "path": {"prefix": "/public"}}],
    })
}

/// Ways from one place to another: those of design.md §4 and others, and other spellings of a place itself.
fn attacks() -> Vec<String> {
    let mut paths = Vec::new();
    for from in ["/public", "/open", "/users/alice/files"] {
        let ups = from.matches('/').count();
        for (slash, up) in [
            ("/", ".."),
            ("/", "%2e%2e"),
            ("/", "%2E."),
            ("/", ".%2e"),
            ("/", "%252e%252e"),
            ("/", "%25252e%25252e"),
            ("%2f", ".."),
            ("%2F", "%2e%2e"),
            ("%252f", ".."),
            ("%25252f", ".."),
            ("\\", ".."),
            ("%5c", ".."),
            ("%5C", "%2e%2e"),
            ("%255c", ".."),
            ("/", "..;"),
            ("/", "..;x=1"),
            ("/", "..%3b"),
            ("/", "%2e%2e;"),
            ("/;/", ".."),
            ("/", "..%00"),
            ("/", "..%20"),
            ("/", "..%09"),
            ("/", "..%0d"),
            ("//", ".."),
            ("/./", ".."),
            ("%c0%af", ".."),
            ("/", "%c0%ae%c0%ae"),
            ("/", "%e0%80%ae%e0%80%ae"),
            ("%e0%80%af", ".."),
            ("/", "%u002e%u002e"),
            ("/", "..."),
            ("/", "..%23"),
            ("/", "..%3f"),
            ("/", "..%25"),
            ("/", "%%32%65%%32%65"),
            ("/", "%2%65%2%65"),
            ("%%32%66", ".."),
            ("/", "..."),
            ("/", ".%00."),
            ("/", ".%0a."),
            ("/", "..,"),
            ("/", "..:"),
            ("%c1%9c", ".."),
            ("/", "%ef%bc%8e%ef%bc%8e"),
            ("%ef%bc%8f", ".."),
        ] {
            paths.push(format!("{from}{}{slash}admin", format!("{slash}{up}").repeat(ups)));
            paths.push(format!(
                "{from}{}{slash}users{slash}bob{slash}files{slash}a",
                format!("{slash}{up}").repeat(ups)
            ));
        }
    }
    paths.extend(
        [
            "//admin",
            "///admin",
            "/open//admin",
            "/public//admin",
            "/./admin",
            "/%2e/admin",
            "/.//admin",
            "/;/admin",
            "/;x=1/admin",
            "/%3b/admin",
            "/%2fadmin",
            "/%5cadmin",
            "/\\admin",
            "/%252fadmin",
            "/%61dmin",
            "/%41dmin",
            "/%2561dmin",
            "/adm%69n/x",
            "/admin;x",
            "/admin%3bx",
            "/admin%00",
            "/admin%00/public",
            "/admin%0a",
            "/admin%20",
            "/admin.",
            "/admin%2e",
            "/admin..",
            "/admin?/public",
            "/admin?",
            "/admin%3f/public",
            "/admin%23x",
            "/admin%",
            "/admin%2",
            "/admin%zz",
            "/public;/../admin",
            "/public;x=/admin",
            "/public%3b/admin",
            "/public%00/../admin",
            "/public?/../../admin",
            "/public?x=/admin",
            "/public%3f/../admin",
            "/public%23/../admin",
            "/publicadmin",
            "/public%2fadmin",
            "/public%2f",
            "/public%5c",
            "/public.",
            "/public%20",
            "/PUBLIC",
            "/public%2e%2e/admin",
            "/public..",
            "/public..;/admin",
            "/public...//admin",
            "/public/.",
            "/public/..",
            "/public/./",
            "/public/../",
            "/..",
            "/.",
            "/../admin",
            "/users/alice%2f..%2fbob/files/a",
            "/users/alice%2f..%2f..%2f..%2fadmin/files/a",
            "/users/alice/files/..",
            "/users/alice/files/%2e%2e",
            "/users/alice/files/a%2f..%2f..%2f..%2fbob%2ffiles%2fa",
            "/users/alice/files/..%5c..%5cbob",
            "/users/alice;/files/a",
            "/users/bob;alice/files/a",
            "/users/bob%3balice/files/a",
            "/users/bob%00alice/files/a",
            "/users/alice%25/files/a",
            "/users/alice%252f..%252fbob/files/a",
            "/users//bob/files/a",
            "/users/./bob/files/a",
            "/users/alice/../bob/files/a",
            "/users/alice/%2e%2e/bob/files/a",
            "/users/alice%20/files/a",
            "/users/alice./files/a",
            "/users/%61lice/files/a",
            "/users/%62ob/files/a",
            "/users/bob/files/a?user=alice",
            "/users/Alice/files/a",
            "/users/bob%2falice/files/a",
            "/users/alice%3f/files/a",
            "/users/bob/files",
            "/users/bob/files/",
            "/users/bob/files/a/",
            "/users/bob",
            "/users/alice/files/a/../../../bob/files/a",
        ]
        .map(str::to_owned),
    );
    paths
}

/// What some server does to a path.
type Step = fn(&[u8]) -> Vec<u8>;

/// Every way in which some server may read a path: escapes decoded once or more, `\` as `/`, slashes merged, parameters
/// cut off, dot segments taken out, what ends a name in some language or file system dropped, in any order.
fn readings(path: &[u8]) -> BTreeSet<Vec<u8>> {
    let steps: [Step; 8] = [
        decoded,
        |path| path.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect(),
        |path| {
            let mut merged: Vec<u8> = Vec::new();
            path.iter().for_each(|byte| {
                if *byte != b'/' || merged.last() != Some(&b'/') {
                    merged.push(*byte)
                }
            });
            merged
        },
        |path| by_segment(path, |segment| segment.split(|byte| *byte == b';').next().unwrap_or_default().to_vec()),
        without_dots,
        |path| {
            by_segment(path, |segment| match segment {
                b"." | b".." => segment.to_vec(),
                _ => String::from_utf8_lossy(segment).trim_end_matches(['.', ' ']).as_bytes().to_vec(),
            })
        },
        |path| path.split(|byte| matches!(byte, b'?' | b'#' | 0)).next().unwrap_or_default().to_vec(),
        |path| path.iter().copied().filter(|byte| !byte.is_ascii_control()).collect(),
    ];
    let mut found = BTreeSet::from([path.to_vec()]);
    let mut new = vec![path.to_vec()];
    while let Some(path) = new.pop() {
        for step in steps {
            let reading = step(&path);
            if found.insert(reading.clone()) {
                new.push(reading);
            }
        }
    }
    found
}

fn by_segment(path: &[u8], change: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    path.split(|byte| *byte == b'/').map(change).collect::<Vec<_>>().join(&b'/')
}

fn decoded(path: &[u8]) -> Vec<u8> {
    let hex = |digit: Option<&u8>| {
        digit.and_then(|digit| char::from(*digit).to_digit(16)).and_then(|value| u8::try_from(value).ok())
    };
    let (mut decoded, mut rest) = (Vec::new(), path);
    while let Some((first, after)) = rest.split_first() {
        match (*first, hex(after.first()), hex(after.get(1))) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(high << 4 | low);
                rest = &after[2..];
            }
            _ => {
                decoded.push(*first);
                rest = after;
            }
        }
    }
    decoded
}

fn without_dots(path: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    for segment in path.split(|byte| *byte == b'/').skip(1) {
        match segment {
            b"." => {}
            b".." => drop(kept.pop()),
            _ => kept.push(segment),
        }
    }
    [b"/".as_slice(), &kept.join(&b'/')].concat()
}

/// Where a path leads by this reading: its first two segments, as text.
fn place(path: &[u8]) -> (String, String) {
    let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
    let mut segments =
        path.split(|byte| *byte == b'/').skip(1).map(|segment| String::from_utf8_lossy(&decoded(segment)).into_owned());
    (segments.next().unwrap_or_default(), segments.next().unwrap_or_default())
}

/// What got through without a token is public by every reading, and what alice's weak token opened is neither the
/// administration nor another user's.
fn kept_apart(sent: &Request, path: &[u8], picture: &dyn Fn() -> String) {
    let weak = sent.header_text("authorization").is_some();
    // Where the query begins is in no dispute.
    let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
    for reading in readings(path) {
        let (first, second) = place(&reading);
        let fits = if weak { first != "admin" && (first != "users" || second == "alice") } else { first == "public" };
        let shown = String::from_utf8_lossy(&reading).into_owned();
        assert!(fits, "{} {} is {shown:?}\n{}", sent.method, String::from_utf8_lossy(path), picture());
    }
}

/// The requests of one attack: without a token, and with a weak one.
fn tries(path: &str, weak: &str) -> Vec<Request> {
    let mut tries = vec![get(path), request("HEAD", path), get(path).bearer(weak), post(path).bearer(weak)];
    tries.push(get(path).over(Protocol::Http2));
    tries.push(post(path).over(Protocol::Http2).bearer(weak));
    tries
}

/// Sends every attack in batches and looks at what came through.
fn attack(gateway: &dyn Running) -> Vec<(Request, Outcome)> {
    let weak = good(gateway).sign();
    let requests: Vec<Request> = attacks().iter().flat_map(|path| tries(path, &weak)).collect();
    let mut done = Vec::new();
    for batch in requests.chunks(60) {
        for (sent, outcome) in batch.iter().zip(gateway.send_all(batch.to_vec())) {
            for upstream in &outcome.upstream {
                kept_apart(sent, &upstream.path, &|| outcome.picture());
            }
            done.push((sent.clone(), outcome));
        }
    }
    done
}

scenarios! {
    /// SMG-14
    fn no_spelling_of_a_path_leads_out_of_its_area(runner) {
        let gateway = runner.start(gateway(config())).unwrap();
        for (sent, outcome) in attack(&*gateway) {
            for upstream in &outcome.upstream {
                assert_eq!(upstream.path, sent.path, "what was judged is what goes upstream");
            }
        }
        for path in [
            "/public/../admin", "/public/%2e%2e/admin", "/public/%252e%252e/admin", "/public/..;/admin", "/public/.;a=b/admin", "//admin", "/public%2fadmin", "/public%5cadmin", "/public%00", "/public\\admin", "/public/%zz",
            "/public/%", "/public/%4", "/public/caf\u{e9}", "/public/%c0%ae", "/public/%ff", "/public/%0d%0a", "/public/%7f", "/public;x", "/public/a%3bb", "/public/a%23b", "/public/%2561", "/public/a//b", "/public/.", "/public/..", "/public/a%252fb",
            "/public/%61", "/p%75blic/x", "/public/a%2eb", "/public/a%2Db", "/public/a%5Fb", "/public/%30",
        ] {
            gateway.send(get(path)).denied_with(400);
            gateway.send(post(path).bearer(&good(&*gateway).scope("tools:read admin users:all").sign())).denied_with(400);
        }
        for path in ["/public", "/public/", "/public/a", "/public?x", "/public/a/b%20c", "/public/caf%C3%A9", "/public/%7Ex", "/public/a.b", "/public/~a@b:c", "/public/.hidden", "/public?x=/../admin", "/public/100%25"] {
            assert_eq!(gateway.send(get(path)).allowed().path, path.as_bytes());
        }
    }

    fn a_template_binds_the_one_segment_that_the_upstream_sees(runner) {
        let gateway = runner.start(gateway(config())).unwrap();
        for protocol in BOTH {
            let by = |path: &str, subject: &str| gateway.send(get(path).over(protocol).bearer(&good(&*gateway).subject(subject).sign()));
            for path in ["/users/alice/files/a", "/users/alice/files/a?user=bob", "/users/alice/files/a%20b", "/users/alice/files/.a", "/users/alice/files/b%C3%A9"] {
                by(path, "alice").allowed();
                by(path, "bob").denied_with(403);
            }
            by("/users/al%20ice/files/a", "al ice").allowed();
            for path in ["/users/bob/files/a", "/users/Alice/files/a", "/users/alicex/files/a", "/users/alic/files/a", "/users/%7Buser%7D/files/a", "/users/*/files/a"] {
                by(path, "alice").denied_with(403);
            }
            // One more or one less segment is not the template: the next rule decides.
            for path in ["/users/alice/files", "/users/alice/files/", "/users/alice/files/a/", "/users/alice/files/a/b", "/users/alice", "/users", "/users/"] {
                by(path, "alice").denied_with(403).has_code("insufficient_scope").challenge().param("scope", "tools:read users:all");
            }
            // Names that a path cannot carry in one reading, however much they are the subject's.
            for (path, subject) in [
                ("/users/a%2fb/files/a", "a/b"), ("/users/a%252fb/files/a", "a%2fb"), ("/users/a%25/files/a", "a%"), ("/users/a%25zz/files/a", "a%zz"), ("/users/a%5cb/files/a", "a\\b"), ("/users/a%3bb/files/a", "a;b"), ("/users/a%00/files/a", "a\0"),
                ("/users/al%69ce/files/a", "alice"), ("/users/../files/a", ".."), ("/users/%2e/files/a", "."), ("/users/a%3fb/files/a", "a?b"), ("/users//files/a", ""), ("/users/a./files/a", "a."),
            ] {
                by(path, subject).denied_with(400);
            }
            // No two spellings of a letter are one name.
            by("/users/jos%C3%A9/files/a", "jos\u{e9}").allowed();
            by("/users/jose%CC%81/files/a", "jos\u{e9}").denied_with(403);
            by("/users/jos%E9/files/a", "jos\u{e9}").denied_with(400);
        }
    }

    fn a_rule_on_get_covers_head_and_one_on_head_does_not_open_get(runner) {
        let gateway = runner.start(gateway(config())).unwrap();
        let weak = good(&*gateway).sign();
        let strong = good(&*gateway).scope("tools:read report").sign();
        for protocol in BOTH {
            for method in ["GET", "HEAD"] {
                gateway.send(request(method, "/report").over(protocol).bearer(&weak)).denied_with(403);
                gateway.send(request(method, "/report").over(protocol).bearer(&strong)).allowed();
                gateway.send(request(method, "/public").over(protocol)).allowed();
            }
            for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"] {
                gateway.send(request(method, "/public").over(protocol)).denied_with(401);
            }
            for method in ["get", "Head", "GeT"] {
                gateway.send(request(method, "/report").over(Protocol::Http2).bearer(&weak)).denied_with(400);
                gateway.send(request(method, "/public").over(Protocol::Http2)).denied_with(400);
            }
        }
    }

    /// What the README has to say: exact means exact. Servers to which a slash at the end, a capital or an ending makes no
    /// difference need a rule by prefix, or one that denies the rest.
    fn an_exact_rule_is_about_one_path_and_a_prefix_about_all_below_it(runner) {
        let mut config = config();
        config["resources"][0]["rules"] = json!([
            {"name": "exact", "match": {"path": {"exact": "/exact"}}, "require": {"scopes": ["never"]}},
            {"name": "prefix", "match": {"path": {"prefix": "/prefix"}}, "require": {"scopes": ["never"]}},
        ]);
        let gateway = runner.start(gateway(config)).unwrap();
        let by = |path: &str| gateway.send(get(path).bearer(&good(&*gateway).sign()));
        for path in ["/exact", "/exact?x", "/prefix", "/prefix/", "/prefix/x", "/prefix?x", "/prefix/x/y"] {
            by(path).denied_with(403);
        }
        for path in ["/exact/", "/exact/x", "/EXACT", "/exact.json", "/exactly", "/prefixes", "/PREFIX/x", "/prefix.json"] {
            by(path).allowed();
        }
    }

    /// The client chooses the Host header: a rule on hosts is only ever reached by the very name.
    fn a_host_loses_port_case_and_trailing_dot_and_an_odd_one_matches_nothing(runner) {
        let mut config = config();
        config["resources"] = json!([
            {
                "resource": R, "match": {"path": {"prefix": "/ruled"}},
                "rules": [
                    {"name": "inside", "match": {"hosts": ["inside.example"]}, "require": {}},
                    {"name": "outside", "match": {"path": {"prefix": "/"}}, "require": {"scopes": ["outside"]}},
                ],
            },
            {"resource": "https://inside.example/hosted", "match": {"hosts": ["inside.example", "b.example"], "path": {"prefix": "/hosted"}}, "accept": [{"issuer": I, "audiences": [R]}]},
        ]);
        config["public"] = json!([{"hosts": ["inside.example"], "path": {"prefix": "/public"}}]);
        let gateway = runner.start(gateway(config)).unwrap();
        let weak = good(&*gateway).sign();
        for protocol in BOTH {
            for host in ["inside.example", "INSIDE.example", "inside.example:80", "inside.example:65535", "inside.example.", "Inside.Example.:8443"] {
                gateway.send(get("/ruled").over(protocol).host(host).bearer(&weak)).allowed();
                gateway.send(get("/hosted").over(protocol).host(host).bearer(&weak)).allowed();
                gateway.send(get("/public").over(protocol).host(host)).allowed();
            }
            let mut odd = vec![
                "evil.example", "inside.example.evil.example", "xinside.example", "inside.exampl", "nside.example", "inside.example..", ".inside.example", "inside_example", "inside.example,evil.example", "evil.example,inside.example",
                "[::1]", "127.0.0.1", "1", "*", "xn--inside.example",
            ];
            // These the client's HTTP/2 cannot carry.
            if protocol == Protocol::Http1 {
                odd.extend([
                    "", ".", ":80", "inside.example:80:80", "inside.example:x", "inside.example:80x", "[inside.example]", "[inside.example]:80", "inside.example@evil.example", "evil.example@inside.example", "user@inside.example",
                    "inside.example/x", "inside.example?x", "inside.example#x", "inside.example\\x", "inside%2eexample", "%69nside.example", "\u{ff49}nside.example", "in\u{212a}side.example",
                ]);
            }
            let of = |path: &str, token: Option<&str>| {
                odd.iter().map(|host| { let request = get(path).over(protocol).host(host); match token { Some(token) => request.bearer(token), None => request } }).collect::<Vec<_>>()
            };
            for path in ["/ruled", "/hosted"] {
                for outcome in gateway.send_all(of(path, Some(&weak))) {
                    outcome.never_reached_upstream();
                }
            }
            for outcome in gateway.send_all(of("/public", None)) {
                outcome.never_reached_upstream();
            }
            // Nor does any other field make a host of itself.
            let claimed = |request: Request| request.over(protocol).host("evil.example").header("x-forwarded-host", "inside.example").header("forwarded", "host=inside.example").header("x-host", "inside.example").header("x-original-host", "inside.example");
            gateway.send(claimed(get("/ruled").bearer(&weak))).denied_with(403).has_code("insufficient_scope");
            gateway.send(claimed(get("/hosted").bearer(&weak))).denied_with(403).has_code("resource_unknown");
            gateway.send(claimed(get("/public"))).denied_with(403);
        }
    }

    fn a_rule_on_hosts_with_nothing_behind_it_does_not_load(runner) {
        let mut config = config();
        config["resources"][0]["rules"] = json!([{"name": "only", "match": {"hosts": ["inside.example"], "path": {"prefix": "/admin"}}, "require": {"scopes": ["admin"]}}]);
        assert!(runner.start(gateway(config)).is_err());
    }
}

#[test]
fn the_readings_of_a_path_are_those_of_careless_servers() {
    for (path, reading) in [
        ("/public/../admin", "/admin"),
        ("/public/%2e%2e/admin", "/admin"),
        ("/public/%252e%252e/admin", "/admin"),
        ("/public/..;x/admin", "/admin"),
        ("/public\\..\\admin", "/admin"),
        ("/public%2f..%2fadmin", "/admin"),
        ("//admin", "/admin"),
        ("/admin%00/public", "/admin"),
        ("/public/..%20/admin", "/public/../admin"),
        ("/a%3fb", "/a"),
        ("/%2561", "/a"),
    ] {
        let all = readings(path.as_bytes());
        // What a trailing dot or space hides is found, too.
        assert!(all.contains(reading.as_bytes()) || path.contains("%20"), "{path}");
    }
    assert_eq!(readings(b"/public/a"), BTreeSet::from([b"/public/a".to_vec()]));
}

/// The filter cannot see how Envoy is set to treat paths, so it must hold under every setting.
mod rewritten {
    mod on_envoy {
        use std::time::Duration;

        use fourleg_harness::{Protocol, Request};
        use fourleg_lab::{
            echo_upstream::EchoUpstream,
            envoy::{Bootstrap, WasmFilter, target_dir, traps},
            mint::Mint,
            raw_client,
            wire::{Version, WireRequest, find},
        };
        use fourleg_tests::warm;
        use serde_json::{Value, json};

        use super::super::{I, R, attacks, config, kept_apart, tries};

        fn wired(request: &Request, number: usize) -> WireRequest {
            let mut headers = request.headers.clone();
            headers.push((b"x-number".to_vec(), number.to_string().into_bytes()));
            WireRequest {
                method: request.method.clone(),
                path: request.path.clone(),
                authority: request.authority.clone(),
                headers,
                version: if request.protocol == Protocol::Http2 { Version::Http2 } else { Version::Http1 },
                ..WireRequest::default()
            }
        }

        fn holds_with(settings: &Value) {
            let upstream = EchoUpstream::start().unwrap();
            let module = target_dir().join("wasm/audience_validation.wasm");
            let bootstrap = Bootstrap::before(upstream.address())
                .filter(WasmFilter::new("audience_validation", module, config().to_string()))
                .path_handling(settings.clone());
            let running = warm::serve(&bootstrap);
            let weak = Mint::new(I, R).access_token().scope("tools:read").sign();
            let mut sent: Vec<Request> = attacks().iter().flat_map(|path| tries(path, &weak)).collect();
            let first_good = sent.len();
            for path in ["/public/a", "/open/a", "/users/alice/files/a"] {
                sent.extend(
                    tries(path, &weak)
                        .into_iter()
                        .filter(|request| request.method == "GET" && request.header_text("authorization").is_some()),
                );
            }
            let wired: Vec<WireRequest> =
                sent.iter().enumerate().map(|(number, request)| wired(request, number)).collect();
            for batch in wired.chunks(60) {
                for (request, response) in
                    batch.iter().zip(raw_client::send_all(running.address(), None, batch, Duration::from_secs(20)))
                {
                    let response = response.unwrap();
                    assert_ne!(response.status, 503, "{request:?}");
                }
            }
            let received = upstream.received();
            let number =
                |headers| std::str::from_utf8(find(headers, "x-number").unwrap()).unwrap().parse::<usize>().unwrap();
            for entry in &received {
                let request = &entry.request;
                let asked = &sent[number(&request.headers)];
                kept_apart(asked, &request.path, &|| {
                    format!("{settings} asked as {:?}", String::from_utf8_lossy(&asked.path))
                });
            }
            for (good, request) in sent.iter().enumerate().skip(first_good) {
                assert!(received.iter().any(|entry| number(&entry.request.headers) == good), "{request:?}");
            }
            assert!(traps(&running.logs()).is_empty());
        }

        /// SMG-14
        #[test]
        fn no_spelling_leads_out_of_its_area_where_envoy_normalises_paths() {
            holds_with(&json!({"normalize_path": true}));
        }

        /// SMG-14
        #[test]
        fn no_spelling_leads_out_of_its_area_where_envoy_merges_slashes() {
            holds_with(&json!({"merge_slashes": true}));
        }

        /// SMG-14
        #[test]
        fn no_spelling_leads_out_of_its_area_where_envoy_does_all_it_can_to_paths() {
            holds_with(
                &json!({"normalize_path": true, "merge_slashes": true, "path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD"}),
            );
        }
    }
}
