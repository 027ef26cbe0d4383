//! What the user reads before the answer: who asks, for what. Everything in it is somebody else's text. It has no buttons,
//! since the answer is scripted.

use std::fmt::{self, Write as _};

use html_escape::encode_text;
use serde_json::Value;

use super::authorization_request::AuthorizationRequest;

/// The page: HTML.
pub(super) fn render(subject: &str, request: &AuthorizationRequest) -> String {
    let mut page = String::new();
    // Writing to a text does not fail.
    let _written = write(&mut page, subject, request);
    page
}

fn write(page: &mut String, subject: &str, request: &AuthorizationRequest) -> fmt::Result {
    write!(
        page,
        "<!doctype html><meta charset=\"utf-8\"><title>Allow this?</title>\
         <h1>{client} asks you, {subject}</h1><p>The answer goes to <code>{to}</code>.</p>",
        client = encode_text(&request.client_id),
        subject = encode_text(subject),
        to = encode_text(&request.redirect_uri),
    )?;
    list(page, "It wants to use", request.resources.iter().map(String::as_str))?;
    list(page, "It wants to be allowed", request.scope.iter().flat_map(|scope| scope.split(' ')))?;
    for detail in &request.details {
        table(page, detail)?;
    }
    Ok(())
}

fn list<'a>(page: &mut String, title: &str, entries: impl Iterator<Item = &'a str>) -> fmt::Result {
    let entries: Vec<_> = entries.collect();
    if entries.is_empty() {
        return Ok(());
    }
    write!(page, "<h2>{title}</h2><ul>")?;
    for entry in entries {
        write!(page, "<li>{}", encode_text(entry))?;
    }
    page.write_str("</ul>")
}

/// One object, each field of it: what is not shown would be granted unseen.
fn table(page: &mut String, detail: &Value) -> fmt::Result {
    page.write_str("<table>")?;
    for (name, value) in detail.as_object().into_iter().flatten() {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        write!(page, "<tr><th>{}<td>{}", encode_text(name), encode_text(&text))?;
    }
    page.write_str("</table>")
}
