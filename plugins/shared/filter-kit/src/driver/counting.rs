//! Metrics: what is decided, and what happens beside it. All workers of a proxy share them.

use super::Handle;
use crate::{
    host,
    policy::{Count, Policy},
};

impl<P: Policy> Handle<P> {
    /// `fourleg_<plugin>_decisions_total.decision.<d>.code.<c>`: both are from fixed sets.
    pub(super) fn count(&self, decision: &'static str, code: &'static str) {
        let known = self.0.borrow().decisions.get(&(decision, code)).copied();
        let counter = known.or_else(|| {
            let name = format!("fourleg_{}_decisions_total.decision.{decision}.code.{code}", P::NAME);
            let counter = host::define_counter(&name).ok()?;
            self.0.borrow_mut().decisions.insert((decision, code), counter);
            Some(counter)
        });
        if let Some(counter) = counter {
            host::count(counter, 1);
        }
    }

    /// What the policy wants to be counted since the last time.
    pub(super) fn count_events(&self) {
        let counts = {
            let registry = &mut *self.0.borrow_mut();
            match (&registry.settings, &mut registry.shared) {
                (Some(settings), Some(shared)) => P::counts(settings, shared),
                _ => return,
            }
        };
        for Count { name, by } in counts {
            let known = self.0.borrow().events.get(&name).copied();
            let counter = known.or_else(|| host::define_counter(&format!("fourleg_{}_{name}", P::NAME)).ok());
            let Some(counter) = counter else { continue };
            if by > 0 {
                host::count(counter, by);
            }
            self.0.borrow_mut().events.insert(name, counter);
        }
    }
}
