//! Why a request is no MCP request that could be judged, and what each reason means on the wire.

use crate::answer;

/// Why a request is refused before any policy saw it. It carries no text of the request, so it is safe in answers,
/// logs and metric names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each variant is described once, in the table of `facts`")]
pub enum Flaw {
    UpgradeRefused,
    OriginNotAllowed,
    MethodNotAllowed,
    StreamNotAccepted,
    BodyUnexpected,
    ContentTypeRefused,
    ContentEncodingRefused,
    BodyTooLarge,
    HeaderDuplicate,
    HeaderMalformed,
    HeaderMissing,
    HeaderMismatch,
    BodyNeeded,
    VersionUnsupported,
    SessionMissing,
    SessionMalformed,
    JsonMalformed,
    MemberDuplicate,
    MemberSpelling,
    TooDeep,
    TooManyOperations,
    BatchRefused,
    MessageMalformed,
    IdMalformed,
    ParamsMalformed,
    ResourceAmbiguous,
    MetaMissing,
}

/// JSON-RPC 2.0 §5.1
const PARSE_ERROR: i64 = -32700;
/// JSON-RPC 2.0 §5.1
const INVALID_REQUEST: i64 = -32600;
/// JSON-RPC 2.0 §5.1; MCP 2026-07-28 asks for it where `_meta` lacks a member.
const INVALID_PARAMS: i64 = -32602;
/// MCP 2026-07-28, "Error Codes"; drafts had -32001.
const HEADER_MISMATCH: i64 = -32020;
/// MCP 2026-07-28, "Error Codes".
const UNSUPPORTED_PROTOCOL_VERSION: i64 = -32022;

/// What one flaw means on the wire.
struct Facts {
    status: u16,
    rpc_code: i64,
    code: &'static str,
    message: &'static str,
}

const fn facts(status: u16, rpc_code: i64, code: &'static str, message: &'static str) -> Facts {
    Facts { status, rpc_code, code, message }
}

impl Flaw {
    /// Every flaw, for metric registration and exhaustive tests.
    pub const ALL: &'static [Self] = &[
        Self::UpgradeRefused,
        Self::OriginNotAllowed,
        Self::MethodNotAllowed,
        Self::StreamNotAccepted,
        Self::BodyUnexpected,
        Self::ContentTypeRefused,
        Self::ContentEncodingRefused,
        Self::BodyTooLarge,
        Self::HeaderDuplicate,
        Self::HeaderMalformed,
        Self::HeaderMissing,
        Self::HeaderMismatch,
        Self::BodyNeeded,
        Self::VersionUnsupported,
        Self::SessionMissing,
        Self::SessionMalformed,
        Self::JsonMalformed,
        Self::MemberDuplicate,
        Self::MemberSpelling,
        Self::TooDeep,
        Self::TooManyOperations,
        Self::BatchRefused,
        Self::MessageMalformed,
        Self::IdMalformed,
        Self::ParamsMalformed,
        Self::ResourceAmbiguous,
        Self::MetaMissing,
    ];

    const fn facts(self) -> Facts {
        match self {
            // RFC 9110 §7.8, §9.3.6: what follows is no request that could be judged.
            Self::UpgradeRefused => {
                facts(403, answer::FORBIDDEN, "upgrade_refused", "protocol upgrades are not accepted here")
            }
            // MCP, Streamable HTTP, "Security": a page of another origin, perhaps by DNS rebinding.
            Self::OriginNotAllowed => {
                facts(403, answer::FORBIDDEN, "origin_not_allowed", "requests of this origin are not accepted")
            }
            // RFC 9110 §15.5.6.
            Self::MethodNotAllowed => {
                facts(405, INVALID_REQUEST, "method_not_allowed", "the HTTP method is not one of an MCP endpoint")
            }
            // MCP, Streamable HTTP, "Listening for Messages"; RFC 9110 §15.5.7.
            Self::StreamNotAccepted => {
                facts(406, INVALID_REQUEST, "stream_not_accepted", "a GET must accept text/event-stream")
            }
            // A body that nobody asked for could hold a message that nobody judges.
            Self::BodyUnexpected => facts(400, INVALID_REQUEST, "body_unexpected", "only a POST has a body here"),
            // RFC 9110 §15.5.16.
            Self::ContentTypeRefused => {
                facts(415, INVALID_REQUEST, "content_type_refused", "the body must be application/json in UTF-8")
            }
            // RFC 9110 §15.5.16, §8.4.
            Self::ContentEncodingRefused => {
                facts(415, INVALID_REQUEST, "content_encoding_refused", "the body must not be encoded")
            }
            // RFC 9110 §15.5.14.
            Self::BodyTooLarge => facts(413, INVALID_REQUEST, "body_too_large", "the request body is too large"),
            // RFC 9110 §5.3: two readers would take different ones.
            Self::HeaderDuplicate => {
                facts(400, HEADER_MISMATCH, "mcp_header_duplicate", "an MCP header occurs more than once")
            }
            // MCP 2026-07-28, "Server Validation": invalid characters, bad base64.
            Self::HeaderMalformed => facts(400, HEADER_MISMATCH, "mcp_header_malformed", "an MCP header is malformed"),
            // MCP 2026-07-28, "Server Validation".
            Self::HeaderMissing => {
                facts(400, HEADER_MISMATCH, "mcp_header_missing", "a required MCP header is missing")
            }
            // MCP 2026-07-28, "Server Validation".
            Self::HeaderMismatch => {
                facts(400, HEADER_MISMATCH, "mcp_header_mismatch", "an MCP header does not say what the body says")
            }
            // What only the body tells cannot be judged by headers.
            Self::BodyNeeded => facts(
                400,
                INVALID_REQUEST,
                "mcp_body_needed",
                "requests are judged by their headers here, which do not tell enough of this one",
            ),
            // MCP 2026-07-28, "Protocol Version Header"; older revisions ask for the 400 alone.
            Self::VersionUnsupported => facts(
                400,
                UNSUPPORTED_PROTOCOL_VERSION,
                "mcp_version_unsupported",
                "the protocol version is not supported",
            ),
            // MCP 2025-11-25, "Session Management".
            Self::SessionMissing => {
                facts(400, INVALID_REQUEST, "mcp_session_missing", "a DELETE must name its session")
            }
            // MCP 2025-11-25, "Session Management": visible ASCII, one value.
            Self::SessionMalformed => {
                facts(400, INVALID_REQUEST, "mcp_session_malformed", "the session id is malformed or occurs twice")
            }
            // JSON-RPC 2.0 §5.1, RFC 8259 §8.1.
            Self::JsonMalformed => facts(400, PARSE_ERROR, "json_malformed", "the body is not one JSON value in UTF-8"),
            // RFC 8259 §4: two readers would take different ones.
            Self::MemberDuplicate => {
                facts(400, INVALID_REQUEST, "json_member_duplicate", "an object of the body has a member twice")
            }
            // Readers that ignore case would take it for the real one.
            Self::MemberSpelling => facts(
                400,
                INVALID_REQUEST,
                "json_member_spelling",
                "a member of the message is spelt almost like a known one",
            ),
            // RFC 8259 §9.
            Self::TooDeep => facts(400, INVALID_REQUEST, "json_too_deep", "the body is nested too deep"),
            // The bound is ours.
            Self::TooManyOperations => {
                facts(400, INVALID_REQUEST, "mcp_too_many_operations", "the body asks for too many things at once")
            }
            // MCP 2025-06-18, changelog: batching removed. An empty batch is none (JSON-RPC 2.0 §6).
            Self::BatchRefused => facts(400, INVALID_REQUEST, "mcp_batch_refused", "this batch is not accepted"),
            // JSON-RPC 2.0 §4, §5; MCP base protocol, "Messages".
            Self::MessageMalformed => facts(
                400,
                INVALID_REQUEST,
                "mcp_message_malformed",
                "the message is no JSON-RPC message of this revision",
            ),
            // MCP base protocol, "Requests": a string or an integer, never null.
            Self::IdMalformed => {
                facts(400, INVALID_REQUEST, "mcp_id_malformed", "the id must be a string or an integer")
            }
            // JSON-RPC 2.0 §4.2; MCP's schema.
            Self::ParamsMalformed => {
                facts(400, INVALID_PARAMS, "mcp_params_malformed", "the parameters are not those of the method")
            }
            // RFC 3986 §6: two readers could take it for different resources.
            Self::ResourceAmbiguous => {
                facts(400, INVALID_PARAMS, "mcp_resource_ambiguous", "the resource URI is not in its normal form")
            }
            // MCP 2026-07-28, "Per-request protocol fields".
            Self::MetaMissing => {
                facts(400, INVALID_PARAMS, "mcp_meta_missing", "a required member of _meta is missing or malformed")
            }
        }
    }

    /// HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.facts().status
    }

    /// Stable snake_case code for clients, logs and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.facts().code
    }

    /// The JSON-RPC error code.
    #[must_use]
    pub const fn rpc_code(self) -> i64 {
        self.facts().rpc_code
    }

    /// A fixed sentence for the developer of the client.
    #[must_use]
    pub const fn message(self) -> &'static str {
        self.facts().message
    }
}
