//! What is measured: an Envoy for each case, and the tokens that it gets to see.

use std::{
    cell::Cell,
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    rc::Rc,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use fourleg_lab::{
    envoy::{Bootstrap, Config, EnvoyBinary, RunningEnvoy, WasmFilter, launch},
    mint::{Algorithm, Mint, Token, jwks, key, stranger},
    raw_client,
    wire::WireRequest,
};
use http::HeaderValue;
use serde_json::{Value, json};

const ISSUER: &str = "https://idp.example/realms/agents";
const RESOURCE: &str = "https://tools.example/mcp";
pub(crate) const HOST: &str = "tools.example";
pub(crate) const PATH: &str = "/mcp";

/// How many verified tokens audience-validation remembers by default. jwt_authn gets a cache of the same size.
const CACHE_ENTRIES: usize = 4096;

/// How many different tokens there are where every token is new.
///
/// To sign a token takes longer than to verify it, so there cannot be one for every request: they are sent in turn, and
/// each comes again only after all others. A cache that drops what is oldest or least used has then dropped it each
/// time, and one that drops at random nearly each time. Whether it was so is checked by the cache's own metrics.
pub(crate) const POOL: usize = 4 * CACHE_ENTRIES;
/// The same for `--quick`.
pub(crate) const SMALL_POOL: usize = CACHE_ENTRIES + CACHE_ENTRIES / 4;

/// Longer than any run.
const TOKENS_LIVE: u64 = 24 * 60 * 60;

const TIMEOUT: Duration = Duration::from_secs(10);

/// The modules that are measured.
pub(crate) struct Modules {
    pub audience_validation: PathBuf,
    nothing: PathBuf,
}

impl Modules {
    /// The filter as built, and the one that does nothing, written below `directory`.
    pub(crate) fn prepare(audience_validation: PathBuf, directory: &Path) -> Result<Self> {
        ensure!(audience_validation.exists(), "{} is missing: type `cargo xtask build`", audience_validation.display());
        fs::create_dir_all(directory)?;
        let nothing = directory.join("nothing.wasm");
        fs::write(&nothing, wat::parse_str(NOTHING)?)?;
        Ok(Self { audience_validation, nothing })
    }
}

/// A filter that takes every request's head and lets it go on: what is left is what Envoy does for any Wasm filter.
const NOTHING: &str = r#"(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 1024)
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_vm_start") (param i32 i32) (result i32) i32.const 1)
  (func (export "proxy_on_configure") (param i32 i32) (result i32) i32.const 1)
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) i32.const 0)
  (func (export "proxy_on_done") (param i32) (result i32) i32.const 1)
  (func (export "proxy_on_delete") (param i32)))"#;

/// What stands in the gateway, and what it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No filter: the measure of everything.
    Bare,
    /// A Wasm filter that does nothing: what no Wasm filter can do without.
    WasmNothing,
    /// Envoy's own filter, which verifies each token anew.
    JwtAuthn,
    /// The same with its cache, and one token repeated.
    JwtAuthnCached,
    /// audience-validation, every token new.
    AudienceNew,
    /// audience-validation, one token repeated.
    AudienceRepeated,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] = [
        Self::Bare,
        Self::WasmNothing,
        Self::JwtAuthn,
        Self::JwtAuthnCached,
        Self::AudienceNew,
        Self::AudienceRepeated,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare Envoy",
            Self::WasmNothing => "a Wasm filter that does nothing",
            Self::JwtAuthn => "jwt_authn, every token new",
            Self::JwtAuthnCached => "jwt_authn with its cache, one token",
            Self::AudienceNew => "audience_validation, every token new",
            Self::AudienceRepeated => "audience_validation, one token",
        }
    }

    /// Its name in the JSON file.
    pub(crate) const fn id(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::WasmNothing => "wasm_nothing",
            Self::JwtAuthn => "jwt_authn_new",
            Self::JwtAuthnCached => "jwt_authn_cache_repeated",
            Self::AudienceNew => "audience_validation_new",
            Self::AudienceRepeated => "audience_validation_repeated",
        }
    }

    /// The case of jwt_authn that does the same work.
    pub(crate) const fn rival(self) -> Option<Self> {
        match self {
            Self::AudienceNew => Some(Self::JwtAuthn),
            Self::AudienceRepeated => Some(Self::JwtAuthnCached),
            Self::Bare | Self::WasmNothing | Self::JwtAuthn | Self::JwtAuthnCached => None,
        }
    }

    const fn looks_at_tokens(self) -> bool {
        !matches!(self, Self::Bare | Self::WasmNothing)
    }

    const fn every_token_is_new(self) -> bool {
        matches!(self, Self::JwtAuthn | Self::AudienceNew)
    }

    /// The whole configuration of Envoy. It answers by itself, so that no upstream is measured, and writes no access log.
    fn bootstrap(self, modules: &Modules, algorithm: Algorithm) -> Bootstrap {
        let bare = Bootstrap::answering(200).access_log("");
        match self {
            Self::Bare => bare,
            Self::WasmNothing => bare.filter(WasmFilter::new("nothing", &modules.nothing, String::new())),
            Self::JwtAuthn => bare.jwt_authn(algorithm, false),
            Self::JwtAuthnCached => bare.jwt_authn(algorithm, true),
            Self::AudienceNew | Self::AudienceRepeated => {
                let configuration = audience_validation(algorithm).to_string();
                bare.filter(WasmFilter::new("audience_validation", &modules.audience_validation, configuration))
            }
        }
    }
}

trait JwtAuthn {
    fn jwt_authn(self, algorithm: Algorithm, cache: bool) -> Self;
}

impl JwtAuthn for Bootstrap {
    /// Envoy's own filter with the checks that both can do: signature, issuer, audience and time.
    fn jwt_authn(self, algorithm: Algorithm, cache: bool) -> Self {
        let mut provider = json!({
            "issuer": ISSUER,
            "audiences": [RESOURCE],
            "local_jwks": {"inline_string": jwks([key(algorithm)]).to_string()},
            // As audience-validation does by default; else it would edit the request, which ours does not.
            "forward": true,
        });
        if cache && let Some(members) = provider.as_object_mut() {
            members.insert("jwt_cache_config".to_owned(), json!({"jwt_cache_size": CACHE_ENTRIES}));
        }
        self.native_filter(
            "envoy.filters.http.jwt_authn",
            "jwt_authn.v3.JwtAuthentication",
            json!({
                "providers": {"idp": provider},
                "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "idp"}}],
            }),
        )
    }
}

/// What an operator would write, but for the keys, which are inline so that none are fetched in between.
fn audience_validation(algorithm: Algorithm) -> Value {
    json!({
        "issuers": [{"issuer": ISSUER, "profile": "rfc9068", "jwks": {"inline": jwks([key(algorithm)])}}],
        "resources": [{
            "resource": RESOURCE,
            "match": {"path": {"prefix": PATH}},
            "require": {"scopes": ["tools:read"]},
        }],
    })
}

/// A token with the claims of RFC 9068 that a product would write: about 800 bytes with RS256, 500 with ES256.
fn token(mint: &Mint) -> Token {
    mint.access_token()
        .subject("5ba552d6-8f9e-4c2a-9d63-6f1f0a7c2b11")
        .scope("openid profile tools:read tools:write")
        .expires_at(mint.now.saturating_add(TOKENS_LIVE))
        .claim("auth_time", mint.now)
        .claim("acr", "urn:mfa")
}

fn bearer(token: &str) -> Result<HeaderValue> {
    Ok(HeaderValue::try_from(format!("Bearer {token}"))?)
}

/// The tokens of one algorithm, as the values of `Authorization`.
pub(crate) struct Pool {
    algorithm: Algorithm,
    different: Rc<[HeaderValue]>,
    repeated: HeaderValue,
    /// By somebody else under the issuer's key id, and one whose signature was changed in one place.
    forged: [HeaderValue; 2],
    pub token_bytes: usize,
}

impl Pool {
    /// Signs on every core: with RS256 a token takes 2 ms.
    pub(crate) fn sign(algorithm: Algorithm, size: usize) -> Result<Self> {
        let mint = Mint::new(ISSUER, RESOURCE);
        let good = || token(&mint).sign_with(key(algorithm));
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let different: Result<Vec<_>> = thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|worker| {
                    scope.spawn(move || {
                        (worker..size).step_by(threads).map(|_| bearer(&good())).collect::<Result<Vec<_>>>()
                    })
                })
                .collect();
            let mut all = Vec::with_capacity(size);
            for worker in workers {
                all.extend(worker.join().map_err(|_| anyhow::anyhow!("a thread that signs panicked"))??);
            }
            Ok(all)
        });
        let repeated = good();
        Ok(Self {
            algorithm,
            different: different?.into(),
            token_bytes: repeated.len(),
            forged: [bearer(&token(&mint).sign_with(stranger(algorithm)))?, bearer(&changed(&repeated)?)?],
            repeated: bearer(&repeated)?,
        })
    }

    pub(crate) fn algorithm_name(&self) -> &'static str {
        self.algorithm.name()
    }
}

/// The token with another character in the midst of its signature.
fn changed(token: &str) -> Result<String> {
    let (signed, signature) = token.rsplit_once('.').context("not a token")?;
    let (before, after) = signature.split_at_checked(signature.len() / 2).context("not a signature")?;
    let mut after = after.chars();
    let other = if after.next() == Some('A') { 'B' } else { 'A' };
    Ok(format!("{signed}.{before}{other}{}", after.as_str()))
}

/// The tokens in the order in which one case sends them, without end.
pub(crate) struct Tokens {
    values: Rc<[HeaderValue]>,
    sent: Cell<usize>,
}

impl Tokens {
    fn of(values: Rc<[HeaderValue]>) -> Rc<Self> {
        Rc::new(Self { values, sent: Cell::new(0) })
    }

    pub(crate) fn next(&self) -> HeaderValue {
        let sent = self.sent.get();
        self.sent.set(sent.wrapping_add(1));
        let at = sent.checked_rem(self.values.len()).unwrap_or_default();
        self.values.get(at).cloned().unwrap_or_else(|| HeaderValue::from_static("none"))
    }
}

/// One case, running.
pub(crate) struct Subject<'a> {
    pub kind: Kind,
    pub pool: &'a Pool,
    pub tokens: Rc<Tokens>,
    envoy: RunningEnvoy,
    /// What was sent, and what came from a cache, before the first round.
    before: Cell<(usize, Option<u64>)>,
}

impl<'a> Subject<'a> {
    pub(crate) fn start(binary: &EnvoyBinary, modules: &Modules, kind: Kind, pool: &'a Pool) -> Result<Self> {
        let config = Config::Json(kind.bootstrap(modules, pool.algorithm).to_json());
        let envoy = launch(binary, &config, 1).with_context(|| kind.name())?;
        // The launcher lets filters log everything, which costs time; an operator's Envoy is at its default.
        let logging = WireRequest {
            method: "POST".to_owned(),
            path: b"/logging?level=info".to_vec(),
            authority: envoy.admin().to_string().into_bytes(),
            ..WireRequest::default()
        };
        let answer = raw_client::send(envoy.admin(), &logging, TIMEOUT)?;
        ensure!(answer.status == 200, "Envoy does not change its log level: {}", answer.text());
        let tokens = Tokens::of(if kind.every_token_is_new() {
            Rc::clone(&pool.different)
        } else {
            Rc::new([pool.repeated.clone()])
        });
        Ok(Self { kind, pool, tokens, envoy, before: Cell::new((0, None)) })
    }

    pub(crate) fn name(&self) -> String {
        format!("{}, {}", self.pool.algorithm_name(), self.kind.name())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.envoy.address()
    }

    pub(crate) fn process(&self) -> u32 {
        self.envoy.id()
    }

    /// The good token passes; forged ones do not, twice, so that no refusal is remembered as anything else.
    pub(crate) fn check(&self) -> Result<()> {
        self.expect("the good token", &self.pool.repeated, 200)?;
        for forged in self.pool.forged.iter().cycle().take(4) {
            self.expect("a forged token", forged, if self.kind.looks_at_tokens() { 401 } else { 200 })?;
        }
        Ok(())
    }

    fn expect(&self, what: &str, authorization: &HeaderValue, status: u16) -> Result<()> {
        let request = WireRequest {
            method: "GET".to_owned(),
            path: PATH.as_bytes().to_vec(),
            authority: HOST.as_bytes().to_vec(),
            headers: vec![(b"authorization".to_vec(), authorization.as_bytes().to_vec())],
            ..WireRequest::default()
        };
        let answer = raw_client::send(self.address(), &request, TIMEOUT)?;
        ensure!(
            answer.status == status,
            "{what} got {} instead of {status}: {} {}",
            answer.status,
            answer.header("www-authenticate").unwrap_or_default(),
            answer.text()
        );
        Ok(())
    }

    /// What is sent from now on counts for [`Self::cache_share`].
    pub(crate) fn start_to_count(&self) -> Result<()> {
        self.before.set((self.tokens.sent.get(), self.cache_hits()?));
        Ok(())
    }

    /// The share of requests since [`Self::start_to_count`] that a cache of verified tokens answered, by its own count;
    /// `None` if nothing counts that.
    pub(crate) fn cache_share(&self) -> Result<Option<f64>> {
        let (sent_before, hits_before) = self.before.get();
        let sent = self.tokens.sent.get().saturating_sub(sent_before);
        let Some(hits) = self.cache_hits()? else { return Ok(None) };
        let hits = hits.saturating_sub(hits_before.unwrap_or_default());
        Ok((sent > 0).then(|| hits as f64 / sent as f64))
    }

    /// A run in which a cache knew the new tokens has measured something else than it says.
    pub(crate) fn check_that_new_tokens_were_new(&self) -> Result<()> {
        if !self.kind.every_token_is_new() {
            return Ok(());
        }
        let known = self.cache_share()?.unwrap_or_default();
        ensure!(known < 0.01, "{}: {:.1} % of the tokens were known to the cache", self.name(), known * 100.0);
        Ok(())
    }

    fn cache_hits(&self) -> Result<Option<u64>> {
        Ok(cache_hits(&self.counters()?))
    }

    /// What the filters count themselves.
    pub(crate) fn counters(&self) -> Result<BTreeMap<String, u64>> {
        let page = self.envoy.admin_get("/stats?usedonly&type=Counters")?.text();
        let of_a_filter = |name: &str| name.starts_with("wasmcustom.") || name.contains(".jwt_authn.");
        let counters = page.lines().filter_map(|line| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_owned(), value.trim().parse().ok()?))
        });
        Ok(counters.filter(|(name, _)| of_a_filter(name)).collect())
    }
}

/// The sum of the counters that count hits of a cache of tokens, whatever their exact names; `None` if there is none
/// that counts hits or misses. (Envoy shows a counter only once it has counted something.)
fn cache_hits(counters: &BTreeMap<String, u64>) -> Option<u64> {
    let of_a_cache = |name: &str| name.contains("cache") && !name.contains("jwks");
    let told: Vec<_> = counters
        .iter()
        .filter(|(name, _)| of_a_cache(name) && (name.contains("hit") || name.contains("miss")))
        .collect();
    let hits = told.iter().filter(|(name, _)| name.contains("hit")).map(|(_, value)| **value);
    (!told.is_empty()).then(|| hits.fold(0, u64::saturating_add))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_in_turn() {
        let values = ["a", "b", "c"].map(HeaderValue::from_static);
        let tokens = Tokens::of(Rc::new(values));
        let sent: Vec<_> = (0..5).map(|_| tokens.next()).collect();
        assert_eq!(sent, ["a", "b", "c", "a", "b"].map(HeaderValue::from_static));
    }

    #[test]
    fn a_pool_holds_different_tokens_and_a_changed_signature_differs_in_one_place() {
        let pool = Pool::sign(Algorithm::Es256, 5).unwrap();
        let mut different: Vec<_> = pool.different.iter().map(|value| value.to_str().unwrap()).collect();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), 5);
        let [_, changed] = &pool.forged;
        let differs = pool.repeated.as_bytes().iter().zip(changed.as_bytes()).filter(|(a, b)| a != b).count();
        assert_eq!((differs, changed.len()), (1, pool.repeated.len()));
    }

    #[test]
    fn hits_are_counted_only_where_something_counts_them() {
        let counters = |pairs: &[(&str, u64)]| pairs.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
        assert_eq!(cache_hits(&counters(&[("http.gateway.jwt_authn.allowed", 3)])), None);
        assert_eq!(cache_hits(&counters(&[("http.gateway.jwt_authn.jwt_cache_miss", 3)])), Some(0));
        assert_eq!(
            cache_hits(&counters(&[
                ("http.gateway.jwt_authn.jwt_cache_hit", 3),
                ("http.gateway.jwt_authn.jwt_cache_miss", 1),
            ])),
            Some(3)
        );
    }
}
