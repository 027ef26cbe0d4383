//! Shapes of what a client may send, each of any size.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fourleg_harness::Request;

/// A way to make a request as large as one likes.
pub(super) struct Input {
    pub name: &'static str,
    /// Adds so many bytes, roughly, to a request.
    pub make: Box<dyn Fn(Request, usize) -> Request>,
}

fn input(name: &'static str, make: impl Fn(Request, usize) -> Request + 'static) -> Input {
    Input { name, make: Box::new(make) }
}

/// So many bytes of a text again and again.
fn of(text: &str, size: usize) -> String {
    text.repeat(size.div_ceil(text.len()))
}

/// So many bytes of texts that differ.
fn each(size: usize, text: impl Fn(usize) -> String) -> impl Iterator<Item = String> {
    let mut left = size;
    (0..).map(text).take_while(move |next| {
        let goes_on = left > 0;
        left = left.saturating_sub(next.len());
        goes_on
    })
}

fn path(name: &'static str, text: &'static str) -> Input {
    input(name, move |mut request, size| {
        request.path =
            format!("{}/{}", String::from_utf8_lossy(&request.path).split('?').next().unwrap(), of(text, size)).into();
        request
    })
}

fn query(name: &'static str, text: impl Fn(usize) -> String + 'static) -> Input {
    input(name, move |mut request, size| {
        let mark = if request.path.contains(&b'?') { '&' } else { '?' };
        request.path.extend(format!("{mark}{}", text(size)).into_bytes());
        request
    })
}

fn fields(name: &'static str, prefix: &'static str, value: &'static str) -> Input {
    input(name, move |request, size| {
        each(size, |number| format!("{prefix}{number}{value}"))
            .enumerate()
            .fold(request, |request, (number, _)| request.header(format!("{prefix}{number}"), value))
    })
}

fn value(name: &'static str, field: &'static str, text: &'static str) -> Input {
    input(name, move |request, size| request.header(field, of(text, size)))
}

fn repeated(name: &'static str, field: &'static str, text: &'static str) -> Input {
    input(name, move |request, size| {
        let count = size.div_ceil(field.len() + text.len());
        (0..count).fold(request, |request, _| request.header(field, text))
    })
}

/// Paths, queries and header fields.
pub(super) fn of_heads() -> Vec<Input> {
    vec![
        path("a long path", "a"),
        path("a path of many segments", "a/"),
        path("a path of escapes", "%c3%a9"),
        path("a path of encoded slashes", "a%2fb"),
        path("a path of dots", "a."),
        query("a query of brackets", |size| of("a[", size)),
        query("a query of brackets that close", |size| of("access_token]", size)),
        query("a query of dots", |size| of("a.", size)),
        query("a name of brackets alone", |size| of("[", size)),
        query("many parameters", |size| each(size, |number| format!("p{number}=1&")).collect()),
        query("one parameter many times", |size| of("access_token=1&", size)),
        query("parameters without a name", |size| of("&", size)),
        query("a long name", |size| of("access-token_", size)),
        query("a long value", |size| format!("a={}", of("b", size))),
        query("escapes in a name", |size| of("%5b", size)),
        query("escapes twice", |size| of("%25", size)),
        query("plus signs", |size| of("+", size)),
        query("semicolons", |size| of("a;", size)),
        query("hyphens in a name", |size| of("access_token-", size)),
        fields("many header fields", "x-", ""),
        fields("many header fields with underscores", "x_http_method_", "a"),
        fields("many fields of ours", "x-fourleg-", ""),
        fields("many fields of parameters", "mcp-param-", "1"),
        input("a long name of a field", |request, size| request.header(format!("x-{}", of("a-", size)), "1")),
        value("a long value of a field", "x-a", "a"),
        value("a field of commas", "x-to", "a,"),
        value("a long cookie", "cookie", "a=b; "),
        value("a long origin", "origin", "https://a.example"),
        value("many media ranges", "accept", "a/b;q=1,"),
        value("a long content type", "content-type", "application/json;"),
        value("a long traceparent", "traceparent", "00-"),
        value("a long session", "mcp-session-id", "a"),
        value("a long version", "mcp-protocol-version", "2025-"),
        value("a long name of MCP", "mcp-name", "=?base64?YQ==?="),
        repeated("many cookies", "cookie", "a=b"),
        repeated("many types", "content-type", "a/b"),
        repeated("many versions", "mcp-protocol-version", "2025-11-25"),
        repeated("one field many times", "x-to", "a"),
        repeated("one field of ours many times", "x-fourleg-claims", "a"),
    ]
}

fn bearer(name: &'static str, text: impl Fn(usize) -> String + 'static) -> Input {
    input(name, move |request, size| request.header("authorization", format!("Bearer {}", text(size))))
}

fn encoded(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// Tokens that nobody signed.
pub(super) fn of_tokens() -> Vec<Input> {
    let with_payload =
        |text: String| format!("{}.{}.AAAA", encoded(r#"{"alg":"RS256","typ":"at+jwt"}"#), encoded(&text));
    let members = |size: usize| each(size, |number| format!(",\"m{number}\":{number}")).collect::<String>();
    vec![
        bearer("garbage", |size| of("a", size)),
        bearer("dots", |size| of(".", size)),
        bearer("segments", |size| of("a.", size)),
        bearer("commas", |size| of("a,", size)),
        bearer("padding", |size| format!("a{}", of("=", size))),
        bearer("spaces", |size| format!("{}a", of(" ", size))),
        bearer("a wide header", move |size| {
            format!("{}.{}.AAAA", encoded(&format!("{{\"alg\":\"RS256\"{}}}", members(size / 2))), encoded("{}"))
        }),
        bearer("a deep header", |size| format!("{}.{}.AAAA", encoded(&of("{\"a\":", size / 2)), encoded("{}"))),
        bearer("a wide payload", move |size| with_payload(format!("{{\"iss\":\"x\"{}}}", members(size / 2)))),
        bearer("a deep payload", move |size| with_payload(of("[", size / 2))),
        bearer("a payload with many audiences", move |size| {
            with_payload(format!("{{\"iss\":\"https://as.example.com/t1\",\"aud\":[{}\"\"]}}", of("\"a\",", size / 2)))
        }),
        bearer("a long signature", move |size| {
            format!("{}{}", with_payload("{\"iss\":\"https://as.example.com/t1\"}".to_owned()), of("AAAA", size))
        }),
        value("another scheme", "authorization", "Digest a=\"b\""),
        repeated("many credentials", "authorization", "Bearer a"),
    ]
}

fn body(name: &'static str, media_type: &'static str, text: impl Fn(usize) -> String + 'static) -> Input {
    input(name, move |request, size| {
        request
            .header("content-type", media_type)
            .header("accept", "application/json, text/event-stream")
            .body(text(size))
    })
}

fn json(name: &'static str, text: impl Fn(usize) -> String + 'static) -> Input {
    body(name, "application/json", text)
}

/// A call of a tool with these arguments.
fn call(arguments: &str) -> String {
    format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{{\"name\":\"pay\",\"arguments\":{{\"amount\":1,\"creditor\":\"DE02\"{arguments}}}}}}}"
    )
}

/// Bodies of each form.
pub(super) fn of_bodies() -> Vec<Input> {
    const FORM: &str = "application/x-www-form-urlencoded";
    let batch = |message: &'static str| {
        move |size: usize| format!("[{}]", of(&format!("{message},"), size).trim_end_matches(','))
    };
    vec![
        body("a form of many fields", FORM, |size| of("a=b&", size)),
        body("a form of brackets", FORM, |size| of("a[", size)),
        body("a multipart form", "multipart/form-data; boundary=x", |size| of("--x\r\n\r\n\r\n", size)),
        body("bytes of no type", "application/octet-stream", |size| of("a", size)),
        json("deep arrays", |size| of("[", size)),
        json("deep objects", |size| of("{\"\":", size)),
        json("a wide array of numbers", |size| format!("[{}1]", of("1,", size))),
        json("a wide array of literals", |size| format!("[{}1]", of("null,", size))),
        json("many objects", |size| format!("[{}{{}}]", of("{\"\":0},", size))),
        json("many members", |size| {
            format!("{{{}\"\":0}}", each(size, |number| format!("\"m{number}\":0,")).collect::<String>())
        }),
        json("a long text", |size| format!("\"{}\"", of("a", size))),
        json("escapes", |size| format!("\"{}\"", of("\\u0061\\n", size))),
        json("a long number", |size| of("1", size)),
        json("a long fraction", |size| format!("0.{}", of("1", size))),
        json("white space", |size| of(" ", size)),
        json("a batch of requests", batch(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#)),
        json(
            "a batch of calls",
            batch(
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","arguments":{"amount":1,"creditor":"DE02"}}}"#,
            ),
        ),
        json("a batch of notifications", batch(r#"{"jsonrpc":"2.0","method":"notifications/a"}"#)),
        json("a call with many arguments", |size| {
            call(&each(size, |number| format!(",\"m{number}\":0")).collect::<String>())
        }),
        json("a call with a long argument", |size| call(&format!(",\"a\":\"{}\"", of("a", size)))),
        json("a call with a wide argument", |size| call(&format!(",\"a\":[{}0]", of("0,", size)))),
        json("a call of a long name", |size| {
            format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{{\"name\":\"{}\"}}}}",
                of("pay", size)
            )
        }),
        json("a long method", |size| format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{}\"}}", of("a", size))),
        json("a long id", |size| {
            format!("{{\"jsonrpc\":\"2.0\",\"id\":\"{}\",\"method\":\"tools/list\"}}", of("a", size))
        }),
        json("subscriptions to many tasks", |size| {
            format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"subscriptions/listen\",\"params\":{{\"notifications\":{{\"taskIds\":[{}\"a\"]}}}}}}",
                of("\"a\",", size)
            )
        }),
        json("a long resource", |size| {
            format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/read\",\"params\":{{\"uri\":\"a://{}\"}}}}",
                of("a%21/", size)
            )
        }),
    ]
}
