//! The person at the browser, by script, and the ways in which the identity provider lets people sign in.

use serde_json::Value;

use super::authorization_details;

/// A way to sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    acr: String,
    amr: Vec<String>,
    auth_contexts: Vec<String>,
    scope: Option<String>,
}

impl Level {
    /// One that tokens call by this `acr`.
    #[must_use]
    pub fn new(acr: &str) -> Self {
        Self { acr: acr.to_owned(), amr: Vec::new(), auth_contexts: Vec::new(), scope: None }
    }

    /// The methods that it uses (RFC 8176).
    #[must_use]
    pub fn amr<S: Into<String>>(mut self, methods: impl IntoIterator<Item = S>) -> Self {
        self.amr = methods.into_iter().map(Into::into).collect();
        self
    }

    /// The authentication contexts of Microsoft Entra that it fulfils: what a token's `acrs` can hold.
    #[must_use]
    pub fn auth_contexts<S: Into<String>>(mut self, ids: impl IntoIterator<Item = S>) -> Self {
        self.auth_contexts = ids.into_iter().map(Into::into).collect();
        self
    }

    /// A scope that is granted only to who signs in so.
    #[must_use]
    pub fn for_scope(mut self, scope: &str) -> Self {
        self.scope = Some(scope.to_owned());
        self
    }

    pub(super) fn acr(&self) -> &str {
        &self.acr
    }

    pub(super) fn is_for_one_of(&self, scope: &str) -> bool {
        self.scope.as_deref().is_some_and(|own| scope.split(' ').any(|one| one == own))
    }

    pub(super) fn fulfils(&self, auth_context: &str) -> bool {
        self.auth_contexts.iter().any(|id| id == auth_context)
    }
}

/// Who decides when a browser opens the authorization endpoint. Approves whatever is asked, unless told otherwise.
#[derive(Clone, Debug)]
pub struct User {
    subject: String,
    reaches: Vec<String>,
    refuses: bool,
    stays_away: bool,
    narrows: Option<Vec<Value>>,
    session: Option<Session>,
    keeps_session: bool,
}

impl User {
    /// Somebody who can sign in at none of the levels yet.
    #[must_use]
    pub fn new(subject: &str) -> Self {
        Self {
            subject: subject.to_owned(),
            reaches: Vec::new(),
            refuses: false,
            stays_away: false,
            narrows: None,
            session: None,
            keeps_session: true,
        }
    }

    /// Can sign in at these levels, by their `acr`; the first is taken when a request asks for none.
    #[must_use]
    pub fn reaches<S: Into<String>>(mut self, acrs: impl IntoIterator<Item = S>) -> Self {
        self.reaches = acrs.into_iter().map(Into::into).collect();
        self
    }

    /// Has signed in at this level at this time (seconds since the epoch), and still has that session.
    #[must_use]
    pub fn signed_in(mut self, acr: &str, unix_seconds: u64) -> Self {
        self.session = Some(Session { acr: acr.to_owned(), auth_time: unix_seconds });
        self
    }

    /// Signs in for each request, so that a token says how the user signed in for this one, and nothing of those before:
    /// as issuers do that grant `acr` per request.
    #[must_use]
    pub fn keeps_no_session(mut self) -> Self {
        self.keeps_session = false;
        self
    }

    /// Says no to every request.
    #[must_use]
    pub fn refuses(mut self) -> Self {
        self.refuses = true;
        self
    }

    /// Approves no more than these `authorization_details`, a part of what will be asked for.
    #[must_use]
    pub fn narrows_to(mut self, details: impl IntoIterator<Item = Value>) -> Self {
        self.narrows = Some(details.into_iter().collect());
        self
    }

    /// Does not sign in: only a session that is there can serve.
    #[must_use]
    pub fn stays_away(mut self) -> Self {
        self.stays_away = true;
        self
    }

    /// Lets the user sign in, where the session does not do. `Err` is the error for the client.
    pub(super) fn authenticate(
        &mut self,
        levels: &[Level],
        demands: &Demands,
        now: u64,
    ) -> Result<Authentication, &'static str> {
        let session = match self.session.clone().filter(|session| demands.met_by(session, levels, now)) {
            Some(session) => session,
            None if demands.no_interaction => return Err("login_required"),
            None => self.sign_in(levels, demands, now)?,
        };
        let level = levels.iter().find(|level| level.acr == session.acr).ok_or("server_error")?;
        Ok(Authentication { subject: self.subject.clone(), auth_time: session.auth_time, level: level.clone() })
    }

    /// Asked last, as people are: after they have signed in. What is granted of the details; `Err` is the error for the
    /// client.
    pub(super) fn consent(&self, asked: &[Value]) -> Result<Vec<Value>, &'static str> {
        if self.refuses {
            return Err("access_denied");
        }
        match &self.narrows {
            None => Ok(asked.to_vec()),
            Some(_) if asked.is_empty() => Ok(Vec::new()),
            Some(part) if part.is_empty() => Err("access_denied"),
            // The page offers no more than was asked for.
            Some(part) if authorization_details::is_within(part, asked) => Ok(part.clone()),
            Some(_) => Err("server_error"),
        }
    }

    /// Signs in anew at the level that the request likes best. RFC 9470, section 5, and OpenID Connect's
    /// `unmet_authentication_requirements` name the error where there is none.
    fn sign_in(&mut self, levels: &[Level], demands: &Demands, now: u64) -> Result<Session, &'static str> {
        const UNMET: &str = "unmet_authentication_requirements";
        if self.stays_away {
            return Err(if demands.about_authentication() { UNMET } else { "login_required" });
        }
        let preferred = demands.acr.iter().flatten().chain(&self.reaches);
        let session = preferred
            .filter(|acr| self.reaches.contains(acr))
            .map(|acr| Session { acr: acr.clone(), auth_time: now })
            .find(|session| demands.allow_level(session, levels))
            .ok_or(UNMET)?;
        if self.keeps_session {
            self.session = Some(session.clone());
        }
        Ok(session)
    }
}

/// When the user signed in, and how.
#[derive(Clone, Debug)]
struct Session {
    acr: String,
    auth_time: u64,
}

/// What a request asks of the authentication.
#[derive(Clone, Debug, Default)]
pub(super) struct Demands {
    /// Of each list, one; in order of preference.
    pub(super) acr: Vec<Vec<String>>,
    /// Of each list, one.
    pub(super) auth_contexts: Vec<Vec<String>>,
    /// Seconds since the user signed in.
    pub(super) max_age: Option<u64>,
    /// `prompt=login`: a session does not do.
    pub(super) anew: bool,
    /// `prompt=none`: the user must not be bothered.
    pub(super) no_interaction: bool,
}

impl Demands {
    fn about_authentication(&self) -> bool {
        !self.acr.is_empty() || !self.auth_contexts.is_empty() || self.max_age.is_some()
    }

    fn met_by(&self, session: &Session, levels: &[Level], now: u64) -> bool {
        // 0 asks for a fresh sign-in, even in the same second (OpenID Connect Core 1.0, section 15.1).
        let fresh = self.max_age.is_none_or(|max| max > 0 && now.saturating_sub(session.auth_time) <= max);
        fresh && !self.anew && self.allow_level(session, levels)
    }

    fn allow_level(&self, session: &Session, levels: &[Level]) -> bool {
        levels.iter().find(|level| level.acr == session.acr).is_some_and(|level| {
            self.acr.iter().all(|any_of| any_of.contains(&level.acr))
                && self.auth_contexts.iter().all(|any_of| any_of.iter().any(|id| level.fulfils(id)))
        })
    }
}

/// An authentication that meets the demands, and the user's yes.
#[derive(Clone, Debug)]
pub(super) struct Authentication {
    pub(super) subject: String,
    pub(super) auth_time: u64,
    level: Level,
}

impl Authentication {
    pub(super) fn acr(&self) -> &str {
        &self.level.acr
    }

    pub(super) fn amr(&self) -> &[String] {
        &self.level.amr
    }

    pub(super) fn fulfils(&self, auth_context: &str) -> bool {
        self.level.fulfils(auth_context)
    }
}
