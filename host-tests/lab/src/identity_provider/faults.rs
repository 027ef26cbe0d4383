//! How endpoints fail, as they are told.

use std::{
    collections::VecDeque,
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::{
    body::{Body, Bytes, to_bytes},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use hyper::body::{Body as HttpBody, Frame};
use serde_json::{Value, json};

use super::{
    Endpoint,
    endpoints::{json_response, typed},
};
use crate::router_server::Reset;

/// More than any client should read: a bit over 256 KiB.
const HUGE: usize = 300 * 1024;

/// How an endpoint fails.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// Answers with this status and a JSON error.
    Status(u16),
    /// Answers with this status and this JSON: an error of OAuth with whatever stands beside it, or a lie.
    Answer {
        /// The HTTP status code.
        status: u16,
        /// The body, whole.
        body: Value,
    },
    /// Answers 200 with something that is not JSON, and says that it is.
    Garbage,
    /// Answers 200 with a page.
    Html,
    /// Answers rightly, and with more than 256 KiB.
    Huge,
    /// Answers 307: ask there.
    Redirect(String),
    /// Answers rightly, but with these members; null leaves one out.
    Members(Value),
    /// Answers rightly, but issues tokens with these claims; null leaves one out. For the token endpoint.
    Claims(Value),
    /// Never answers.
    Hang,
    /// Answers rightly once the endpoint has recovered.
    HoldHeaders,
    /// The same, but status and fields come at once.
    HoldBody,
    /// Answers rightly, and ends the connection in the middle of the body.
    Truncated,
    /// Resets the connection instead of an answer.
    Reset,
}

impl Fault {
    /// What comes instead of the right answer; none if that is needed.
    pub(super) async fn instead(&self) -> Option<Response> {
        Some(match self {
            Self::Status(code) => json_response(status(*code), &json!({"error": "server_error"})),
            Self::Answer { status: code, body } => json_response(status(*code), body),
            Self::Garbage => typed("application/json", "<html>not what you asked for".to_owned()),
            Self::Html => typed("text/html", "<!doctype html><title>Sorry</title>Please come back later.".to_owned()),
            Self::Redirect(to) => {
                let mut response = json_response(StatusCode::TEMPORARY_REDIRECT, &json!({}));
                if let Ok(to) = HeaderValue::from_str(to) {
                    response.headers_mut().insert(header::LOCATION, to);
                }
                response
            }
            Self::Hang => std::future::pending().await,
            Self::Reset => {
                let mut response = Response::new(Body::empty());
                response.extensions_mut().insert(Reset);
                response
            }
            Self::Huge | Self::Members(_) | Self::Claims(_) | Self::HoldHeaders | Self::HoldBody | Self::Truncated => {
                return None;
            }
        })
    }

    /// What becomes of the right answer. `recovered` ends when the endpoint works again.
    pub(super) async fn spoil(
        &self,
        response: Response,
        recovered: impl Future<Output = ()> + Send + 'static,
    ) -> Response {
        match self {
            Self::Members(changes) => with_members(response, changes).await,
            Self::Huge => with_members(response, &json!({"padding": "x".repeat(HUGE)})).await,
            Self::HoldHeaders => {
                recovered.await;
                response
            }
            Self::HoldBody => {
                let (parts, body) = response.into_parts();
                let text = text(body).await;
                let length = text.len();
                let later = async move {
                    recovered.await;
                    Ok(text)
                };
                promising(Response::from_parts(parts, Pieces::body([Box::pin(later) as Piece])), length)
            }
            Self::Truncated => {
                let (parts, body) = response.into_parts();
                let text = text(body).await;
                let half = text.slice(..text.len() / 2);
                let broken = async {
                    // An error in the same breath would take what is not sent yet with it.
                    tokio::task::yield_now().await;
                    Err(io::ErrorKind::ConnectionAborted.into())
                };
                let pieces = [Box::pin(async { Ok(half) }) as Piece, Box::pin(broken)];
                promising(Response::from_parts(parts, Pieces::body(pieces)), text.len())
            }
            _ => response,
        }
    }
}

/// Faults by endpoint, at most one for each.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<(Endpoint, Fault)>);

impl Faults {
    pub(super) fn set(&mut self, endpoint: Endpoint, fault: Fault) {
        self.clear(endpoint);
        self.0.push((endpoint, fault));
    }

    pub(super) fn clear(&mut self, endpoint: Endpoint) {
        self.0.retain(|(at, _)| *at != endpoint);
    }

    pub(super) fn of(&self, endpoint: Endpoint) -> Option<&Fault> {
        self.0.iter().find(|(at, _)| *at == endpoint).map(|(_, fault)| fault)
    }
}

/// Sets the members of an object, or removes those that are null.
pub(super) fn change(object: &mut Value, changes: &Value) {
    let (Some(object), Some(changes)) = (object.as_object_mut(), changes.as_object()) else { return };
    for (name, value) in changes {
        if value.is_null() {
            object.remove(name);
        } else {
            object.insert(name.clone(), value.clone());
        }
    }
}

async fn with_members(response: Response, changes: &Value) -> Response {
    let (parts, body) = response.into_parts();
    let mut answer: Value = serde_json::from_slice(&text(body).await).unwrap_or_default();
    change(&mut answer, changes);
    Response::from_parts(parts, Body::from(answer.to_string()))
}

/// Of a body that is all there.
async fn text(body: Body) -> Bytes {
    to_bytes(body, usize::MAX).await.unwrap_or_default()
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn promising(mut response: Response, length: usize) -> Response {
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}

/// A part of a body that may come late, or be an error, which ends the connection.
type Piece = Pin<Box<dyn Future<Output = io::Result<Bytes>> + Send>>;

struct Pieces(VecDeque<Piece>);

impl Pieces {
    fn body(pieces: impl IntoIterator<Item = Piece>) -> Body {
        Body::new(Self(pieces.into_iter().collect()))
    }
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Some(piece) = self.0.front_mut() else { return Poll::Ready(None) };
        let came = ready!(piece.as_mut().poll(context));
        self.0.pop_front();
        Poll::Ready(Some(came.map(Frame::data)))
    }
}
