//! The machine: calls into VMs, and what is put off to the end of each call.

use std::{
    cell::{RefCell, RefMut},
    rc::Rc,
};

use super::{
    guest::Vm,
    stream::StreamId,
    world::{Action, Frame, World},
};

/// A proxy with its VMs.
pub(crate) struct Engine {
    pub(crate) world: Rc<RefCell<World>>,
    pub(crate) vms: Vec<Vm>,
    /// For each worker (the main thread is the last) and each plugin: the VM and the root context.
    pub(crate) roots: Vec<Vec<(usize, u32)>>,
    /// Streams that have ended and still have their contexts.
    pub(crate) ended: Vec<StreamId>,
    pub(crate) next_stream: u64,
    pub(crate) next_worker: usize,
}

impl Engine {
    pub(crate) fn w(&self) -> RefMut<'_, World> {
        self.world.borrow_mut()
    }

    /// Calls into a VM; `None` if it has no such callback, is dead, or dies now. What the guest put off waits for
    /// [`Engine::run_actions`].
    pub(crate) fn call(&mut self, vm: usize, callback: &'static str, arguments: &[u32]) -> Option<u32> {
        if self.vms[vm].trap.is_some() {
            return None;
        }
        let context = arguments.first().copied().unwrap_or_default();
        self.w().frames.push(Frame {
            vm,
            context,
            effective: None,
            callback,
            replied: Vec::new(),
            resumed: Vec::new(),
        });
        let result = self.vms[vm].call(callback, arguments);
        let frame = self.w().frames.pop();
        if let Some(frame) = frame {
            self.note_contradictions(&frame);
        }
        if let Some(trap) = self.vms[vm].trap.clone() {
            let plugins = self.plugins_of(vm);
            let mut world = self.w();
            world.log(format!("[critical] Function: {callback} failed: {trap}"));
            world.traps.push(format!("{plugins} trapped in {callback}: {trap}"));
        }
        result
    }

    /// Both are put off and run in their order: a resume before the reply sends the request upstream although the
    /// client is refused.
    fn note_contradictions(&mut self, frame: &Frame) {
        let both = frame.replied.iter().any(|stream| frame.resumed.contains(stream));
        if both {
            let plugins = self.plugins_of(frame.vm);
            self.w().fault(format!("{plugins} replied and resumed in one callback ({})", frame.callback));
        }
    }

    /// Runs what the guest put off during its last call.
    pub(crate) fn run_actions(&mut self, vm: usize) {
        self.w().stop_next.insert(vm, false);
        loop {
            let action = self.w().actions.get_mut(&vm).and_then(std::collections::VecDeque::pop_front);
            match action {
                None => return,
                Some(Action::Resume { stream, filter, way, with_reply }) => {
                    self.resume(stream, way, filter, with_reply);
                }
                Some(Action::Reply { stream, filter, response, details }) => {
                    self.filter_replies(stream, filter, response, details);
                }
                Some(Action::Close { stream }) => self.break_off(stream),
            }
        }
    }

    pub(crate) fn is_dead(&self, vm: usize) -> bool {
        self.vms[vm].trap.is_some()
    }

    /// The names of the plugins in a VM, for messages.
    pub(crate) fn plugins_of(&self, vm: usize) -> String {
        let world = self.w();
        let mut names: Vec<&str> = Vec::new();
        for worker in &self.roots {
            for (plugin, (home, _)) in worker.iter().enumerate() {
                let name = world.plugins[plugin].name.as_str();
                if *home == vm && !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        if names.is_empty() { "a plugin".to_owned() } else { format!("'{}'", names.join("' and '")) }
    }
}
