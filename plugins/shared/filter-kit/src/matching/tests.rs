use serde_json::json;

use super::*;

fn made(block: serde_json::Value) -> Match {
    let mut problems = Problems::default();
    let made = serde_json::from_value::<RawMatch>(block).unwrap().settings(Members::HttpAndMcp, "match", &mut problems);
    assert!(problems.is_empty(), "{problems}");
    made.unwrap()
}

fn mistakes(block: serde_json::Value) -> String {
    let mut problems = Problems::default();
    serde_json::from_value::<RawMatch>(block).unwrap().settings(Members::HttpAndMcp, "match", &mut problems);
    problems.to_string()
}

fn captures(block: &Match, method: &str, path: &str) -> Result<Option<Captures>, Ambiguous> {
    let path = SafePath::parse(path.as_bytes()).unwrap();
    block.captures(Target { method, host: Some("tools.example"), path: &path, operation: None })
}

fn holds(block: &Match, method: &str, path: &str) -> bool {
    captures(block, method, path).unwrap().is_some()
}

#[test]
fn a_prefix_covers_whole_segments_only() {
    let block = made(json!({"path": {"prefix": "/a/b"}}));
    for path in ["/a/b", "/a/b/", "/a/b/c", "/a/b/%7Ec?x"] {
        assert!(holds(&block, "GET", path), "{path}");
    }
    for path in ["/a", "/a/bc", "/a/b%20c", "/A/b"] {
        assert!(!holds(&block, "GET", path), "{path}");
    }
    assert!(holds(&made(json!({"path": {"prefix": "/"}})), "GET", "/anything/at/all"));
}

#[test]
fn an_exact_path_is_compared_decoded() {
    let block = made(json!({"path": {"exact": "/caf%C3%A9"}}));
    assert!(holds(&block, "GET", "/caf%c3%a9?x=1"));
    assert!(!holds(&block, "GET", "/caf%C3%A9/"));
    assert!(!holds(&block, "GET", "/caf%C3%A9/x"));
}

#[test]
fn a_template_captures_whole_segments_decoded_once() {
    let block = made(json!({"path": {"template": "/users/{user}/files/{file}"}}));
    let expected = vec![("user".to_owned(), "al ice".to_owned()), ("file".to_owned(), "a.txt".to_owned())];
    assert_eq!(captures(&block, "GET", "/users/al%20ice/files/a.txt?x"), Ok(Some(expected)));
    for path in ["/users//files/a", "/users/a/files/", "/users/a/files", "/users/a/files/b/c", "/users/a/other/b"] {
        if let Ok(path) = SafePath::parse(path.as_bytes()) {
            let target = Target { method: "GET", host: None, path: &path, operation: None };
            assert_eq!(block.captures(target), Ok(None), "{path:?}");
        }
    }
    assert_eq!(captures(&block, "GET", "/users/a%25/files/b"), Err(Ambiguous));
    assert_eq!(block.variables().collect::<Vec<_>>(), ["user", "file"]);
}

#[test]
fn hosts_are_compared_as_names() {
    let block = made(json!({"hosts": ["Tools.example", "b.example"]}));
    let path = SafePath::parse(b"/").unwrap();
    let holds = |host| block.holds(Target { method: "GET", host, path: &path, operation: None });
    for (host, told) in [
        (Some("tools.example"), Ok(true)),
        (Some("b.example"), Ok(true)),
        (Some("c.example"), Ok(false)),
        (Some("tools.example.evil"), Ok(false)),
        (None, Err(Ambiguous)),
    ] {
        assert_eq!(holds(host), told, "{host:?}");
    }
    let elsewhere = made(json!({"hosts": ["b.example"], "path": {"prefix": "/b"}}));
    let target = Target { method: "GET", host: None, path: &path, operation: None };
    assert_eq!(elsewhere.holds(target), Ok(false), "another path needs no host");
}

#[test]
fn get_covers_head_and_methods_are_case_sensitive() {
    let block = made(json!({"methods": ["GET"]}));
    assert!(holds(&block, "GET", "/") && holds(&block, "HEAD", "/"));
    assert!(!holds(&block, "get", "/") && !holds(&block, "POST", "/"));
}

#[test]
fn the_longest_path_is_the_closest() {
    let closeness = |block| made(block).closeness();
    let root = closeness(json!({"path": {"prefix": "/"}}));
    let prefix = closeness(json!({"path": {"prefix": "/a"}}));
    let template = closeness(json!({"path": {"template": "/{x}"}}));
    let exact = closeness(json!({"path": {"exact": "/a"}}));
    assert!(root < prefix && prefix < template && template < exact);
    assert!(exact < closeness(json!({"path": {"prefix": "/a/b"}})));
}

#[test]
fn two_blocks_tie_only_if_one_request_could_match_both_as_closely() {
    let tie = |a, b| made(a).ties_with(&made(b));
    assert!(tie(json!({"path": {"prefix": "/a"}}), json!({"path": {"prefix": "/a"}})));
    assert!(tie(json!({"path": {"prefix": "/"}}), json!({"methods": ["GET"]})));
    assert!(tie(
        json!({"methods": ["GET"], "path": {"exact": "/a"}}),
        json!({"methods": ["HEAD"], "path": {"exact": "/a"}})
    ));
    assert!(tie(json!({"path": {"template": "/a/{x}"}}), json!({"path": {"template": "/{y}/b"}})));
    assert!(tie(json!({"hosts": ["a"], "path": {"prefix": "/a"}}), json!({"path": {"prefix": "/a"}})));
    assert!(!tie(json!({"hosts": ["a"], "path": {"prefix": "/a"}}), json!({"hosts": ["b"], "path": {"prefix": "/a"}})));
    assert!(!tie(json!({"path": {"template": "/a/{x}"}}), json!({"path": {"template": "/b/{x}"}})));
    assert!(!tie(json!({"path": {"prefix": "/a"}}), json!({"path": {"exact": "/a"}})));
    assert!(!tie(
        json!({"methods": ["GET"], "path": {"exact": "/a"}}),
        json!({"methods": ["POST"], "path": {"exact": "/a"}})
    ));
    assert!(!tie(json!({"path": {"prefix": "/a"}}), json!({"path": {"prefix": "/b"}})));
}

#[test]
fn a_block_covers_another_if_it_matches_all_that_the_other_does() {
    let covers = |a, b| made(a).covers(&made(b));
    assert!(covers(json!({"path": {"prefix": "/a"}}), json!({"methods": ["GET"], "path": {"exact": "/a/b"}})));
    assert!(covers(json!({"methods": ["GET"]}), json!({"methods": ["HEAD"], "path": {"template": "/{x}"}})));
    assert!(covers(json!({"path": {"template": "/{x}/b"}}), json!({"path": {"exact": "/a/b"}})));
    assert!(covers(json!({"path": {"prefix": "/"}}), json!({"methods": ["GET"]})));
    assert!(!covers(json!({"methods": ["HEAD"]}), json!({"methods": ["GET"]})));
    assert!(!covers(json!({"methods": ["GET"]}), json!({"path": {"exact": "/a"}})));
    assert!(!covers(json!({"hosts": ["a"]}), json!({"path": {"exact": "/a"}})));
    assert!(!covers(json!({"path": {"exact": "/a"}}), json!({"path": {"prefix": "/a"}})));
    assert!(!covers(json!({"path": {"template": "/{x}"}}), json!({"path": {"exact": "/"}})));
}

#[test]
fn a_block_within_another_is_about_what_both_match() {
    let outer = made(json!({"methods": ["GET", "POST"], "hosts": ["a"], "path": {"prefix": "/mcp"}}));
    for (block, within) in [
        (
            json!({"path": {"exact": "/mcp/x"}}),
            Some(json!({"methods": ["GET", "POST"], "hosts": ["a"], "path": {"exact": "/mcp/x"}})),
        ),
        (
            json!({"path": {"prefix": "/"}}),
            Some(json!({"methods": ["GET", "POST"], "hosts": ["a"], "path": {"prefix": "/mcp"}})),
        ),
        (
            json!({"methods": ["POST", "PUT"]}),
            Some(json!({"methods": ["POST"], "hosts": ["a"], "path": {"prefix": "/mcp"}})),
        ),
        (json!({"methods": ["HEAD"]}), Some(json!({"methods": ["HEAD"], "hosts": ["a"], "path": {"prefix": "/mcp"}}))),
        (
            json!({"hosts": ["a", "b"]}),
            Some(json!({"methods": ["GET", "POST"], "hosts": ["a"], "path": {"prefix": "/mcp"}})),
        ),
        (json!({"hosts": ["b"]}), None),
        (json!({"methods": ["DELETE"]}), None),
        (json!({"path": {"prefix": "/other"}}), None),
        (json!({"path": {"exact": "/"}}), None),
    ] {
        assert_eq!(made(block.clone()).within(&outer), within.map(made), "{block}");
    }
    let everything = made(json!({"path": {"prefix": "/"}}));
    let block = made(json!({"methods": ["DELETE"]}));
    assert_eq!(block.within(&everything), Some(made(json!({"methods": ["DELETE"], "path": {"prefix": "/"}}))));
}

#[test]
fn two_blocks_meet_if_some_path_could_match_both() {
    let meet = |a, b| {
        made(a).paths_meet(&made(b))
            && made(json!({"methods": ["GET"]})).paths_meet(&made(json!({"path": {"exact": "/"}})))
    };
    assert!(meet(json!({"path": {"prefix": "/a"}}), json!({"path": {"exact": "/a/b"}})));
    assert!(meet(json!({"path": {"prefix": "/a/b"}}), json!({"path": {"prefix": "/a"}})));
    assert!(meet(json!({"path": {"template": "/{x}/b"}}), json!({"path": {"exact": "/a/b"}})));
    assert!(!meet(json!({"path": {"prefix": "/a"}}), json!({"path": {"prefix": "/b"}})));
    assert!(!meet(json!({"path": {"exact": "/a"}}), json!({"path": {"exact": "/a/b"}})));
}

#[test]
fn refuses_a_match_that_is_empty_or_cannot_be_meant() {
    for (block, expected) in [
        (json!({}), "match is empty"),
        (json!({"methods": []}), "match.methods is empty"),
        (json!({"methods": ["get"]}), "match.methods holds"),
        (json!({"hosts": []}), "match.hosts is empty"),
        (json!({"hosts": ["a", "h:80"]}), "match.hosts[1] is no host name"),
        (json!({"hosts": ["*.h"]}), "match.hosts[0] is no host name"),
        (json!({"path": {}}), "match.path has none"),
        (json!({"path": {"exact": "/a", "prefix": "/a"}}), "match.path has none or several"),
        (json!({"path": {"exact": "a"}}), "match.path.exact is no plain path"),
        (json!({"path": {"prefix": "/a/"}}), "match.path.prefix ends with /"),
        (json!({"path": {"exact": "/a/../b"}}), "match.path.exact is no plain path"),
        (json!({"path": {"exact": "/a?b"}}), "match.path.exact is no plain path"),
        (json!({"path": {"exact": "/a/*/b"}}), "match.path.exact holds a *"),
        (json!({"path": {"template": "/a"}}), "match.path.template is no template"),
        (json!({"path": {"template": "/a{x}"}}), "match.path.template is no template"),
        (json!({"path": {"template": "/{x}/{x}"}}), "match.path.template is no template"),
        (json!({"path": {"template": "{x}"}}), "match.path.template is no template"),
        (json!({"path": {"template": "/{}/a"}}), "match.path.template is no template"),
        (json!({"path": {"template": "/../{x}"}}), "match.path.template is no template"),
        (json!({"path": {"template": "/{x}?y"}}), "match.path.template is no template"),
    ] {
        let found = mistakes(block.clone());
        assert!(found.contains(expected), "{block}: {found}");
    }
}

fn tool_call(name: &str) -> Operation {
    use mcp_core::{Kind, Revision, Target};
    Operation {
        kind: Kind::Request,
        revision: Revision::V2025_11_25,
        method: Some("tools/call".into()),
        target: Some(Target::Tool(name.into())),
        arguments: None,
        id: None,
    }
}

#[test]
fn a_block_with_mcp_holds_for_its_operations_alone() {
    let block = made(json!({"path": {"prefix": "/mcp"}, "mcp": {"tools": ["delete_*"]}}));
    let path = SafePath::parse(b"/mcp").unwrap();
    let holds = |method, operation: Option<&Operation>| {
        block.holds(Target { method, host: None, path: &path, operation }).unwrap()
    };
    assert!(holds("POST", Some(&tool_call("delete_file"))));
    assert!(!holds("POST", Some(&tool_call("read_file"))));
    assert!(!holds("POST", None));
    let elsewhere = SafePath::parse(b"/other").unwrap();
    let operation = tool_call("delete_file");
    let target = Target { method: "POST", host: None, path: &elsewhere, operation: Some(&operation) };
    assert_eq!(block.holds(target), Ok(false));
    assert!(block.names_operations() && !made(json!({"methods": ["GET"]})).names_operations());
}

/// MCP-01
#[test]
fn a_place_of_mcp_is_one_for_every_method_and_body() {
    let block = made(json!({"methods": ["POST"], "hosts": ["a"], "path": {"exact": "/mcp"}, "mcp": {"tools": ["*"]}}));
    let expects = |method, host, path: &str| {
        let path = SafePath::parse(path.as_bytes()).unwrap();
        block.expects_mcp(Target { method, host: Some(host), path: &path, operation: None }).unwrap()
    };
    for method in ["POST", "GET", "DELETE", "PUT", "CONNECT"] {
        assert!(expects(method, "a", "/mcp?x"), "{method}");
    }
    assert!(!expects("POST", "b", "/mcp") && !expects("POST", "a", "/mcp/x"));
    let plain = made(json!({"path": {"exact": "/mcp"}}));
    let path = SafePath::parse(b"/mcp").unwrap();
    assert_eq!(plain.expects_mcp(Target { method: "POST", host: None, path: &path, operation: None }), Ok(false));
}

#[test]
fn a_block_with_mcp_covers_no_block_without() {
    let covers = |a, b| made(a).covers(&made(b));
    assert!(covers(json!({"path": {"prefix": "/"}}), json!({"mcp": {"tools": ["a"]}})));
    assert!(covers(json!({"mcp": {"tools": ["a*"]}}), json!({"path": {"exact": "/a"}, "mcp": {"tools": ["ab"]}})));
    assert!(!covers(json!({"mcp": {"methods": ["*"]}}), json!({"path": {"exact": "/a"}})));
    assert!(!covers(json!({"path": {"exact": "/a"}, "mcp": {"tools": ["*"]}}), json!({"mcp": {"tools": ["a"]}})));
    assert!(!covers(json!({"mcp": {"tools": ["a"]}}), json!({"mcp": {"tools": ["a*"]}})));
}

#[test]
fn blocks_about_different_operations_do_not_tie() {
    let tie = |a: serde_json::Value, b: serde_json::Value| made(a).ties_with(&made(b));
    assert!(tie(json!({"mcp": {"tools": ["a*"]}}), json!({"mcp": {"tools": ["*b"]}})));
    assert!(tie(json!({"mcp": {"tools": ["a*"]}}), json!({"path": {"prefix": "/"}})));
    assert!(!tie(json!({"mcp": {"tools": ["a*"]}}), json!({"mcp": {"tools": ["b*"]}})));
    assert!(!tie(json!({"mcp": {"kinds": ["stream"]}}), json!({"mcp": {"kinds": ["request"]}})));
}

#[test]
fn mcp_is_refused_where_no_body_is_read_and_where_it_cannot_be_meant() {
    let found = |members, block| {
        let mut problems = Problems::default();
        serde_json::from_value::<RawMatch>(block).unwrap().settings(members, "match", &mut problems);
        problems.to_string()
    };
    for block in [json!({"mcp": {"tools": ["a"]}}), json!({"path": {"exact": "/a"}, "mcp": {}})] {
        let found = found(Members::Http, block);
        assert!(found.contains("match.mcp is not supported by this filter"), "{found}");
    }
    for (block, expected) in [
        (json!({}), "at least one of methods, hosts, path, mcp"),
        (json!({"mcp": {}}), "match.mcp is empty"),
        (
            json!({"methods": ["GET"], "mcp": {"tools": ["a"]}}),
            "match.mcp holds for nothing that comes by these methods",
        ),
        (json!({"mcp": {"tools": [""]}}), "match.mcp.tools[0] can match nothing"),
    ] {
        let found = found(Members::HttpAndMcp, block);
        assert!(found.contains(expected), "{found}");
    }
}

fn captures_with_slash(block: &Match, path: &str) -> Result<Option<Captures>, Ambiguous> {
    let path = SafePath::parse_with_encoded_slash(path.as_bytes()).unwrap();
    block.captures(Target { method: "GET", host: None, path: &path, operation: None })
}

#[test]
fn a_template_that_expects_an_encoded_slash_captures_it() {
    let block = made(json!({"path": {"template": "/repos/{repo}/tree", "allow_encoded_slash": true}}));
    let expected = vec![("repo".to_owned(), "group/name".to_owned())];
    assert_eq!(captures_with_slash(&block, "/repos/group%2Fname/tree"), Ok(Some(expected)));
    assert_eq!(captures_with_slash(&block, "/repos/group%2Fname%2Ftree"), Ok(None));
    assert_eq!(captures_with_slash(&block, "/repos%2Fname/tree"), Ok(None));
}

/// Else a rule could be dodged, or reached, by a slash that one hop decodes and another does not.
#[test]
fn other_blocks_must_say_the_same_of_both_readings() {
    for (block, path) in [
        (json!({"path": {"prefix": "/repos/admin"}}), "/repos/admin%2fx"),
        (json!({"path": {"exact": "/repos/a/b"}}), "/repos/a%2fb"),
        (json!({"path": {"template": "/repos/{repo}"}}), "/repos/a%2fb"),
        (json!({"path": {"template": "/{a}/{b}/{c}"}}), "/repos/a%2fb"),
        (json!({"path": {"template": "/{a}/{b}"}}), "/repos%2fa/b"),
    ] {
        assert_eq!(captures_with_slash(&made(block.clone()), path), Err(Ambiguous), "{block} {path}");
    }
    for (block, path, held) in [
        (json!({"path": {"prefix": "/repos"}}), "/repos/a%2fb", true),
        (json!({"methods": ["GET"]}), "/repos/a%2fb", true),
        (json!({"path": {"prefix": "/other"}}), "/repos/a%2fb", false),
        (json!({"methods": ["POST"], "path": {"exact": "/repos/a/b"}}), "/repos/a%2fb", false),
    ] {
        let captures = captures_with_slash(&made(block.clone()), path);
        assert_eq!(captures.map(|captures| captures.is_some()), Ok(held), "{block} {path}");
    }
}

#[test]
fn an_encoded_slash_passes_only_if_a_block_that_decides_expects_it() {
    let read = |path: &str| SafePath::parse_with_encoded_slash(path.as_bytes()).unwrap();
    let expecting = made(json!({"path": {"template": "/repos/{repo}", "allow_encoded_slash": true}}));
    let (other, off) = (
        made(json!({"path": {"prefix": "/repos"}})),
        made(json!({"path": {"template": "/repos/{repo}", "allow_encoded_slash": false}})),
    );
    assert_eq!(require_expected_slash(&read("/repos/a%2fb"), [&other, &expecting]), Ok(()));
    assert_eq!(require_expected_slash(&read("/repos/a%2fb"), [&other, &off]), Err(Ambiguous));
    assert_eq!(require_expected_slash(&read("/repos/a%2fb"), []), Err(Ambiguous));
    assert_eq!(require_expected_slash(&read("/repos/a"), []), Ok(()));
}

#[test]
fn an_encoded_slash_is_for_templates_only() {
    for path in
        [json!({"prefix": "/a", "allow_encoded_slash": true}), json!({"exact": "/a", "allow_encoded_slash": false})]
    {
        let said = mistakes(json!({"path": path}));
        assert!(said.contains("match.path.allow_encoded_slash is for templates only"), "{said}");
    }
}
