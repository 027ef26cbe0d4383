//! What this filter brings into the way of a request.

use filter_kit::{
    background::Background,
    crypto::{CryptoChoice, CryptoNeeds},
    flow::{Common, Judge, Judging, Subject, Verdict},
    path::Ambiguous,
    policy::{Callout, CalloutOutcome, Count, Note, ResponseHead},
    request::RequestHead,
    rules::Rule,
    token_source::{HandedOver, Presented},
};
use oauth_core::{config::Problems, denial::Denial, jose::Crypto, time::UnixTime};

use crate::{
    answers::{self, Watched},
    config::{Settings, Target},
    exchanging,
    forwarding::Kept,
    health,
    memory::Memory,
    proving, verdict,
};

/// The policy of this filter.
pub type TokenExchange = Judging<ExchangeJudge>;

/// What is particular to it.
#[derive(Debug)]
pub struct ExchangeJudge;

impl Background for ExchangeJudge {
    type Settings = Settings;
    type Shared = Memory;

    fn crypto(settings: &Settings) -> CryptoNeeds {
        let signs = settings.servers.iter().any(|server| server.client.is_signed_by_hosts());
        let auto = |is_needed: bool| is_needed.then_some(CryptoChoice::Auto);
        CryptoNeeds { verify: auto(settings.issuers.is_some()), sign: auto(signs) }
    }

    fn equip(settings: &mut Settings, crypto: Crypto) {
        if let Some(issuers) = &mut settings.issuers {
            issuers.equip(crypto);
        }
        for server in &mut settings.servers {
            server.client.equip(crypto);
        }
    }

    fn counts(settings: &Settings, memory: &mut Memory) -> Vec<Count> {
        health::counts(settings, memory)
    }

    fn learn(
        settings: &Settings,
        memory: &mut Memory,
        key: &str,
        outcome: CalloutOutcome<'_>,
        now: UnixTime,
    ) -> Vec<Note> {
        if let (Some(key), Some(issuers), Some(learned)) =
            (proving::theirs(key), &settings.issuers, &mut memory.issuers)
        {
            return issuers.learn(learned, key, outcome, now);
        }
        exchanging::learn(settings, memory, key, outcome, now)
    }

    fn publish(_: &Settings, memory: &mut Memory, key: &str, nonce: [u8; 24], now: UnixTime) -> Option<Vec<u8>> {
        exchanging::publish(memory, key, nonce, now)
    }

    fn adopt(settings: &Settings, memory: &mut Memory, key: &str, sealed: &[u8], now: UnixTime) -> bool {
        exchanging::adopt(settings, memory, key, sealed, now)
    }

    fn upkeep(settings: &Settings, memory: &mut Memory, now: UnixTime) -> Vec<Callout> {
        memory.tidy(now);
        match (&settings.issuers, &mut memory.issuers) {
            (Some(issuers), Some(learned)) => issuers.upkeep(learned, now).into_iter().map(proving::ours).collect(),
            _ => Vec::new(),
        }
    }
}

impl Judge for ExchangeJudge {
    const NAME: &'static str = "token_exchange";
    const AUDIT: &'static str = "fourleg.audit.token_exchange";
    type Require = Target;
    type Kept = Kept;
    type Watched = Watched;

    fn configure(document: &[u8]) -> Result<(Settings, Memory), Problems> {
        let settings = Settings::read(document)?;
        let memory = Memory::new(&settings);
        Ok((settings, memory))
    }

    fn common(settings: &Settings) -> &Common {
        &settings.common
    }

    fn common_mut(settings: &mut Settings) -> &mut Common {
        &mut settings.common
    }

    fn rules(settings: &Settings) -> &[Rule<Target>] {
        &settings.targets
    }

    fn fields_for_us(settings: &Settings) -> &[String] {
        &settings.fields_for_us
    }

    fn keep(settings: &Settings, request: &RequestHead) -> Kept {
        Kept::of(settings, request)
    }

    fn judge<'a>(
        settings: &'a Settings,
        memory: &mut Memory,
        token: &HandedOver,
        subject: Subject<'a, Kept>,
        now: UnixTime,
    ) -> Result<Verdict<'a, Watched>, Ambiguous> {
        verdict::judge(settings, memory, token, subject, now)
    }

    fn judge_public<'a>(settings: &'a Settings, subject: Subject<'a, Kept>) -> Result<Verdict<'a, Watched>, Ambiguous> {
        verdict::judge_public(settings, subject)
    }

    fn answered(
        settings: &Settings,
        memory: &mut Memory,
        presented: &Presented,
        watched: Watched,
        response: &ResponseHead,
        now: UnixTime,
    ) -> Result<Vec<String>, Denial> {
        answers::judge(settings, memory, presented, watched, response, now)
    }
}
