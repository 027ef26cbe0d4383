//! Owns the life of every request: what the proxy calls, in which order effects happen, and when a request ends.
//!
//! A request is held from its headers on until the policy allows or denies it. Whatever goes wrong on the way
//! (a host call that fails, an answer that never comes, a policy that never ends) is a denial.

mod across_workers;
mod answer;
mod callouts;
mod counting;
mod outcome;
mod root;
mod stream;
mod uses;

use std::{cell::RefCell, rc::Rc};

use oauth_core::time::UnixTime;
use proxy_wasm::{
    traits::{Context, HttpContext, RootContext},
    types::{Action, ContextType, LogLevel},
};

use crate::{
    host::{self, Level},
    policy::Policy,
    registry::Registry,
};

#[doc(hidden)]
pub use proxy_wasm;

/// Makes a crate a filter: registers the policy with the proxy. On other targets than wasm it does nothing.
#[macro_export]
macro_rules! filter {
    ($policy:ty) => {
        const _: () = {
            $crate::driver::proxy_wasm::main! {{ $crate::driver::register::<$policy>(); }}
        };
    };
}

/// Tells the SDK how to make this policy's contexts. For [`filter!`](crate::filter).
pub fn register<P: Policy>() {
    proxy_wasm::set_log_level(LogLevel::Trace);
    proxy_wasm::set_root_context(|id| Box::new(Root::<P>(Handle(Rc::new(RefCell::new(Registry::new(id)))))));
}

struct Root<P: Policy>(Handle<P>);

struct Http<P: Policy> {
    handle: Handle<P>,
    id: u32,
}

/// Shared by the root context and its streams. Borrowed only between host calls.
struct Handle<P: Policy>(Rc<RefCell<Registry<P>>>);

impl<P: Policy> Clone for Handle<P> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

/// What a callback tells the proxy about its request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    GoOn,
    Hold,
}

impl From<Verdict> for Action {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::GoOn => Self::Continue,
            Verdict::Hold => Self::Pause,
        }
    }
}

/// Whose callback is at work, and so what may be done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// The stream's own headers, body or trailers: going on is said by the returned action.
    Stream,
    /// Anywhere else: the stream is parked and must be resumed.
    Elsewhere,
}

impl<P: Policy> Context for Root<P> {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body: usize, _trailers: usize) {
        self.0.land(token, headers, body);
    }
}

impl<P: Policy> RootContext for Root<P> {
    fn on_configure(&mut self, size: usize) -> bool {
        self.0.configure(size)
    }

    fn on_tick(&mut self) {
        self.0.tick();
    }

    fn on_queue_ready(&mut self, queue: u32) {
        self.0.start_asked(queue);
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Http { handle: self.0.clone(), id }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl<P: Policy> Context for Http<P> {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body: usize, _trailers: usize) {
        self.handle.land(token, headers, body);
    }

    fn on_done(&mut self) -> bool {
        self.handle.0.borrow_mut().forget(self.id);
        true
    }
}

impl<P: Policy> Drop for Http<P> {
    fn drop(&mut self) {
        self.handle.0.borrow_mut().forget(self.id);
    }
}

impl<P: Policy> HttpContext for Http<P> {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        self.handle.headers(self.id, end_of_stream).into()
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.handle.body(self.id, size, end_of_stream).into()
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        self.handle.trailers(self.id).into()
    }

    fn on_http_response_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        self.handle.answered(self.id).into()
    }
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
