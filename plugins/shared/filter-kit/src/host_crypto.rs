//! Signatures verified by the proxy, through its foreign function `verify_signature`.

use oauth_core::{
    config::Problems,
    jose::{Crypto, HostSignature},
};

use crate::{
    crypto::CryptoChoice,
    host::{self, Level},
    policy::Policy,
    verify_signature,
};

/// Tells the policy who verifies its signatures. False, and the reason in the log, if it wants a proxy that does so and
/// this one does not.
pub(crate) fn equip<P: Policy>(settings: &mut P::Settings) -> bool {
    let wanted = P::crypto(settings);
    let Some(crypto) = wanted.settle(|| Crypto::tried(ask)) else {
        let mut problems = Problems::default();
        problems.add(
            "crypto",
            "is \"host\", but this proxy has no verify_signature that works: expected \"auto\" or \"guest\"",
        );
        host::log(Level::Error, &problems.to_string());
        return false;
    };
    match (wanted, crypto) {
        (CryptoChoice::Guest, _) => {}
        (_, Crypto::Host(_)) => host::log(Level::Info, "crypto: the proxy verifies signatures"),
        (_, Crypto::Guest) => host::log(
            Level::Warn,
            "crypto: the proxy has no verify_signature that works; the filter verifies signatures itself, more slowly",
        ),
    }
    P::equip(settings, crypto);
    true
}

fn ask(question: HostSignature<'_>) -> Option<bool> {
    let result = host::call_foreign_function(verify_signature::NAME, &verify_signature::arguments(&question));
    verify_signature::verdict(&result.ok()?)
}
