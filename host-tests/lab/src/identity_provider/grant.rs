//! What the user granted, and to whom.

use serde_json::Value;

use super::user::Authentication;

/// What stands behind an authorization code.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) code_challenge: String,
    pub(super) scope: Option<String>,
    pub(super) resources: Vec<String>,
    pub(super) details: Vec<Value>,
    pub(super) authentication: Authentication,
    /// For the claim `acrs`.
    pub(super) auth_contexts: Vec<String>,
    /// For the claim `xms_cc`.
    pub(super) capabilities: Vec<String>,
}
