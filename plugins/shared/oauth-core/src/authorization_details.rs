//! What a token allows in detail: `authorization_details` (RFC 9396), compared with what a request needs.
//!
//! [`RawType`]s declare how each field of a type is compared, [`RawWanted`] is the `require` block of a rule,
//! [`WantedTemplate`] the block made ready, [`Wanted`] what one request needs of it, and [`Types::granting`] looks for the
//! one object of a token that grants it.
//!
//! A granted object may say more than a rule asks for, and what it says may be a restriction. So every field that is
//! present must be compared, or the object grants nothing (RFC 9396 §5). Rights never combine across objects (§2.2).

mod comparator;
mod decimal;
mod remediation;
mod template;
mod types;
mod unmet;
mod wanted;

use std::collections::BTreeMap;

use crate::json::Exact;
use crate::reason::Reason;
use crate::verified_claims::VerifiedClaims;

pub use comparator::Comparator;
pub use remediation::Remediation;
pub use template::{Named, RequestFacts};
pub use types::{RawType, Types};
pub use unmet::{Unmet, Why};
pub use wanted::{Offered, RawWanted, Unfillable, Wanted, WantedTemplate};

/// The member that names the type of an object (RFC 9396 §2).
const TYPE: &str = "type";

/// The member that names the resources at which an object is good for something (RFC 9396 §2.2).
const LOCATIONS: &str = "locations";

/// More objects than any real token has. Each is compared with what each operation of a request needs.
const MAX_OBJECTS: usize = 128;

/// More fields than any real object has.
const MAX_FIELDS: usize = 64;

/// The objects that a verified token carries.
#[derive(Clone, Debug, Default)]
pub struct AuthorizationDetails<'a>(Vec<Granted<'a>>);

/// One of them.
#[derive(Clone, Copy, Debug)]
pub struct Granted<'a> {
    type_name: &'a str,
    members: &'a BTreeMap<String, Exact>,
}

impl Granted<'_> {
    /// Its JSON text, the same however the issuer ordered its members.
    #[must_use]
    pub fn canonical(&self) -> String {
        Exact::Object(self.members.clone()).to_string()
    }
}

impl<'a> AuthorizationDetails<'a> {
    /// Those of a token; none if it lacks the claim.
    ///
    /// # Errors
    /// [`Reason::ClaimInvalid`] unless the claim is an array of objects that each have a `type` (RFC 9396 §2), few enough
    /// to be compared. One that is not makes the meaning of all the others uncertain.
    pub fn of(token: &'a impl AsRef<VerifiedClaims>) -> Result<Self, Reason> {
        match token.as_ref().authorization_details()? {
            None => Ok(Self::default()),
            Some(claim) => Self::read(claim).ok_or(Reason::ClaimInvalid),
        }
    }

    /// The types of the objects, each once, in their order.
    #[must_use]
    pub fn type_names(&self) -> Vec<&'a str> {
        let mut names: Vec<&str> = Vec::new();
        for granted in &self.0 {
            if !names.contains(&granted.type_name) {
                names.push(granted.type_name);
            }
        }
        names
    }

    fn read(claim: &'a Exact) -> Option<Self> {
        let Exact::Array(elements) = claim else { return None };
        if elements.len() > MAX_OBJECTS {
            return None;
        }
        let granted = |element: &'a Exact| {
            let members = element.as_object().filter(|members| members.len() <= MAX_FIELDS)?;
            let type_name = members.get(TYPE)?.as_str().filter(|name| !name.is_empty())?;
            Some(Granted { type_name, members })
        };
        elements.iter().map(granted).collect::<Option<_>>().map(Self)
    }
}

#[cfg(test)]
mod tests;
