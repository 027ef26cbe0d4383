//! Owns the life of every request: what the proxy calls, in which order effects happen, and when a request ends.
//!
//! A request is held from its headers on until the policy allows or denies it. Whatever goes wrong on the way
//! (a host call that fails, an answer that never comes, a policy that never ends) is a denial.

mod across_workers;
mod answer;
mod callouts;
mod counting;
mod exports;
mod outcome;
mod root;
mod stream;
mod uses;

use std::cell::RefCell;

use oauth_core::time::UnixTime;

use crate::{
    host::{self, Level},
    policy::Policy,
    registry::Registry,
};

pub use exports::start;

/// For the probe, which plays a hostile module.
#[doc(hidden)]
pub use crate::host::{set_shared_data, shared_data};

/// Makes a crate a filter: registers the policy with the proxy. On other targets than wasm it does nothing.
#[macro_export]
macro_rules! filter {
    ($policy:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            #[allow(unsafe_code, reason = "the proxy calls it by its name, once, before anything else")]
            #[unsafe(no_mangle)]
            extern "C" fn _initialize() {
                $crate::driver::start::<$policy>();
            }
        };
    };
}

/// What the root context and its streams share. Borrowed only between host calls.
struct Handle<P: Policy>(RefCell<Registry<P>>);

/// What a callback tells the proxy about its request, by the numbers that the proxy knows.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
enum Verdict {
    GoOn = 0,
    /// The body still comes, if the proxy is told to hand it over.
    Hold = 1,
    /// Nothing comes before the resume, and the proxy stops reading from the client when it has its buffer full
    /// (StopAllIterationAndWatermark). Of headers alone.
    HoldAll = 4,
}

/// Whose callback is at work, and so what may be done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// The stream's own headers: going on is said by the returned action.
    Headers,
    /// The same, of its body or trailers.
    Body,
    /// Anywhere else: the stream is parked and must be resumed.
    Elsewhere,
}

impl<P: Policy> Handle<P> {
    /// Makes a stream the effective context. If it is gone the proxy keeps the previous one, and an edit would land
    /// on another's request: then its id is dropped and nothing is touched.
    fn enter(&self, id: u32) -> bool {
        let entered = host::set_effective_context(id).is_ok();
        if !entered {
            self.0.borrow_mut().forget(id);
        }
        entered
    }

    /// Makes the root the effective context again.
    fn leave(&self) {
        let root_id = self.0.borrow().root_id;
        if host::set_effective_context(root_id).is_err() {
            host::log(Level::Error, "the root context is gone");
        }
    }

    /// Runs a part of the policy. `None` if there is no clock or no configuration, which is a fault.
    fn now_with<T>(&self, run: impl FnOnce(&P::Settings, &mut P::Shared, UnixTime) -> T) -> Option<T> {
        let now = host::now().ok()?;
        let registry = &mut *self.0.borrow_mut();
        match (&registry.settings, &mut registry.shared) {
            (Some(settings), Some(shared)) => Some(run(settings, shared, now)),
            _ => None,
        }
    }
}
