//! Signatures verified and made by the proxy, through its foreign functions `verify_signature` and `sign`.

use oauth_core::{
    config::Problems,
    jose::{
        Crypto, HostSignature, HostSigner, HostSigning, HostVerifier,
        trial::{signs_rightly, verifies_rightly},
    },
};

use crate::{
    crypto::CryptoChoice,
    foreign::{sign, verify_signature},
    host::{self, Level},
    policy::Policy,
};

/// Tells the policy who does the arithmetic of its signatures. False, and the reason in the log, if it wants a proxy that
/// does so and this one does not.
pub(crate) fn equip<P: Policy>(settings: &mut P::Settings) -> bool {
    let needs = P::crypto(settings);
    let mut problems = Problems::default();
    let verifier = needs.verify.and_then(|wanted| {
        let offered = || verifies_rightly(verify).then_some(verify as HostVerifier);
        settle(wanted, verify_signature::NAME, "verifies signatures", offered, &mut problems)
    });
    let signer = needs.sign.and_then(|wanted| {
        let offered = || signs_rightly(make).then_some(make as HostSigner);
        settle(wanted, sign::NAME, "signs", offered, &mut problems)
    });
    if !problems.is_empty() {
        host::log(Level::Error, &problems.to_string());
        return false;
    }
    P::equip(settings, Crypto { verifier, signer });
    true
}

/// Settles who does one thing, and says so in the log.
fn settle<F>(
    wanted: CryptoChoice,
    function: &str,
    does: &str,
    offered: impl FnOnce() -> Option<F>,
    problems: &mut Problems,
) -> Option<F> {
    let Ok(settled) = wanted.settle(offered) else {
        problems.add(
            "crypto",
            format!("is \"host\", but this proxy has no {function} that works: expected \"auto\" or \"guest\""),
        );
        return None;
    };
    match (&settled, wanted) {
        (_, CryptoChoice::Guest) => {}
        (Some(_), _) => host::log(Level::Info, &format!("crypto: the proxy {does}")),
        (None, _) => host::log(
            Level::Warn,
            &format!("crypto: the proxy has no {function} that works; the filter {does} itself, more slowly"),
        ),
    }
    settled
}

fn verify(question: HostSignature<'_>) -> Option<bool> {
    let result = host::call_foreign_function(verify_signature::NAME, &verify_signature::arguments(&question));
    verify_signature::verdict(&result.ok()?)
}

fn make(wanted: HostSigning<'_>) -> Option<Vec<u8>> {
    let result = host::call_foreign_function(sign::NAME, &sign::arguments(&wanted));
    sign::signature(&result.ok()?)
}
