//! What fills the templates of a rule.

use super::*;

#[test]
fn templates_keep_the_type_of_what_they_take() {
    let template = template(
        json!({"type": "file_access", "actions": "{mcp.arguments/in~1depth/0}", "identifier": "{mcp.arguments/id}"}),
    );
    let fill = |text: &str| {
        let arguments = json::InPlace::check(text.as_bytes(), 9).unwrap();
        let facts = RequestFacts { arguments: Some(arguments), ..NOTHING };
        template.fill(&all_types(), &facts).map_err(|unfillable| unfillable.field)
    };
    assert!(grants_wanted(
        r#"[{"type":"file_access","actions":["a","b"],"identifier":1.50}]"#,
        &fill(r#"{"in/depth":[["b"]],"id":1.5}"#).unwrap(),
        None
    ));
    let found = fill(r#"{"in/depth":[["b"]],"id":"1.5"}"#).unwrap();
    assert!(!grants_wanted(r#"[{"type":"file_access","actions":["b"],"identifier":1.5}]"#, &found, None));
    for (arguments, field) in [
        (r#"{"in/depth":[["b"]]}"#, "identifier"),
        (r#"{"in/depth":[["b"]],"id":null}"#, "identifier"),
        (r#"{"in/depth":[["b"]],"id":""}"#, "identifier"),
        (r#"{"in/depth":[["b"]],"id":[]}"#, "identifier"),
        (r#"{"in/depth":[["b"]],"id":{"x":[null]}}"#, "identifier"),
        (r#"{"in/depth":[[]],"id":1}"#, "actions"),
        (r#"{"in/depth":["b"],"id":1}"#, "actions"),
        (r#"{"in/depth":"b","id":1}"#, "actions"),
        (r#"{"id":1}"#, "actions"),
    ] {
        assert_eq!(fill(arguments), Err(field.to_owned()), "{arguments}");
    }
}

#[test]
fn each_source_of_a_template_fills_it_or_denies() {
    let query = [("q".to_owned(), "1".to_owned())].into();
    let headers = [("x-h".to_owned(), "2".to_owned())].into();
    let captures = [("file".to_owned(), "3".to_owned())];
    let facts =
        RequestFacts { captures: &captures, query: &query, headers: &headers, tool: Some("4"), arguments: None };
    let twice = [("file".to_owned(), "3".to_owned()), ("file".to_owned(), "3".to_owned())];
    for (text, value) in [("{query.q}", "1"), ("{header.x-h}", "2"), ("{path.file}", "3"), ("{mcp.tool}", "4")] {
        let template = template(json!({"type": "file_access", "identifier": text}));
        let expected = wanted(json!({"type": "file_access", "identifier": value}));
        assert_eq!(template.fill(&all_types(), &facts), Ok(expected), "{text}");
        assert!(template.fill(&all_types(), &NOTHING).is_err(), "{text}");
        assert!(template.fill(&all_types(), &RequestFacts { captures: &twice, ..NOTHING }).is_err(), "{text}");
    }
}
