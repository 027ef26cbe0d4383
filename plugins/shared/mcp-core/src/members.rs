//! The members of an object that are known by name.

use oauth_core::json::InPlace;

use crate::{flaw::Flaw, spelling};

/// Those that there are, each in the text that holds it. The others are not kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members<'t>(Vec<(&'static str, InPlace<'t>)>);

impl<'t> Members<'t> {
    /// Those of `known` that an object has; `None` if it is no object.
    pub(crate) fn read(object: InPlace<'t>, known: &[&'static str]) -> Option<Self> {
        let named = |(name, value)| Some((*known.iter().find(|known| **known == name)?, value));
        object.members().map(|members| Self(members.filter_map(named).collect()))
    }

    /// The same, where nothing else may look like one of them.
    ///
    /// # Errors
    /// [`Flaw::MemberSpelling`]
    pub(crate) fn read_strictly(object: InPlace<'t>, known: &[&'static str]) -> Result<Option<Self>, Flaw> {
        let mut members = object.members().into_iter().flatten();
        if members.any(|(name, _)| !spelling::fits(&name, known)) {
            return Err(Flaw::MemberSpelling);
        }
        Ok(Self::read(object, known))
    }

    /// The value of a known one.
    pub(crate) fn get(&self, name: &str) -> Option<InPlace<'t>> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}
