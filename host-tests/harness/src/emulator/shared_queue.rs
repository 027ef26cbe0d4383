//! Shared queues: process wide, named per VM id; a name wakes only the root that registered it last.

use std::collections::{HashMap, VecDeque};

/// The root context that a queue wakes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listener {
    pub(crate) vm: usize,
    pub(crate) context: u32,
}

#[derive(Debug)]
struct Queue {
    listener: Listener,
    items: VecDeque<Vec<u8>>,
}

#[derive(Debug, Default)]
pub(crate) struct SharedQueues {
    tokens: HashMap<(String, Vec<u8>), u32>,
    queues: HashMap<u32, Queue>,
}

impl SharedQueues {
    /// Opens or takes over the queue of that name.
    pub(crate) fn register(&mut self, vm_id: &str, name: &[u8], listener: Listener) -> u32 {
        let next = u32::try_from(self.tokens.len()).expect("too many queues") + 1;
        let token = *self.tokens.entry((vm_id.to_owned(), name.to_vec())).or_insert(next);
        self.queues
            .entry(token)
            .and_modify(|queue| queue.listener = listener)
            .or_insert_with(|| Queue { listener, items: VecDeque::new() });
        token
    }

    pub(crate) fn resolve(&self, vm_id: &str, name: &[u8]) -> Option<u32> {
        self.tokens.get(&(vm_id.to_owned(), name.to_vec())).copied()
    }

    /// Appends and says whom to wake; `None`: no such queue.
    pub(crate) fn enqueue(&mut self, token: u32, item: &[u8]) -> Option<Listener> {
        let queue = self.queues.get_mut(&token)?;
        queue.items.push_back(item.to_vec());
        Some(queue.listener)
    }

    /// The outer `None`: no such queue; the inner one: it is empty.
    pub(crate) fn dequeue(&mut self, token: u32) -> Option<Option<Vec<u8>>> {
        Some(self.queues.get_mut(&token)?.items.pop_front())
    }
}
