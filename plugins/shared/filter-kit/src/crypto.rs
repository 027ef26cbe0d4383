//! Who does the arithmetic of signatures: the setting `crypto`, and what a filter needs of it.

use serde::Deserialize;

/// Who does the arithmetic of signatures.
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

/// What a filter needs, each `None` if it never does so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CryptoNeeds {
    /// Verifying signatures.
    pub verify: Option<CryptoChoice>,
    /// Signing.
    pub sign: Option<CryptoChoice>,
}

/// The choice is the proxy, and it cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unmet;

impl CryptoChoice {
    /// Settles the choice: the proxy's function, or `None` if the filter does it itself. `offered` is called only if that
    /// matters.
    ///
    /// # Errors
    /// [`Unmet`]
    pub fn settle<F>(self, offered: impl FnOnce() -> Option<F>) -> Result<Option<F>, Unmet> {
        match self {
            Self::Auto => Ok(offered()),
            Self::Host => offered().map(Some).ok_or(Unmet),
            Self::Guest => Ok(None),
        }
    }
}

impl CryptoNeeds {
    /// A filter that verifies and never signs.
    #[must_use]
    pub const fn verifying(choice: CryptoChoice) -> Self {
        Self { verify: Some(choice), sign: None }
    }

    /// Both; where both say who, this one's word counts.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { verify: self.verify.or(other.verify), sign: self.sign.or(other.sign) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_choice_is_settled_by_what_the_proxy_offers() {
        assert_eq!(CryptoChoice::Auto.settle(|| Some(1)), Ok(Some(1)));
        assert_eq!(CryptoChoice::Auto.settle(|| None::<u8>), Ok(None));
        assert_eq!(CryptoChoice::Host.settle(|| Some(1)), Ok(Some(1)));
        assert_eq!(CryptoChoice::Host.settle(|| None::<u8>), Err(Unmet));
        assert_eq!(CryptoChoice::Guest.settle(|| -> Option<u8> { panic!("not needed") }), Ok(None));
    }
}
