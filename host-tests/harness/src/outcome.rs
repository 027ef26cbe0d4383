//! What became of one request.

use crate::http::{Request, Response};

/// The end of one request: what the client saw and what got through.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What the client saw. Status 0: the connection broke before a response.
    pub response: Response,
    /// The requests that the upstream received because of this one: none or one.
    pub upstream: Vec<Request>,
}
