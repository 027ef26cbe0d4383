//! Asking the authorization server about a token (RFC 7662), for whoever needs its word: one flight for all requests with
//! the same token, and answers kept for a while.

mod answers;
mod config;
mod details;

use std::{collections::VecDeque, rc::Rc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use oauth_core::{
    client_credential::ClientCredential,
    https_url::HttpsUrl,
    introspection::{
        Active, Introspected, Signing, Unreadable, Wanted, build_request, process_response, process_signed_response,
        require_askable,
    },
    issuer::Issuer,
    jose::Crypto,
    reason::Reason,
    time::UnixTime,
};
use sha2::{Digest as _, Sha256};

use self::answers::{Answers, Digest, Word};
use crate::{
    crypto::{CryptoChoice, CryptoNeeds},
    issuers::{self, Issuers, Verification},
    pending::{Asker, Bounds, Pending},
    policy::{Callout, CalloutOutcome, Note},
};

pub(crate) use answers::Limits;
pub use config::RawIntrospection;
pub(crate) use config::{RawAnswerCache, RawSigned};
pub use details::Details;

/// An authorization server that is asked about tokens.
#[derive(Debug)]
pub struct Introspection {
    /// Where it is configured, which makes the keys of its callouts its own.
    place: String,
    /// The one whose tokens it knows, with the keys that prove its answers if these are signed.
    issuers: Issuers,
    signing: Option<Signing>,
    client: ClientCredential,
    cluster: String,
    endpoint: HttpsUrl,
    timeout: Duration,
    limits: Limits,
}

/// What a worker has learned from it.
#[derive(Debug)]
pub struct Learned {
    keys: issuers::Learned,
    answers: Answers,
    /// The questions on their way.
    pub(crate) pending: Pending,
    /// The last flight and what it brought, for the requests that resume because of it.
    landed: Option<(String, Landed)>,
    /// Flights whose answers wait for the keys that prove them, oldest first.
    unproven: VecDeque<(String, Rc<[u8]>)>,
    is_down: bool,
}

/// What a flight brought.
#[derive(Clone, Debug)]
enum Landed {
    Said(Word),
    /// The answer cannot be checked before its issuer's keys are there.
    AwaitKeys(Callout),
    Nothing(Duration),
}

/// What became of a question.
#[derive(Debug)]
pub(crate) enum Asked {
    Active(Rc<Active>),
    /// Ask again after this callout.
    Await(Callout),
    /// The token is not to be accepted; for an outage with the time after which another attempt makes sense.
    Refused(Reason, Option<Duration>),
}

/// So many answers may wait for keys at a time. Each is as long as a token at most.
const MOST_UNPROVEN: usize = 64;

/// Everybody may invent tokens, and each is a question.
const MOST_PENDING: Bounds = Bounds { of_one: 64, in_all: 512 };

/// When to come back after an outage.
const RETRY_AFTER: Duration = Duration::from_secs(5);

impl Introspection {
    /// The issuer whose tokens it knows.
    pub(crate) fn issuers(&self) -> &Issuers {
        &self.issuers
    }

    /// The same, by itself.
    pub(crate) fn issuer(&self) -> Option<&Issuer> {
        self.issuers.get(0)
    }

    /// The tolerance for times.
    pub(crate) const fn clock_skew(&self) -> Duration {
        self.issuers.clock_skew()
    }

    /// What a worker knows before any question.
    #[must_use]
    pub fn nothing_learned(&self) -> Learned {
        Learned {
            keys: self.issuers.nothing_learned(),
            answers: Answers::new(self.limits),
            pending: Pending::new(MOST_PENDING),
            landed: None,
            unproven: VecDeque::new(),
            is_down: false,
        }
    }

    /// See [`crate::background::Background::crypto`].
    #[must_use]
    pub fn crypto(&self) -> CryptoNeeds {
        if self.signing.is_some() { CryptoNeeds::verifying(CryptoChoice::Auto) } else { CryptoNeeds::default() }
    }

    /// See [`crate::background::Background::equip`].
    pub fn equip(&mut self, crypto: Crypto) {
        self.issuers.equip(crypto);
    }

    /// See [`crate::background::Background::upkeep`].
    pub fn upkeep(&self, learned: &mut Learned, now: UnixTime) -> Vec<Callout> {
        self.issuers.upkeep(&mut learned.keys, now)
    }

    /// See [`crate::background::Background::learn`].
    pub fn learn(&self, learned: &mut Learned, key: &str, outcome: CalloutOutcome<'_>, now: UnixTime) -> Vec<Note> {
        if !key.starts_with(&self.flight_prefix()) {
            return self.issuers.learn(&mut learned.keys, key, outcome, now);
        }
        learned.pending.ended(key);
        learned.unproven.retain(|(flight, _)| flight != key);
        let (landed, fault) = match outcome {
            CalloutOutcome::Answer { body, .. } => match self.process(learned, body, false, now) {
                Ok(landed) => {
                    if let Landed::AwaitKeys(_) = landed {
                        learned.unproven.push_back((key.to_owned(), body.into()));
                        let _ = (learned.unproven.len() > MOST_UNPROVEN).then(|| learned.unproven.pop_front());
                    }
                    (landed, None)
                }
                Err(unreadable) => (Landed::Nothing(RETRY_AFTER), Some(unreadable.to_string())),
            },
            CalloutOutcome::Failed(fault) => (Landed::Nothing(RETRY_AFTER), Some(fault.to_string())),
        };
        learned.landed = Some((key.to_owned(), landed));
        // Told when it changes: in an outage there is a question for every request.
        let was_down = std::mem::replace(&mut learned.is_down, fault.is_some());
        let cluster = &self.cluster;
        match fault {
            Some(why) if !was_down => vec![Note::Warn(format!("introspection by the cluster {cluster} failed: {why}"))],
            None if was_down => vec![Note::Info(format!("introspection by the cluster {cluster} works again"))],
            _ => Vec::new(),
        }
    }

    /// Asks about a token, if there is no answer to be had without.
    ///
    /// `asker` is who presents it, if that is known: one may have so many questions on their way, and so may all together.
    /// `has_waited_for` says whether the request has waited for the callout of a key: then its answer is there, or there
    /// is none.
    pub(crate) fn ask(
        &self,
        learned: &mut Learned,
        token: &str,
        asker: Option<Asker>,
        has_waited_for: impl FnOnce(&str) -> bool,
        now: UnixTime,
    ) -> Asked {
        let Some(issuer) = self.issuer() else { return Asked::Refused(Reason::InternalFault, None) };
        if let Err(reason) = require_askable(token, issuer) {
            return Asked::Refused(reason, None);
        }
        let digest: Digest = Sha256::digest(token).into();
        if let Some(word) = learned.answers.get(&digest, now) {
            return said(word);
        }
        let flight = format!("{}{}", self.flight_prefix(), URL_SAFE_NO_PAD.encode(digest));
        if !has_waited_for(&flight) {
            if let Err(crowded) = learned.pending.require_room(&flight, asker, now) {
                return Asked::Refused(crowded.reason(), None);
            }
            learned.pending.begun(&flight, asker, longest(self.timeout), now);
            return Asked::Await(self.question(token, flight));
        }
        match self.landed(learned, &flight, now) {
            Landed::Said(word) => {
                learned.answers.keep(digest, &word, now);
                said(word)
            }
            Landed::AwaitKeys(callout) => Asked::Await(callout),
            Landed::Nothing(wait) => Asked::Refused(Reason::IntrospectionUnavailable, Some(wait)),
        }
    }

    /// What a flight has brought; of another one nothing may be taken.
    fn landed(&self, learned: &mut Learned, flight: &str, now: UnixTime) -> Landed {
        let unproven = learned.unproven.iter().find(|(of, _)| of == flight).map(|(_, answer)| Rc::clone(answer));
        match (&learned.landed, unproven) {
            (Some((of, landed)), _) if of == flight && !matches!(landed, Landed::AwaitKeys(_)) => landed.clone(),
            // As long as the fetch of keys is under way, it is waited for; then they are there, or nothing is proven.
            (_, Some(answer)) => self.process(learned, &answer, true, now).unwrap_or(Landed::Nothing(RETRY_AFTER)),
            _ => Landed::Nothing(RETRY_AFTER),
        }
    }

    fn question(&self, token: &str, flight: String) -> Callout {
        let wanted = if self.signing.is_some() { Wanted::Signed } else { Wanted::Json };
        let post = build_request(token, &self.client, wanted);
        Callout {
            key: Some(flight),
            across_workers: false,
            cluster: self.cluster.clone(),
            method: "POST",
            authority: self.endpoint.authority(),
            path: self.endpoint.target(),
            headers: post.headers,
            body: post.body.into_bytes(),
            timeout: self.timeout,
            expect: &[200],
        }
    }

    fn flight_prefix(&self) -> String {
        format!("introspection:{}:", self.place)
    }

    fn process(
        &self,
        learned: &mut Learned,
        body: &[u8],
        looked_again: bool,
        now: UnixTime,
    ) -> Result<Landed, Unreadable> {
        let Some(signing) = &self.signing else { return process_response(body).map(landed) };
        let (crypto, skew) = (self.issuers.crypto(), self.issuers.clock_skew());
        let check = |_: &Issuer, keys: &_| match process_signed_response(body, signing, keys, crypto, now, skew) {
            Err(Unreadable::NotProven(Reason::UnknownKey)) => Err(Reason::UnknownKey),
            read => Ok(read),
        };
        match self.issuers.with_keys(&mut learned.keys, 0, looked_again, now, check) {
            Ok(read) => read.map(landed),
            Err(verification) => match *verification {
                Verification::AwaitKeys(callout) => Ok(Landed::AwaitKeys(callout)),
                Verification::KeysUnavailable(wait) => Ok(Landed::Nothing(wait)),
                Verification::Refused(reason) => Err(Unreadable::NotProven(reason)),
                Verification::Verified(_) => Err(Unreadable::NoVerdict),
            },
        }
    }
}

/// How long a question takes at the most, with what the driver adds to the proxy's own timeout.
fn longest(timeout: Duration) -> Duration {
    timeout.saturating_add(Duration::from_secs(2))
}

fn landed(introspected: Introspected) -> Landed {
    Landed::Said(match introspected {
        Introspected::Active(active) => Word::Active(Rc::new(active)),
        Introspected::Inactive => Word::Inactive,
    })
}

fn said(word: Word) -> Asked {
    match word {
        Word::Active(active) => Asked::Active(active),
        Word::Inactive => Asked::Refused(Reason::TokenInactive, None),
    }
}
