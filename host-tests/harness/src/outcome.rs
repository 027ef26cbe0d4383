//! What became of one request.

use std::fmt::Write;

use serde_json::Value;

use crate::{
    challenge::ChallengeView,
    http::{Field, Request, Response},
};

/// The end of one request: what the client saw and what got through. The asserting methods chain, and fail with a
/// picture of both.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What the client saw. Status 0: the connection broke before a response.
    pub response: Response,
    /// The requests that the upstream received because of this one: none or one.
    pub upstream: Vec<Request>,
}

impl Outcome {
    /// Asserts a 2xx and one request at the upstream, and gives that request.
    ///
    /// # Panics
    /// If not.
    #[track_caller]
    pub fn allowed(&self) -> &Request {
        let [request] = self.upstream.as_slice() else {
            panic!("the upstream got {} requests instead of one\n{}", self.upstream.len(), self.picture());
        };
        assert!((200..300).contains(&self.response.status), "the response is no success\n{}", self.picture());
        request
    }

    /// Asserts the status, and that the upstream got nothing.
    ///
    /// # Panics
    /// If not.
    #[track_caller]
    pub fn denied_with(&self, status: u16) -> &Self {
        self.status(status).never_reached_upstream()
    }

    /// Asserts the status, whoever gave it.
    ///
    /// # Panics
    /// If it is another.
    #[track_caller]
    pub fn status(&self, status: u16) -> &Self {
        let is = self.response.status;
        assert!(is == status, "the status is {is} instead of {status}\n{}", self.picture());
        self
    }

    /// Asserts that the upstream got nothing, not even headers.
    ///
    /// # Panics
    /// If it got something.
    #[track_caller]
    pub fn never_reached_upstream(&self) -> &Self {
        assert!(self.upstream.is_empty(), "the request reached the upstream\n{}", self.picture());
        self
    }

    /// The code of a denial: the member `code` of the JSON body, or of `error.data` where that is a JSON-RPC error.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    #[must_use]
    pub fn code(&self) -> String {
        let body = self.body_json();
        let code = body.get("code").or_else(|| body.pointer("/error/data/code"));
        match code.and_then(Value::as_str) {
            Some(code) => code.to_owned(),
            None => panic!("the body has no 'code'\n{}", self.picture()),
        }
    }

    /// Asserts [`Outcome::code`].
    ///
    /// # Panics
    /// If it is absent or another.
    #[track_caller]
    pub fn has_code(&self, code: &str) -> &Self {
        let is = self.code();
        assert!(is == code, "the code is '{is}' instead of '{code}'\n{}", self.picture());
        self
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is none.
    #[track_caller]
    #[must_use]
    pub fn body_json(&self) -> Value {
        match serde_json::from_slice(&self.response.body) {
            Ok(body) => body,
            Err(error) => panic!("the body is no JSON: {error}\n{}", self.picture()),
        }
    }

    /// A response field's first value as text.
    ///
    /// # Panics
    /// If it is absent.
    #[track_caller]
    #[must_use]
    pub fn header(&self, name: &str) -> String {
        match self.response.header_text(name) {
            Some(value) => value,
            None => panic!("the response has no '{name}'\n{}", self.picture()),
        }
    }

    /// Asserts that the response has no such field.
    ///
    /// # Panics
    /// If it has.
    #[track_caller]
    pub fn no_header(&self, name: &str) -> &Self {
        assert!(self.response.header_text(name).is_none(), "the response has a '{name}'\n{}", self.picture());
        self
    }

    /// The first challenge.
    ///
    /// # Panics
    /// If there is none, or it does not parse.
    #[track_caller]
    #[must_use]
    pub fn challenge(&self) -> ChallengeView {
        match self.challenges().into_iter().next() {
            Some(challenge) => challenge,
            None => panic!("the response has no WWW-Authenticate\n{}", self.picture()),
        }
    }

    /// All challenges, of all `WWW-Authenticate` fields, in order.
    ///
    /// # Panics
    /// If one does not parse.
    #[track_caller]
    #[must_use]
    pub fn challenges(&self) -> Vec<ChallengeView> {
        self.response
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(b"www-authenticate"))
            .flat_map(|(_, value)| ChallengeView::parse(&String::from_utf8_lossy(value)))
            .collect()
    }

    /// The response and what the upstream got, for a message.
    #[must_use]
    pub fn picture(&self) -> String {
        let mut picture = format!("the client saw: {}\n", self.response.status);
        fields(&mut picture, &self.response.headers);
        body(&mut picture, &self.response.body);
        if self.upstream.is_empty() {
            picture.push_str("the upstream got nothing\n");
        }
        for request in &self.upstream {
            let path = String::from_utf8_lossy(&request.path);
            let _ = writeln!(picture, "the upstream got: {} {path}", request.method);
            fields(&mut picture, &request.headers);
            body(&mut picture, &request.whole_body());
        }
        picture
    }
}

fn fields(picture: &mut String, fields: &[Field]) {
    for (name, value) in fields {
        let (name, value) = (String::from_utf8_lossy(name), String::from_utf8_lossy(value));
        let _ = writeln!(picture, "  {name}: {value}");
    }
}

fn body(picture: &mut String, body: &[u8]) {
    const MOST: usize = 2_000;
    if !body.is_empty() {
        let shown = String::from_utf8_lossy(&body[..body.len().min(MOST)]);
        let _ = writeln!(picture, "  {} bytes: {shown}", body.len());
    }
}
