//! What an HTTP request does in MCP, as pure functions: no I/O, no clock, no proxy.
//!
//! A request is read in two steps. [`Endpoint::open`] looks at its head: it finds a fault, an operation without body
//! (a stream, the end of a session), or a [`BodyReader`] that wants the body. [`BodyReader::read`] turns the body into
//! the operations that it asks for. A policy must allow each of them.
//!
//! Every reader behind us must see the operations that we see, however lenient it is, so what two readers could take
//! differently is a [`Fault`]: doubled members and headers, almost-known names, headers that contradict the body.
//!
//! ```
//! use mcp_core::{Endpoint, Head, Opening, Target};
//!
//! let endpoint = Endpoint::default();
//! let fields: [(&[u8], &[u8]); 2] =
//!     [(b"content-type", b"application/json"), (b"mcp-protocol-version", b"2025-11-25")];
//! let head = Head { method: "POST", is_upgrade: false, has_body: true, fields: &fields };
//! let Ok(Opening::Body(reader)) = endpoint.open(&head) else { panic!("a POST has a body") };
//! let body = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete_file"}}"#;
//! let exchange = reader.read(body).unwrap();
//! assert_eq!(exchange.operations[0].target, Some(Target::Tool("delete_file".into())));
//! ```

pub mod answer;
mod body;
mod compared;
mod content;
mod endpoint;
mod fault;
mod flaw;
mod headers;
pub mod matching;
mod members;
mod message;
mod operation;
mod origin;
mod pattern;
mod resource_uri;
mod revision;
pub mod spelling;
mod stateless;

pub use body::BodyReader;
pub use compared::Compared;
pub use endpoint::{Endpoint, Exchange, Head, Opening, Reads};
pub use fault::Fault;
pub use flaw::Flaw;
pub use headers::ParamHeader;
pub use matching::{McpMatch, RawMcpMatch};
pub use operation::{Arguments, Kind, Operation, RequestId, Target};
pub use origin::Origins;
pub use revision::Revision;
