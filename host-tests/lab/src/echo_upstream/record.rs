//! What reached the server.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;

use crate::wire::{Field, WireRequest};

/// One request that reached the server.
#[derive(Clone, Debug)]
pub struct Received {
    /// What has come of it so far.
    pub request: WireRequest,
    /// Whether its body and trailers came whole: false while they arrive, and when the sender broke off.
    pub complete: bool,
}

#[derive(Default)]
pub(super) struct Record {
    received: Mutex<Vec<Received>>,
    grown: Condvar,
}

impl Record {
    /// Notes a request whose header fields were read, and gives back its place.
    pub(super) fn arrived(&self, request: WireRequest) -> usize {
        let mut received = self.lock();
        received.push(Received { request, complete: false });
        self.grown.notify_all();
        received.len().saturating_sub(1)
    }

    pub(super) fn piece(&self, place: usize, data: &Bytes) {
        if let Some(entry) = self.lock().get_mut(place) {
            entry.request.chunks.push(data.to_vec());
        }
    }

    /// Notes the end of a request and gives it back whole.
    pub(super) fn ended(&self, place: usize, trailers: Option<Vec<Field>>) -> WireRequest {
        match self.lock().get_mut(place) {
            Some(entry) => {
                entry.request.trailers = trailers;
                entry.complete = true;
                entry.request.clone()
            }
            None => WireRequest::default(),
        }
    }

    pub(super) fn all(&self) -> Vec<Received> {
        self.lock().clone()
    }

    pub(super) fn wait_for(&self, count: usize, timeout: Duration) -> bool {
        let (_received, waited) = self
            .grown
            .wait_timeout_while(self.lock(), timeout, |received| received.len() < count)
            .unwrap_or_else(PoisonError::into_inner);
        !waited.timed_out()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Received>> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
