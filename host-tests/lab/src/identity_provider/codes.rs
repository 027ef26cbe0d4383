//! Authorization codes: each for one use, soon.

use std::collections::BTreeMap;

use super::{unguessable::unguessable, user::Authentication};

/// Seconds; RFC 6749, section 4.1.2, allows ten minutes at most.
const LIFETIME: u64 = 60;

/// What the user granted, and to whom.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) code_challenge: String,
    pub(super) scope: String,
    pub(super) resources: Vec<String>,
    pub(super) authentication: Authentication,
    /// For the claim `acrs`.
    pub(super) auth_contexts: Vec<String>,
    /// For the claim `xms_cc`.
    pub(super) capabilities: Vec<String>,
}

/// The codes that nobody has redeemed yet.
#[derive(Debug, Default)]
pub(super) struct Codes(BTreeMap<String, (u64, Grant)>);

impl Codes {
    /// A fresh code for a grant.
    pub(super) fn issue(&mut self, grant: Grant, now: u64) -> String {
        let code = unguessable();
        self.0.retain(|_, (expires_at, _)| *expires_at > now);
        self.0.insert(code.clone(), (now.saturating_add(LIFETIME), grant));
        code
    }

    /// Takes the grant out. Whatever becomes of the request, the code is used then.
    pub(super) fn redeem(&mut self, code: &str, now: u64) -> Option<Grant> {
        self.0.remove(code).filter(|(expires_at, _)| *expires_at > now).map(|(_, grant)| grant)
    }
}
