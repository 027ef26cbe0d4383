//! What the proxy calls: the callbacks of proxy-wasm 0.2.1 that the driver has work for, and no others.
//!
//! Each export costs a call into the VM for every request, and those of an answer's body for every chunk of a stream.
//! What is not exported the proxy takes for "go on", and for "yes" where it asks.

#![allow(unsafe_code, reason = "functions that the proxy finds by their names")]

use std::{cell::RefCell, collections::HashMap, panic, rc::Rc};

use super::{Handle, Verdict};
use crate::{
    host::{self, Level},
    policy::Policy,
    registry::Registry,
};

/// What the contexts of one root do, whatever its policy.
trait Callbacks {
    fn configure(&self, size: usize) -> bool;
    fn tick(&self);
    fn queue_ready(&self, queue: u32);
    fn call_answered(&self, token: u32, headers: usize, body_size: usize);
    fn request_headers(&self, id: u32, end_of_stream: bool) -> Verdict;
    fn request_body(&self, id: u32, size: usize, end_of_stream: bool) -> Verdict;
    fn request_trailers(&self, id: u32) -> Verdict;
    fn response_headers(&self, id: u32) -> Verdict;
    fn gone(&self, id: u32);
}

impl<P: Policy> Callbacks for Handle<P> {
    fn configure(&self, size: usize) -> bool {
        self.configure(size)
    }

    fn tick(&self) {
        self.tick();
    }

    fn queue_ready(&self, queue: u32) {
        self.start_asked(queue);
    }

    fn call_answered(&self, token: u32, headers: usize, body_size: usize) {
        self.land(token, headers, body_size);
    }

    fn request_headers(&self, id: u32, end_of_stream: bool) -> Verdict {
        self.headers(id, end_of_stream)
    }

    fn request_body(&self, id: u32, size: usize, end_of_stream: bool) -> Verdict {
        self.body(id, size, end_of_stream)
    }

    fn request_trailers(&self, id: u32) -> Verdict {
        self.trailers(id)
    }

    fn response_headers(&self, id: u32) -> Verdict {
        self.answered(id)
    }

    fn gone(&self, id: u32) {
        self.0.borrow_mut().forget(id);
    }
}

/// The contexts of this VM. After a configuration update the old root and the new one are both here.
#[derive(Default)]
struct Contexts {
    new_root: Option<fn(u32) -> Rc<dyn Callbacks>>,
    /// Roots by their own ids, and by the id of each stream the root that it belongs to.
    owners: HashMap<u32, Rc<dyn Callbacks>>,
}

thread_local! {
    /// Borrowed only between calls: a callback may lead to another.
    static CONTEXTS: RefCell<Contexts> = RefCell::default();
}

/// The root of a context. An id that is not, or no longer, known has none, and nothing happens for it.
fn owner(context: u32) -> Option<Rc<dyn Callbacks>> {
    CONTEXTS.with_borrow(|contexts| contexts.owners.get(&context).map(Rc::clone))
}

/// Starts a VM whose roots have this policy. For [`filter!`](crate::filter).
pub fn start<P: Policy>() {
    unsafe extern "C" {
        fn __wasm_call_ctors();
    }
    // SAFETY: the linker makes it, and nothing ran before.
    unsafe { __wasm_call_ctors() };
    panic::set_hook(Box::new(|panic| host::log(Level::Critical, &panic.to_string())));
    CONTEXTS.with_borrow_mut(|contexts| {
        contexts.new_root = Some(|id| Rc::new(Handle::<P>(RefCell::new(Registry::new(id)))));
    });
}

#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

/// Memory for what the proxy hands over; [`host`] takes it over as a `Vec<u8>` whose capacity is its size.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    Box::into_raw(vec![0_u8; size].into_boxed_slice()).cast()
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(context: u32, root: u32) {
    CONTEXTS.with_borrow_mut(|contexts| {
        let owner = if root == 0 {
            contexts.new_root.map(|new_root| new_root(context))
        } else {
            contexts.owners.get(&root).map(Rc::clone)
        };
        if let Some(owner) = owner {
            contexts.owners.insert(context, owner);
        }
    });
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(context: u32) {
    let owner = CONTEXTS.with_borrow_mut(|contexts| contexts.owners.remove(&context));
    if let Some(owner) = owner {
        owner.gone(context);
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(root: u32, size: usize) -> bool {
    owner(root).is_some_and(|owner| owner.configure(size))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_tick(root: u32) {
    if let Some(owner) = owner(root) {
        owner.tick();
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_queue_ready(root: u32, queue: u32) {
    if let Some(owner) = owner(root) {
        owner.queue_ready(queue);
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_http_call_response(root: u32, token: u32, headers: usize, body_size: usize, _trailers: usize) {
    if let Some(owner) = owner(root) {
        owner.call_answered(token, headers, body_size);
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(stream: u32, _count: usize, end_of_stream: bool) -> Verdict {
    owner(stream).map_or(Verdict::Hold, |owner| owner.request_headers(stream, end_of_stream))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_body(stream: u32, size: usize, end_of_stream: bool) -> Verdict {
    plain(owner(stream).map_or(Verdict::Hold, |owner| owner.request_body(stream, size, end_of_stream)))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_trailers(stream: u32, _count: usize) -> Verdict {
    plain(owner(stream).map_or(Verdict::Hold, |owner| owner.request_trailers(stream)))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_headers(stream: u32, _count: usize, _end_of_stream: bool) -> Verdict {
    owner(stream).map_or(Verdict::GoOn, |owner| owner.response_headers(stream))
}

/// Where the number of [`Verdict::HoldAll`] means nothing.
fn plain(verdict: Verdict) -> Verdict {
    if verdict == Verdict::GoOn { Verdict::GoOn } else { Verdict::Hold }
}
