//! MCP clients that we did not write, as their SDKs make them: they know the URL of a server behind Envoy with our filters
//! and nothing else, and get on by what each answer tells them.
//!
//! They need Node 20 and Python 3.11 with npm and pip. `cargo xtask test --no-parsers` leaves them out.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use std::collections::BTreeSet;

use fourleg_tests::foreign::Program;
use serde_json::{Value, json};
use world::World;

/// An SDK in the version that the lock file beside this one pins.
#[derive(Clone, Copy)]
enum Sdk {
    /// PyPI's `mcp` in this mode: `legacy` begins with `initialize`, and `auto` with the newest revision of MCP, in which
    /// there are no sessions.
    Python(&'static str),
    /// The package of npm with this name.
    JavaScript(&'static str),
}

const SDK_1: Sdk = Sdk::JavaScript("@modelcontextprotocol/sdk");
const CLIENT_2: Sdk = Sdk::JavaScript("@modelcontextprotocol/client");

/// What became of an agent.
struct Course {
    /// Of each call its `text` or `error`.
    results: Vec<Value>,
    /// The requests that it sent: method, URL without query, and the status of the answer.
    exchanges: Vec<(String, String, u64)>,
}

impl Course {
    fn count(&self, status: u64) -> usize {
        self.exchanges.iter().filter(|(.., answered)| *answered == status).count()
    }

    /// The status of the answer to the last such request.
    fn status(&self, method: &str, url: &str) -> Option<u64> {
        self.exchanges.iter().rfind(|(m, u, _)| m == method && u == url).map(|(.., status)| *status)
    }
}

impl Sdk {
    /// Connects, calls these tools in turn, and ends the session.
    fn run(self, world: &World, calls: &[(&str, Value)]) -> Course {
        let mut input = world.entrance();
        input["calls"] = json!(calls);
        let output = match self {
            Self::Python(mode) => {
                input["mode"] = json!(mode);
                PYTHON.ask_python(&input.to_string())
            }
            Self::JavaScript(library) => {
                input["library"] = json!(library);
                NODE.ask_node(&input.to_string())
            }
        };
        let output: Value = serde_json::from_str(&output).unwrap();
        let text = |exchange: &Value, member: &str| exchange[member].as_str().unwrap().to_owned();
        let exchanges = output["exchanges"].as_array().unwrap().iter();
        Course {
            results: output["results"].as_array().unwrap().clone(),
            exchanges: exchanges
                .map(|one| (text(one, "method"), text(one, "url"), one["status"].as_u64().unwrap()))
                .collect(),
        }
    }
}

const NODE: Program<'_> = Program {
    name: "mcp-sdk-javascript",
    files: &[
        ("package.json", include_str!("package.json")),
        ("package-lock.json", include_str!("package-lock.json")),
        ("connect.mjs", include_str!("connect.mjs")),
    ],
    script: "connect.mjs",
};

const PYTHON: Program<'_> = Program {
    name: "mcp-sdk-python",
    files: &[("requirements.txt", include_str!("requirements.txt")), ("connect.py", include_str!("connect.py"))],
    script: "connect.py",
};

/// From the first 401 to the end of the session: discovery, registration, sign-in, a scope that is lacking, and a stronger
/// sign-in, each in one round, at an issuer that grants no more than is asked for.
fn gets_on_by_the_challenges_alone(sdk: Sdk) {
    let world = World::start("scope");
    let file = json!({"path": "a.txt"});
    let course = sdk.run(
        &world,
        &[("read_file", file.clone()), ("list_reports", json!({})), ("delete_file", file.clone()), ("read_file", file)],
    );
    let texts: Vec<&Value> = course.results.iter().map(|result| &result["text"]).collect();
    let read = "a.txt: the quick brown fox";
    assert_eq!(texts, [read, "q1.pdf\nq2.pdf", "a.txt would be gone now", read], "{:?}", course.results);
    // One denial and one sign-in for each thing that was lacking.
    assert_eq!((course.count(401), course.count(403)), (1, 2), "{:#?}", course.exchanges);
    let asked: Vec<BTreeSet<String>> =
        world.asked("scope").into_iter().map(|scope| scope.unwrap().split(' ').map(str::to_owned).collect()).collect();
    let all = ["tools:read", "tools:report", "step-up:mfa"].map(str::to_owned);
    assert_eq!(asked, [1, 2, 3].map(|few| all.iter().take(few).cloned().collect()));
    assert_eq!(world.asked("resource"), [(); 3].map(|()| Some(world::RESOURCE.to_owned())));
    // By RFC 9728, RFC 8414 and RFC 7591, in their right places.
    for (method, url, status) in [
        ("GET", "https://tools.clients.example/.well-known/oauth-protected-resource/mcp", 200),
        ("GET", "https://idp.clients.example/.well-known/oauth-authorization-server/agents", 200),
        ("POST", "https://idp.clients.example/agents/register", 201),
    ] {
        assert_eq!(course.status(method, url), Some(status), "{method} {url} in {:#?}", course.exchanges);
    }
    assert_eq!(world.registrations(), 1);
    let ended = course.status("DELETE", world::RESOURCE);
    assert_eq!(ended, if matches!(sdk, Sdk::Python("auto")) { None } else { Some(202) }, "{:#?}", course.exchanges);
}

/// RFC 9470 is what they do not know: asked for `acr_values`, they ask the issuer for what they asked before.
fn does_not_follow_rfc_9470(sdk: Sdk) {
    let world = World::start("rfc9470");
    let course = sdk.run(&world, &[("delete_file", json!({"path": "a.txt"}))]);
    assert!(course.results[0]["error"].is_string(), "{:?}", course.results);
    assert!(world.asked("acr_values").iter().all(Option::is_none));
    assert_eq!(world.called(), [""; 0]);
}

/// Which versions follow what is said in the README of claim-challenge.
#[test]
fn the_readme_is_about_the_versions_that_are_run_here() {
    let readme = include_str!("../../../plugins/claim-challenge/README.md");
    let package: Value = serde_json::from_str(include_str!("package.json")).unwrap();
    let mut versions: Vec<(&str, &str)> = package["dependencies"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, version)| (name.as_str(), version.as_str().unwrap()))
        .collect();
    let pinned = include_str!("requirements.txt").lines().filter_map(|line| line.strip_suffix(" \\")?.split_once("=="));
    versions.extend(pinned.filter(|(name, _)| *name == "mcp"));
    assert_eq!(versions.len(), 3);
    for (name, version) in versions {
        assert!(readme.contains(&format!("| `{name}` {version} ")), "{name} {version}");
    }
}

mod independent_clients_on_envoy {
    use super::*;

    #[test]
    fn mcp_for_python_gets_on_by_the_challenges_alone() {
        gets_on_by_the_challenges_alone(Sdk::Python("legacy"));
    }

    #[test]
    fn mcp_for_python_in_the_newest_revision_gets_on_by_the_challenges_alone() {
        gets_on_by_the_challenges_alone(Sdk::Python("auto"));
    }

    #[test]
    fn sdk_1_for_javascript_gets_on_by_the_challenges_alone() {
        gets_on_by_the_challenges_alone(SDK_1);
    }

    #[test]
    fn client_2_for_javascript_gets_on_by_the_challenges_alone() {
        gets_on_by_the_challenges_alone(CLIENT_2);
    }

    #[test]
    fn no_sdk_follows_rfc_9470() {
        for sdk in [Sdk::Python("auto"), SDK_1, CLIENT_2] {
            does_not_follow_rfc_9470(sdk);
        }
    }
}
