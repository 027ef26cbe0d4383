//! The agent and the MCP server, with and without something between them that denies.

use fourleg_lab::{
    agent::Agent,
    echo_upstream::{Answer, EchoUpstream, Responding},
    mcp_server::{McpServer, Next},
    wire::find,
};
use serde_json::{Value, json};

#[test]
fn an_agent_connects_lists_the_tools_and_calls_them() {
    let server = McpServer::start().unwrap();
    let session = Agent::new(server.url()).token("t0ken").connect().unwrap();
    let mut tools = session.tools().unwrap();
    tools.sort();
    assert_eq!(tools, ["delete_file", "list_reports", "read_file", "transfer_funds"]);
    let file = json!({"path": "/etc/motd"});
    assert_eq!(session.call("read_file", file.clone()).unwrap(), "/etc/motd: the quick brown fox");
    assert_eq!(session.call("delete_file", file).unwrap(), "/etc/motd would be gone now");
    let transfer = json!({"to": "bob", "amount": 12.5, "currency": "EUR"});
    assert_eq!(session.call("transfer_funds", transfer).unwrap(), "12.5 EUR would go to bob");
    assert_eq!(session.call("list_reports", Value::Null).unwrap(), "q1.pdf\nq2.pdf");
    assert_eq!(server.called(), ["read_file", "delete_file", "transfer_funds", "list_reports"]);
    drop(session);

    let received = server.received();
    assert!(received.iter().all(|request| request.path == "/mcp"));
    assert!(received.iter().all(|request| request.header("authorization").as_deref() == Some("Bearer t0ken")));
}

#[test]
fn an_agent_of_the_newest_revision_needs_no_handshake() {
    let server = McpServer::start().unwrap();
    let session = Agent::new(server.url()).newest().connect().unwrap();
    assert_eq!(session.call("list_reports", Value::Null).unwrap(), "q1.pdf\nq2.pdf");
    drop(session);
    let received = server.received();
    let methods: Vec<Option<String>> = received.iter().map(|request| request.header("mcp-method")).collect();
    assert!(methods.contains(&Some("tools/call".to_owned())), "{methods:?}");
    assert!(received.iter().all(|request| request.header("mcp-session-id").is_none()));
}

#[test]
fn a_call_without_its_arguments_is_an_error_and_runs_nothing() {
    let server = McpServer::start().unwrap();
    let session = Agent::new(server.url()).connect().unwrap();
    session.call("read_file", json!({})).unwrap_err();
    session.call("no_such_tool", json!({})).unwrap_err();
    assert!(server.called().is_empty());
}

#[test]
fn a_tool_asks_the_next_server_with_the_token_that_it_was_called_with() {
    let api = EchoUpstream::start_with(|request| {
        let known = request.path == b"/orders/7";
        Responding::new(if known { 200 } else { 404 }, if known { "two umbrellas" } else { "no such order" }).into()
    })
    .unwrap();
    let (a, b) = (McpServer::of_orders("tool-a").unwrap(), McpServer::of_orders("tool-b").unwrap());
    a.lead_to(Next::Mcp(b.url()));
    b.lead_to(Next::Api(format!("http://{}/orders", api.address())));
    let session = Agent::new(a.url()).token("t0ken").connect().unwrap();
    assert_eq!(session.tools().unwrap(), ["find_order"]);
    assert_eq!(session.call("find_order", json!({"number": 7})).unwrap(), "tool-a: tool-b: two umbrellas");
    assert!(b.received().iter().all(|request| request.token().as_deref() == Some("t0ken")));
    assert_eq!(find(&api.received()[0].request.headers, "authorization"), Some(&b"Bearer t0ken"[..]));
    assert_eq!((a.called(), b.called()), (vec!["find_order".to_owned()], vec!["find_order".to_owned()]));
    // What the last one says comes back as the tool's error.
    let denied = session.call("find_order", json!({"number": 8})).unwrap_err();
    assert!(denied.reason.contains("404 Not Found no such order"), "{denied}");
}

#[test]
fn a_denied_agent_knows_the_status_and_the_challenge() {
    let challenge = r#"Bearer error="invalid_token", resource_metadata="http://x""#;
    for status in [400, 401, 403, 503] {
        let gateway = EchoUpstream::start_with(move |_| {
            let header = (b"www-authenticate".to_vec(), challenge.as_bytes().to_vec());
            Answer::Respond(Responding { status, headers: vec![header], body: b"{\"error\":\"no\"}".to_vec() })
        })
        .unwrap();
        let url = format!("http://{}/mcp", gateway.address());
        let denied = Agent::new(url).token("x").connect().map(|_| ()).unwrap_err();
        assert_eq!((denied.status, denied.challenge.as_deref()), (Some(status), Some(challenge)), "{denied}");
    }
}

#[test]
fn an_agent_that_reaches_nobody_says_so() {
    let nobody = { EchoUpstream::start().unwrap().address() };
    let denied = Agent::new(format!("http://{nobody}/mcp")).connect().map(|_| ()).unwrap_err();
    assert_eq!((denied.status, denied.challenge.clone()), (None, None), "{denied}");
}
