//! What the upstream answers to a request that went on with a credential of ours, or with none.
//!
//! Its challenges are about a token that the client never had, or could never send there, and a hostile one could send
//! the client to another authorization server: none reaches the client.

use filter_kit::{fields::Fields, policy::ResponseHead, token_source::Presented};
use http_auth::ChallengeParser;
use oauth_core::{
    challenge::Challenge,
    denial::{Denial, Reason},
    scope::{ScopeToken, Scopes},
    time::UnixTime,
    token_exchange::CacheKey,
};

use crate::{config::Settings, memory::Memory};

/// With what an answer is judged.
#[derive(Debug)]
pub struct Watched(Whose);

/// Whose token went on.
#[derive(Debug)]
enum Whose {
    /// One that we obtained for the target at this position: under this key, heard of then, with these scopes.
    Result { target: usize, key: CacheKey, heard: UnixTime, asked: Vec<ScopeToken> },
    /// The client's own.
    Client,
    /// A second one of the caller.
    Caller,
    /// None did.
    Nobody,
}

impl Watched {
    pub(crate) const fn of_result(target: usize, key: CacheKey, heard: UnixTime, asked: Vec<ScopeToken>) -> Self {
        Self(Whose::Result { target, key, heard, asked })
    }

    pub(crate) const fn of_client() -> Self {
        Self(Whose::Client)
    }

    pub(crate) const fn of_caller() -> Self {
        Self(Whose::Caller)
    }

    /// The client cannot meet a challenge of this upstream: whatever credential it sends ends here.
    pub(crate) const fn of_nobody() -> Self {
        Self(Whose::Nobody)
    }
}

/// The fields that are never passed on.
fn removed() -> Vec<String> {
    vec!["www-authenticate".to_owned()]
}

/// Judges an answer. Out: the names of fields to take out.
///
/// # Errors
/// The denial that the client gets instead.
pub(crate) fn judge(
    settings: &Settings,
    memory: &mut Memory,
    presented: &Presented,
    watched: Watched,
    response: &ResponseHead,
    now: UnixTime,
) -> Result<Vec<String>, Denial> {
    if !response.is_from_upstream {
        // Of the proxy, or of a filter after this one, whose word it is.
        return Ok(Vec::new());
    }
    match response.status {
        401 => refused(memory, presented, watched, now),
        403 => match needed(settings, &watched, response) {
            Some(scopes) => Err(Denial::challenged(Reason::InsufficientScope, challenge(presented, &scopes))),
            None => Ok(removed()),
        },
        _ => Ok(removed()),
    }
}

/// RFC 9110 §15.5.2 says that another credential may help. The client has none, unless it was its own.
fn refused(memory: &mut Memory, presented: &Presented, watched: Watched, now: UnixTime) -> Result<Vec<String>, Denial> {
    match watched.0 {
        Whose::Result { key, heard, .. } => {
            memory.drop_result(&key, heard, now);
            Err(Denial::plain(Reason::UpstreamRefusedToken))
        }
        Whose::Client => Err(Denial::challenged(Reason::SubjectTokenRefused, challenge(presented, &Scopes::default()))),
        Whose::Caller => Err(Denial::plain(Reason::SecondTokenRefused)),
        Whose::Nobody => Ok(removed()),
    }
}

fn challenge(presented: &Presented, needed: &Scopes) -> Challenge {
    match presented {
        Presented::Token(token) => token.challenge(needed.iter()),
        Presented::Public => Challenge::bearer().scope(needed.iter()),
    }
}

/// The client's scopes for those that the upstream says are lacking and that were not asked for: with them, they will be.
/// The others are not the client's to get; what the operator has not mapped, an upstream cannot make anybody ask for.
fn needed(settings: &Settings, watched: &Watched, response: &ResponseHead) -> Option<Scopes> {
    let Whose::Result { target, asked, .. } = &watched.0 else { return None };
    let grant = settings.targets.get(*target)?.require.grant()?;
    let lacking = insufficient_scope(&response.fields)?;
    let lacking = lacking.iter().filter(|scope| !asked.contains(scope));
    let scopes: Scopes = lacking.filter_map(|scope| grant.scope_map.get(scope)).cloned().collect();
    (!scopes.is_empty()).then_some(scopes)
}

/// RFC 6750 §3.1: the scopes of a challenge that says `insufficient_scope`.
fn insufficient_scope(fields: &Fields) -> Option<Scopes> {
    let texts = fields.all("www-authenticate").filter_map(|value| std::str::from_utf8(value).ok());
    texts.flat_map(ChallengeParser::new).map_while(Result::ok).find_map(|challenge| {
        let parameter = |name: &str| {
            let mut found = challenge.params.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
            let value = found.next()?.1.to_unescaped();
            found.next().is_none().then_some(value)
        };
        let says_so = challenge.scheme.eq_ignore_ascii_case("bearer")
            && parameter("error").as_deref() == Some("insufficient_scope");
        if says_so { Scopes::parse(&parameter("scope")?).ok() } else { None }
    })
}

#[cfg(test)]
mod tests {
    use plugin_checks::Dice;

    use super::*;

    /// A hostile next hop writes what it likes there, and a trap would stop the worker for everybody.
    #[test]
    fn no_challenge_however_written_is_a_fault_of_ours() {
        const PIECES: [&str; 27] = [
            "Bearer",
            "bearer",
            " ",
            "  ",
            "\t",
            ",",
            "=",
            "\"",
            "\\",
            "error",
            "scope",
            "insufficient_scope",
            "b:write",
            "\u{e9}",
            "\\\u{e9}",
            "\0",
            "x",
            "error=\"insufficient_scope\"",
            "scope=\"b:write\"",
            "scope=\"b\\\"",
            ";",
            "=\"",
            "\\\\",
            "\"\"",
            "/",
            "\u{7f}",
            ", Bearer ",
        ];
        let mut dice = Dice::new(1);
        for _ in 0..300_000 {
            let text: String = (0..dice.roll(14)).map(|_| dice.pick(&PIECES)).collect();
            let fields = [(b"www-authenticate".to_vec(), text.clone().into_bytes())].into_iter().collect();
            let read = insufficient_scope(&fields);
            assert!(read.is_none() || text.contains("insufficient_scope"), "{text:?}");
        }
    }
}
