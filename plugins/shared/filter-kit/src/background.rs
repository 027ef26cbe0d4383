//! What a filter does beside its requests: what it learns from callouts, and what it keeps for all of them.

use oauth_core::{jose::Crypto, time::UnixTime};

use crate::{
    crypto::CryptoNeeds,
    policy::{Callout, CalloutOutcome, Count, Note},
};

/// The part of a filter that no single request owns. Every method has a default for filters that need none of it.
pub trait Background: 'static {
    /// What the configuration says; never changes once the filter is equipped.
    type Settings: 'static;

    /// What the root context has learned and all streams of a worker share: keys, caches. It lives and ends with
    /// its configuration. An addition to the design's trait: keys come by callout, so they cannot be settings, and
    /// a cache in a static would outlive its configuration.
    type Shared: 'static;

    /// Whether the filter notes single uses: then it does not load without a VM id.
    fn needs_own_vm(_settings: &Self::Settings) -> bool {
        false
    }

    /// Who is to verify signatures, and to make them. A filter that does neither needs no proxy for it.
    fn crypto(_settings: &Self::Settings) -> CryptoNeeds {
        CryptoNeeds::default()
    }

    /// Takes in who verifies and makes signatures, once the proxy was tried; before the first request.
    fn equip(_settings: &mut Self::Settings, _crypto: Crypto) {}

    /// The shared callouts that are due now, asked for at configure and at every tick. Each must have a key.
    fn upkeep(_settings: &Self::Settings, _shared: &mut Self::Shared, _now: UnixTime) -> Vec<Callout> {
        Vec::new()
    }

    /// What is to be counted since this was asked last; asked for at configure and at every tick, after
    /// [`Background::upkeep`].
    fn counts(_settings: &Self::Settings, _shared: &mut Self::Shared) -> Vec<Count> {
        Vec::new()
    }

    /// Takes in the end of a shared callout, before the requests that wait for it resume. Out: what to log.
    fn learn(
        _settings: &Self::Settings,
        _shared: &mut Self::Shared,
        _key: &str,
        _outcome: CalloutOutcome<'_>,
        _now: UnixTime,
    ) -> Vec<Note> {
        Vec::new()
    }

    /// What other workers may have of the callout that [`Background::learn`] just heard the end of, if it goes
    /// [`Callout::across_workers`]: any module with the same VM id can read it and replace it, so it must be sealed.
    /// `nonce` was never given before. `None`: nothing.
    fn publish(
        _settings: &Self::Settings,
        _shared: &mut Self::Shared,
        _key: &str,
        _nonce: [u8; 24],
        _now: UnixTime,
    ) -> Option<Vec<u8>> {
        None
    }

    /// Takes in what another worker has published, or somebody else has put there. Out: whether it serves; if not, the
    /// call is made here.
    fn adopt(
        _settings: &Self::Settings,
        _shared: &mut Self::Shared,
        _key: &str,
        _sealed: &[u8],
        _now: UnixTime,
    ) -> bool {
        false
    }
}
