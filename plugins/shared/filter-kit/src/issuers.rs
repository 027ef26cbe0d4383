//! The issuers a filter trusts, their keys, and the tokens they have signed.

mod cache;
mod config;
mod fetching;

use std::{rc::Rc, time::Duration};

use oauth_core::{
    denial::Reason,
    issuer::Issuer,
    jose::{Crypto, GuestBudget, KeySet},
    key_source::{KeySchedule, KeyState},
    time::UnixTime,
    token::{Unverified, VerifiedToken},
};
use sha2::{Digest, Sha256};

use self::{
    cache::TokenCache,
    fetching::{Fetching, Source},
};
use crate::{
    audit, explanation, handoff,
    policy::{Callout, CalloutOutcome, Note},
};

pub use config::{RawCache, RawIssuer};
pub(crate) use config::{RawKeys, algorithms, cluster, https_url};

/// The issuers of a configuration.
#[derive(Debug)]
pub struct Issuers {
    trusted: Vec<TrustedIssuer>,
    /// Every configured identifier, those of entries with mistakes too; `None` if one could not be read.
    named: Option<Vec<String>>,
    clock_skew: Duration,
    cache_entries: usize,
    crypto: Crypto,
}

#[derive(Debug)]
struct TrustedIssuer {
    issuer: Issuer,
    keys: Keys,
}

#[derive(Debug)]
pub(crate) enum Keys {
    Inline(KeySet),
    Fetched { source: Source, schedule: KeySchedule },
}

/// What a worker has learned: fetched keys and verified tokens. Owned by the root context, so that it ends with its
/// configuration.
#[derive(Debug)]
pub struct Learned {
    /// By position of the issuer.
    fetching: Vec<Fetching>,
    cache: TokenCache<Authenticated>,
    guest_budget: Rc<GuestBudget>,
}

/// A token that one of the issuers has proven to be its own, and what is derived from it once.
#[derive(Debug)]
pub struct Authenticated {
    /// The token's claims and kind.
    pub token: VerifiedToken,
    /// The position of its issuer.
    pub issuer: usize,
    /// SHA-256 of the credential, base64url without padding.
    pub credential_sha256: String,
    /// Who acts, for the audit record.
    pub actors: audit::Record,
    /// For the hand-off.
    pub(crate) described: String,
}

/// What became of a token.
#[derive(Debug)]
pub enum Verification {
    /// Its issuer signed it, and it is of the right kind and time.
    Verified(Rc<Authenticated>),
    /// It is not to be trusted.
    Refused(Reason),
    /// Its issuer's keys are being fetched: ask again after this callout.
    AwaitKeys(Callout),
    /// Its issuer's keys cannot be had; a next attempt is made after this time.
    KeysUnavailable(Duration),
}

impl Issuers {
    /// Whether an issuer of this identifier may be configured, with mistakes or without: so that one mistake is not
    /// told again at every place that refers to it.
    #[must_use]
    pub fn may_name(&self, issuer: &str) -> bool {
        self.named.as_ref().is_none_or(|named| named.iter().any(|named| named == issuer))
    }

    /// The position of the issuer with this configured identifier.
    #[must_use]
    pub fn position(&self, identifier: &str) -> Option<usize> {
        self.trusted.iter().position(|trusted| trusted.issuer.issuer == identifier)
    }

    /// The issuer at a position.
    #[must_use]
    pub fn get(&self, position: usize) -> Option<&Issuer> {
        self.trusted.get(position).map(|trusted| &trusted.issuer)
    }

    /// The number of issuers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.trusted.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.trusted.is_empty()
    }

    /// The tolerance for the times of tokens.
    pub(crate) const fn clock_skew(&self) -> Duration {
        self.clock_skew
    }

    /// Who verifies signatures.
    pub(crate) const fn crypto(&self) -> Crypto {
        self.crypto
    }

    /// Says who verifies signatures from now on.
    pub fn equip(&mut self, crypto: Crypto) {
        self.crypto = crypto;
    }

    /// What a worker knows before any fetch.
    #[must_use]
    pub fn nothing_learned(&self) -> Learned {
        Learned {
            fetching: self.trusted.iter().map(|_| Fetching::default()).collect(),
            cache: TokenCache::new(self.cache_entries),
            guest_budget: Rc::default(),
        }
    }

    /// The callouts that are due: of fetches that start now, and of those that are under way.
    pub fn upkeep(&self, learned: &mut Learned, now: UnixTime) -> Vec<Callout> {
        let due = |(trusted, fetching): (&TrustedIssuer, &mut Fetching)| match &trusted.keys {
            Keys::Fetched { source, schedule } => {
                fetching.keys.start_if_due(*schedule, now).then(|| fetching.callout(source)).flatten()
            }
            Keys::Inline(_) => None,
        };
        self.trusted.iter().zip(&mut learned.fetching).filter_map(due).collect()
    }

    /// Takes in the end of a callout. Out: what to log.
    pub fn learn(&self, learned: &mut Learned, key: &str, outcome: CalloutOutcome<'_>, now: UnixTime) -> Vec<Note> {
        for (position, (trusted, fetching)) in self.trusted.iter().zip(&mut learned.fetching).enumerate() {
            let Keys::Fetched { source, .. } = &trusted.keys else { continue };
            if fetching.callout(source).and_then(|callout| callout.key).as_deref() != Some(key) {
                continue;
            }
            let told = fetching.learn(source, &trusted.issuer.issuer, outcome, now);
            if told.keys_changed {
                // A removed key ends its tokens, cached ones too.
                learned.cache.forget(|known| known.issuer == position);
            }
            return told.notes;
        }
        Vec::new()
    }

    /// Authenticates a token: finds its issuer among those at the positions that `accepts` names, and verifies it with
    /// the keys of that issuer and of no other.
    ///
    /// `looked_again` is true once a callout for an unknown key has been waited for: then an unknown key is refused as
    /// soon as that fetch has ended.
    #[must_use]
    pub fn authenticate(
        &self,
        learned: &mut Learned,
        token: &str,
        accepts: impl Fn(usize) -> bool,
        looked_again: bool,
        now: UnixTime,
    ) -> Verification {
        let key = learned.cache.key(token);
        if let Some(known) = learned.cache.get(key, token) {
            return self.again(learned, known, accepts, now);
        }
        let unverified = match Unverified::parse(token) {
            Ok(unverified) => unverified.checked_by(self.crypto).within(&learned.guest_budget),
            Err(reason) => return Verification::Refused(reason),
        };
        let claimed = unverified.issuer().unwrap_or_default();
        let mut named = self.trusted.iter().enumerate().filter(|(_, trusted)| trusted.issuer.is_named(claimed));
        // An issuer that is not accepted here is as unknown as any other.
        let Some((position, trusted)) = named.find(|(position, _)| accepts(*position)) else {
            return Verification::Refused(Reason::UnknownIssuer);
        };
        let profile = trusted.issuer.profile;
        let verify = |issuer: &Issuer, keys: &KeySet| unverified.verify(issuer, keys, now, self.clock_skew);
        match self.with_keys(learned, position, looked_again, now, verify) {
            Ok(verified) => {
                let credential_sha256 = credential_sha256(token);
                let authenticated = Rc::new(Authenticated {
                    actors: audit::actors(&verified, &credential_sha256),
                    described: handoff::described(&verified, profile, &credential_sha256),
                    credential_sha256,
                    token: verified,
                    issuer: position,
                });
                learned.cache.verified(key, token, &authenticated);
                Verification::Verified(authenticated)
            }
            Err(verification) => *verification,
        }
    }

    /// Makes a check with the keys of the issuer at a position, once they are there. If it knows none of them
    /// ([`Reason::UnknownKey`]), they are looked for again, unless that was done.
    ///
    /// # Errors
    /// What else is to be said: never [`Verification::Verified`].
    pub(crate) fn with_keys<T>(
        &self,
        learned: &mut Learned,
        position: usize,
        looked_again: bool,
        now: UnixTime,
        check: impl FnOnce(&Issuer, &KeySet) -> Result<T, Reason>,
    ) -> Result<T, Box<Verification>> {
        let Some(trusted) = self.trusted.get(position) else {
            return Err(Box::new(Verification::Refused(Reason::UnknownIssuer)));
        };
        let keys = match &trusted.keys {
            Keys::Inline(set) => set,
            Keys::Fetched { source, schedule } => {
                self.fetched(learned, position, source, *schedule, now)?;
                match learned.fetching.get(position).map(|fetching| fetching.keys.state(*schedule, now)) {
                    Some(KeyState::Ready(set)) => set,
                    _ => return Err(Box::new(Verification::KeysUnavailable(schedule.cooldown))),
                }
            }
        };
        match check(&trusted.issuer, keys) {
            Ok(checked) => Ok(checked),
            Err(Reason::UnknownKey) => Err(Box::new(self.look_again(learned, position, looked_again, now))),
            Err(reason) => Err(Box::new(Verification::Refused(reason))),
        }
    }

    /// What a record says of a token that was refused for `reason`.
    #[must_use]
    pub fn explain(&self, token: &str, reason: Reason, now: UnixTime) -> audit::Record {
        let of_issuer = |claimed: &str| self.trusted.iter().find(|trusted| trusted.issuer.is_named(claimed));
        explanation::of_token(token, |claimed| of_issuer(claimed).map(|trusted| trusted.issuer.profile), reason, now)
    }

    /// A token that was verified before: its issuer must be accepted here and its keys still hold, and time has gone on.
    fn again(
        &self,
        learned: &mut Learned,
        known: Rc<Authenticated>,
        accepts: impl Fn(usize) -> bool,
        now: UnixTime,
    ) -> Verification {
        let position = known.issuer;
        let Some(trusted) = self.trusted.get(position).filter(|_| accepts(position)) else {
            return Verification::Refused(Reason::UnknownIssuer);
        };
        if let Keys::Fetched { source, schedule } = &trusted.keys
            && let Err(verification) = self.fetched(learned, position, source, *schedule, now)
        {
            return *verification;
        }
        match known.token.claims().require_current(now, self.clock_skew) {
            Ok(()) => Verification::Verified(known),
            Err(reason) => Verification::Refused(reason),
        }
    }

    /// Whether fetched keys hold; what to do else.
    fn fetched(
        &self,
        learned: &mut Learned,
        position: usize,
        source: &Source,
        schedule: KeySchedule,
        now: UnixTime,
    ) -> Result<(), Box<Verification>> {
        let unavailable = Verification::KeysUnavailable(schedule.cooldown);
        let Some(fetching) = learned.fetching.get_mut(position) else { return Err(Box::new(unavailable)) };
        match fetching.keys.state(schedule, now) {
            KeyState::Ready(_) => Ok(()),
            KeyState::Unavailable => Err(Box::new(unavailable)),
            KeyState::Loading => {
                fetching.keys.start_if_due(schedule, now);
                Err(Box::new(fetching.callout(source).map_or(unavailable, Verification::AwaitKeys)))
            }
        }
    }

    /// A token names a key that is not in the set: the set may have been rotated since. A fetch of several callouts, as
    /// discovery has them, is waited for to its end, and no second one is started.
    fn look_again(&self, learned: &mut Learned, position: usize, looked_again: bool, now: UnixTime) -> Verification {
        let refused = Verification::Refused(Reason::UnknownKey);
        let (Some(trusted), Some(fetching)) = (self.trusted.get(position), learned.fetching.get_mut(position)) else {
            return refused;
        };
        let Keys::Fetched { source, schedule } = &trusted.keys else { return refused };
        let on_its_way = if looked_again {
            fetching.keys.is_under_way()
        } else {
            fetching.keys.start_for_unknown_key(*schedule, now)
        };
        let callout = on_its_way.then(|| fetching.callout(source)).flatten();
        callout.map_or(refused, Verification::AwaitKeys)
    }
}

/// SHA-256 of a credential, base64url without padding: names it without telling it.
#[must_use]
pub fn credential_sha256(credential: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(Sha256::digest(credential))
}
