//! What the upstream answers to a request that went on with a credential of ours.
//!
//! Its challenges are about a token that the client never had, and a hostile one could send the client to another
//! authorization server: none reaches the client.

use filter_kit::{fields::Fields, policy::ResponseHead, token_source::Presented};
use http_auth::ChallengeParser;
use oauth_core::{
    challenge::Challenge,
    denial::{Denial, Reason},
    resource_metadata::challenge_for,
    scope::{ScopeToken, Scopes},
    time::UnixTime,
    token_exchange::CacheKey,
};

use crate::{config::Settings, memory::Memory};

/// With what an answer is judged.
#[derive(Debug)]
pub struct Watched {
    target: usize,
    whose: Whose,
}

/// Whose token went on.
#[derive(Debug)]
enum Whose {
    /// One that we obtained: under this key, heard of then, with these scopes.
    Result { key: CacheKey, heard: UnixTime, asked: Vec<ScopeToken> },
    /// The client's own.
    Client,
    /// A second one of the caller.
    Caller,
}

impl Watched {
    pub(crate) const fn of_result(target: usize, key: CacheKey, heard: UnixTime, asked: Vec<ScopeToken>) -> Self {
        Self { target, whose: Whose::Result { key, heard, asked } }
    }

    pub(crate) const fn of_client(target: usize) -> Self {
        Self { target, whose: Whose::Client }
    }

    pub(crate) const fn of_caller(target: usize) -> Self {
        Self { target, whose: Whose::Caller }
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
        401 => Err(refused(memory, presented, watched, now)),
        403 => match needed(settings, &watched, response) {
            Some(scopes) => {
                let challenge = challenge(presented).scope(scopes.iter().map(ScopeToken::as_str));
                Err(Denial::challenged(Reason::InsufficientScope, challenge))
            }
            None => Ok(removed()),
        },
        _ => Ok(removed()),
    }
}

/// RFC 9110 §15.5.2 says that another credential may help. The client has none, unless it was its own.
fn refused(memory: &mut Memory, presented: &Presented, watched: Watched, now: UnixTime) -> Denial {
    match watched.whose {
        Whose::Result { key, heard, .. } => {
            memory.drop_result(&key, heard, now);
            Denial::plain(Reason::UpstreamRefusedToken)
        }
        Whose::Client => Denial::challenged(Reason::SubjectTokenRefused, challenge(presented)),
        Whose::Caller => Denial::plain(Reason::SecondTokenRefused),
    }
}

fn challenge(presented: &Presented) -> Challenge {
    match presented {
        Presented::Token(token) => challenge_for(token.resource()),
        Presented::Public => Challenge::bearer(),
    }
}

/// The client's scopes for those that the upstream says are lacking and that were not asked for: with them, they will be.
/// The others are not the client's to get; what the operator has not mapped, an upstream cannot make anybody ask for.
fn needed(settings: &Settings, watched: &Watched, response: &ResponseHead) -> Option<Scopes> {
    let Whose::Result { asked, .. } = &watched.whose else { return None };
    let grant = settings.targets.get(watched.target)?.require.grant()?;
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
