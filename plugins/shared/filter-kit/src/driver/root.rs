//! The root context's own callbacks: configuration and ticks.

use std::{
    hash::{BuildHasher, RandomState},
    rc::Rc,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use oauth_core::denial::Reason;
use sha2::{Digest, Sha256};

use super::Handle;
use crate::{
    configuration::json_text,
    host::{self, Buffer, Level},
    policy::{CalloutOutcome, Fault, Policy},
    registry::Phase,
};

/// How often the root looks for deadlines and due callouts.
pub(super) const TICK_MILLISECONDS: u32 = 250;

impl<P: Policy> Handle<P> {
    pub(super) fn configure(&self, size: usize) -> bool {
        let document = if size == 0 { Ok(Vec::new()) } else { host::buffer(Buffer::PluginConfiguration, size) };
        let Ok(document) = document else {
            host::log(Level::Error, "the plugin's configuration cannot be read");
            return false;
        };
        let made = json_text(&document).and_then(|text| P::configure(&text).map(|made| (made, text)));
        let ((mut settings, shared), text) = match made {
            Ok(made) => made,
            Err(problems) => {
                for line in problems.lines() {
                    host::log(Level::Error, &line);
                }
                return false;
            }
        };
        if P::needs_own_vm(&settings) && !Self::has_a_vm_id() {
            host::log(
                Level::Error,
                "single_use needs a vm_id of its own in the plugin's vm_config: shared data is kept by that alone",
            );
            return false;
        }
        if !crate::host_crypto::equip::<P>(&mut settings) {
            return false;
        }
        for note in P::notes(&settings) {
            host::log(Level::Warn, note);
        }
        for key in P::READ_ONLY_STATE {
            if host::declare_read_only(key).is_err() {
                host::log(Level::Error, &format!("the proxy did not declare the filter state {key} read-only"));
                return false;
            }
        }
        {
            let mut registry = self.0.borrow_mut();
            registry.settings = Some(Rc::new(settings));
            registry.shared = Some(shared);
            // What is on its way was asked for by another configuration; streams that wait for it meet their deadline.
            registry.flights.clear();
            registry.asked.clear();
            registry.is_hurried = false;
            // Workers share what one configuration found out, and nothing with another.
            let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(&text));
            registry.shared_prefix = format!("fourleg.{}.{digest}.", P::NAME);
        }
        if host::set_tick_period(TICK_MILLISECONDS).is_err() {
            host::log(Level::Error, "the proxy offers no tick, so deadlines cannot be kept");
            return false;
        }
        // A queue's name wakes only its last registrant, so each root has a name of its own.
        let root_id = self.0.borrow().root_id;
        let name = format!("fourleg.{}.{root_id}.{:016x}", P::NAME, RandomState::new().hash_one(root_id));
        match host::register_queue(&name) {
            Ok(queue) => self.0.borrow_mut().queue = Some(queue),
            // Without it a shared call starts at the next tick instead of at once.
            Err(_) => host::log(Level::Warn, "the proxy offers no queue: shared callouts start at the next tick"),
        }
        self.upkeep();
        self.count_events();
        true
    }

    pub(super) fn tick(&self) {
        let Ok(now) = host::now() else { return };
        loop {
            let Some(flight) = self.0.borrow_mut().overdue(now) else { break };
            self.finish(flight, CalloutOutcome::Failed(Fault::Deadline));
        }
        let overdue: Vec<(u32, bool)> = self
            .0
            .borrow()
            .streams
            .iter()
            .filter(|(_, stream)| stream.phase.deadline().is_some_and(|deadline| deadline <= now))
            .map(|(id, stream)| (*id, matches!(stream.phase, Phase::ForBody { .. })))
            .collect();
        for (id, for_body) in overdue {
            if for_body {
                host::log(
                    Level::Warn,
                    "a request body did not arrive in time; if this is so for all of them, the plugin's \
                     configuration lacks allow_on_headers_stop_iteration: true",
                );
            }
            if self.enter(id) {
                self.give_up(id, Reason::DeadlineExceeded);
            }
        }
        self.leave();
        self.start_all_asked();
        self.look_at_others(now);
        self.upkeep();
        self.count_events();
    }

    pub(super) fn upkeep(&self) {
        let Ok(now) = host::now() else { return };
        let due = {
            let registry = &mut *self.0.borrow_mut();
            match (&registry.settings, &mut registry.shared) {
                (Some(settings), Some(shared)) => P::upkeep(settings, shared, now),
                _ => return,
            }
        };
        for callout in due {
            self.start_shared(callout);
        }
    }
}
