//! The setting `crypto`.

use oauth_core::jose::Crypto;
use serde::Deserialize;

/// Who is to verify signatures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CryptoChoice {
    /// The proxy where it can, else the filter itself.
    #[default]
    Auto,
    /// The proxy; the filter does not load where it cannot.
    Host,
    /// The filter itself.
    Guest,
}

impl CryptoChoice {
    /// Settles the choice; `try_host` is called only if that matters. `None`: the choice cannot be met.
    #[must_use]
    pub fn settle(self, try_host: impl FnOnce() -> Option<Crypto>) -> Option<Crypto> {
        match self {
            Self::Auto => Some(try_host().unwrap_or(Crypto::Guest)),
            Self::Host => try_host(),
            Self::Guest => Some(Crypto::Guest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_choice_is_settled_by_what_the_proxy_offers() {
        let host = || Some(Crypto::Host(|_| None));
        assert!(matches!(CryptoChoice::Auto.settle(host), Some(Crypto::Host(_))));
        assert!(matches!(CryptoChoice::Auto.settle(|| None), Some(Crypto::Guest)));
        assert!(matches!(CryptoChoice::Host.settle(host), Some(Crypto::Host(_))));
        assert!(CryptoChoice::Host.settle(|| None).is_none());
        assert!(matches!(CryptoChoice::Guest.settle(|| panic!("not needed")), Some(Crypto::Guest)));
    }
}
