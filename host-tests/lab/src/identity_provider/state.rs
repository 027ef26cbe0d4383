//! What the endpoints share.

use std::{
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::Notify;

use super::{
    Endpoint, Level, User,
    authorization_details::DetailsType,
    client_authentication::Assertions,
    clients::Client,
    faults::Faults,
    grant::Grant,
    issued_tokens::{IssuedTokens, TokenForm},
    keys::Keys,
    one_time::OneTime,
    pushed_requests::PushedRequest,
    received::Received,
};
use crate::{mint::Token, unix_now};

pub(super) struct State {
    pub(super) issuer: String,
    pub(super) audience: String,
    pub(super) clients: Mutex<Vec<Arc<Client>>>,
    /// The scopes of clients that register themselves; none where nobody may.
    pub(super) open_registration: Option<Vec<String>>,
    /// The ways to sign in, weakest first.
    pub(super) levels: Vec<Level>,
    /// What may be asked for in `authorization_details`.
    pub(super) details_types: Vec<DetailsType>,
    /// For clients that are not told another one.
    pub(super) token_form: TokenForm,
    pub(super) user: Mutex<User>,
    pub(super) codes: Mutex<OneTime<Grant>>,
    pub(super) pushed_requests: Mutex<OneTime<PushedRequest>>,
    pub(super) tokens: Mutex<IssuedTokens>,
    pub(super) keys: Mutex<Keys>,
    pub(super) assertions: Mutex<Assertions>,
    pub(super) faults: Mutex<Faults>,
    /// Told whenever a fault is set or ends.
    pub(super) faults_changed: Notify,
    pub(super) received: Mutex<Vec<Received>>,
    pub(super) authorizations: Mutex<Vec<Vec<(String, String)>>>,
    pub(super) consent_pages: Mutex<Vec<String>>,
    /// By how many seconds the clock here is ahead of the real one; it wraps around for one that is behind.
    pub(super) ahead: AtomicU64,
}

impl State {
    /// The issuer without scheme and authority.
    pub(super) fn issuer_path(&self) -> &str {
        let rest = self.issuer.split_once("://").map_or(self.issuer.as_str(), |(_, rest)| rest);
        rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default().trim_end_matches('/')
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer.trim_end_matches('/'))
    }

    pub(super) fn now(&self) -> u64 {
        unix_now().wrapping_add(self.ahead.load(Ordering::Relaxed))
    }

    pub(super) fn set_clock(&self, unix_seconds: u64) {
        self.ahead.store(unix_seconds.wrapping_sub(unix_now()), Ordering::Relaxed);
    }

    pub(super) fn keys(&self) -> MutexGuard<'_, Keys> {
        lock(&self.keys)
    }

    pub(super) fn codes(&self) -> MutexGuard<'_, OneTime<Grant>> {
        lock(&self.codes)
    }

    pub(super) fn pushed_requests(&self) -> MutexGuard<'_, OneTime<PushedRequest>> {
        lock(&self.pushed_requests)
    }

    pub(super) fn tokens(&self) -> MutexGuard<'_, IssuedTokens> {
        lock(&self.tokens)
    }

    pub(super) fn user(&self) -> MutexGuard<'_, User> {
        lock(&self.user)
    }

    pub(super) fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }

    pub(super) fn change_faults(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.faults());
        self.faults_changed.notify_waiters();
    }

    /// Ends when an endpoint has no fault.
    pub(super) async fn recovered(self: Arc<Self>, endpoint: Endpoint) {
        loop {
            // Waits from here on, so that no change between the look and the wait is missed.
            let mut change = pin!(self.faults_changed.notified());
            change.as_mut().enable();
            if self.faults().of(endpoint).is_none() {
                return;
            }
            change.await;
        }
    }

    pub(super) fn assertions(&self) -> MutexGuard<'_, Assertions> {
        lock(&self.assertions)
    }

    pub(super) fn received(&self) -> MutexGuard<'_, Vec<Received>> {
        lock(&self.received)
    }

    pub(super) fn authorizations(&self) -> MutexGuard<'_, Vec<Vec<(String, String)>>> {
        lock(&self.authorizations)
    }

    pub(super) fn consent_pages(&self) -> MutexGuard<'_, Vec<String>> {
        lock(&self.consent_pages)
    }

    pub(super) fn clients(&self) -> MutexGuard<'_, Vec<Arc<Client>>> {
        lock(&self.clients)
    }

    pub(super) fn client(&self, id: &str) -> Option<Arc<Client>> {
        self.clients().iter().find(|client| client.id == id).cloned()
    }

    /// Writes a token in the form that its client gets, and remembers it.
    pub(super) fn issue(&self, token: Token) -> String {
        let claims = token.claims();
        let client = claims.get("client_id").and_then(serde_json::Value::as_str).and_then(|id| self.client(id));
        let form = client.as_ref().and_then(|client| client.token_form.as_ref()).unwrap_or(&self.token_form);
        let key = self.keys().current().clone();
        self.tokens().issue(token, form, &key)
    }
}

/// What a thread that panicked has left is as good as before: every change here is one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
