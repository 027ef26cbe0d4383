//! All that host functions read and change: contexts, streams, shared stores, the clock.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::{
    abi::{Answer, Status},
    events::Events,
    header_map::HeaderMap,
    metrics::Metrics,
    shared_data::SharedData,
    shared_queue::SharedQueues,
    stream::{BodyAt, Filter, Stream, StreamId, Way},
};
use crate::{
    gateway::Gateway,
    http::{Request, Response},
};

/// A root context.
#[derive(Debug, Default)]
pub(crate) struct Root {
    pub(crate) plugin: usize,
    /// `proxy_on_configure` is running: its configuration can be read.
    pub(crate) configuring: bool,
    pub(crate) tick_period: u64,
    pub(crate) next_tick: Option<u64>,
    /// Keys that this root has declared, and whether they are read-only.
    pub(crate) declared: HashMap<Vec<u8>, bool>,
    /// The answer to the callout whose callback is running.
    pub(crate) answer: Option<CalloutAnswer>,
    /// What `proxy_get_status` says.
    pub(crate) status: (u32, &'static str),
}

/// A callout's answer as the callback can read it.
#[derive(Debug)]
pub(crate) struct CalloutAnswer {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

#[derive(Debug)]
pub(crate) enum Context {
    Root(Box<Root>),
    Http { root: u32, stream: StreamId, filter: usize },
}

/// A call into a VM that is running.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) vm: usize,
    pub(crate) context: u32,
    pub(crate) effective: Option<u32>,
    pub(crate) callback: &'static str,
    pub(crate) replied: Vec<StreamId>,
    pub(crate) resumed: Vec<StreamId>,
}

/// What a host function has put off to the end of the call.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    Resume { stream: StreamId, filter: usize, way: Way, with_reply: bool },
    Reply { stream: StreamId, filter: usize, response: Response, details: Vec<u8> },
    Close { stream: StreamId },
}

/// A callout on its way.
#[derive(Clone, Debug)]
pub(crate) struct Callout {
    pub(crate) vm: usize,
    pub(crate) root: u32,
    pub(crate) token: u32,
    pub(crate) cluster: String,
    pub(crate) request: Request,
    /// Nanoseconds of virtual time at which it times out.
    pub(crate) deadline: Option<u64>,
}

/// What the host knows of a plugin beside its configuration.
#[derive(Clone, Debug)]
pub(crate) struct PluginFacts {
    pub(crate) name: String,
    pub(crate) vm_id: String,
}

pub(crate) struct World {
    pub(crate) gateway: Gateway,
    pub(crate) plugins: Vec<PluginFacts>,
    /// Nanoseconds since the epoch.
    pub(crate) now: u64,
    pub(crate) logs: Vec<String>,
    /// What the end of the test will complain about.
    pub(crate) faults: Vec<String>,
    pub(crate) traps: Vec<String>,
    /// The `vm_id` of each VM.
    pub(crate) vm_ids: Vec<String>,
    pub(crate) contexts: HashMap<(usize, u32), Context>,
    pub(crate) next_context: HashMap<usize, u32>,
    pub(crate) next_token: HashMap<usize, u32>,
    pub(crate) streams: BTreeMap<StreamId, Stream>,
    pub(crate) callouts: BTreeMap<u64, Callout>,
    pub(crate) next_callout: u64,
    pub(crate) frames: Vec<Frame>,
    pub(crate) actions: HashMap<usize, VecDeque<Action>>,
    /// VMs that have replied in the running call.
    pub(crate) stop_next: HashMap<usize, bool>,
    pub(crate) events: Events,
    pub(crate) shared_data: SharedData,
    pub(crate) queues: SharedQueues,
    pub(crate) metrics: Metrics,
    pub(crate) random: u64,
}

/// The numbers of `proxy_*_header_map_*`.
pub(crate) const REQUEST_HEADERS: u32 = 0;
pub(crate) const REQUEST_TRAILERS: u32 = 1;
pub(crate) const RESPONSE_HEADERS: u32 = 2;
pub(crate) const RESPONSE_TRAILERS: u32 = 3;
pub(crate) const CALLOUT_HEADERS: u32 = 6;
pub(crate) const CALLOUT_TRAILERS: u32 = 7;
pub(crate) const LAST_MAP: u32 = 7;

impl World {
    pub(crate) fn stream(&mut self, id: StreamId) -> &mut Stream {
        self.streams.get_mut(&id).unwrap_or_else(|| panic!("no stream {id:?}"))
    }

    pub(crate) fn log(&mut self, line: String) {
        self.logs.push(line);
    }

    /// Something that fails the test at its end.
    pub(crate) fn fault(&mut self, sentence: String) {
        self.logs.push(format!("[harness] {sentence}"));
        self.faults.push(sentence);
    }

    pub(crate) fn allocate_context(&mut self, vm: usize) -> u32 {
        let next = self.next_context.entry(vm).or_insert(0);
        *next += 1;
        *next
    }

    /// The context for which a host function acts: the one that the guest chose, while it exists, else the one that
    /// was called.
    pub(crate) fn acting(&self, vm: usize) -> Option<u32> {
        let frame = self.frames.last()?;
        match frame.effective {
            Some(chosen) if self.contexts.contains_key(&(vm, chosen)) => Some(chosen),
            _ => Some(frame.context),
        }
    }

    /// The stream and the filter's place for which a host function acts.
    pub(crate) fn acting_stream(&self, vm: usize) -> Option<(StreamId, usize)> {
        match self.contexts.get(&(vm, self.acting(vm)?))? {
            Context::Http { stream, filter, .. } => Some((*stream, *filter)),
            Context::Root(_) => None,
        }
    }

    /// The root of the acting context, itself if it is one.
    pub(crate) fn acting_root(&mut self, vm: usize) -> Option<(u32, &mut Root)> {
        let id = self.acting(vm)?;
        let id = match self.contexts.get(&(vm, id))? {
            Context::Http { root, .. } => *root,
            Context::Root(_) => id,
        };
        Some((id, self.root(vm, id)?))
    }

    pub(crate) fn root(&mut self, vm: usize, id: u32) -> Option<&mut Root> {
        match self.contexts.get_mut(&(vm, id))? {
            Context::Root(root) => Some(root),
            Context::Http { .. } => None,
        }
    }

    /// The plugin for which a host function acts.
    pub(crate) fn acting_plugin(&mut self, vm: usize) -> Option<usize> {
        if let Some((stream, filter)) = self.acting_stream(vm) {
            return Some(self.stream(stream).filters[filter].plugin);
        }
        self.acting_root(vm).map(|(_, root)| root.plugin)
    }

    /// A map to read.
    pub(crate) fn map(&mut self, vm: usize, kind: u32) -> Option<&HeaderMap> {
        match kind {
            CALLOUT_HEADERS => self.acting_root(vm)?.1.answer.as_ref().map(|answer| &answer.headers),
            CALLOUT_TRAILERS => None,
            _ => {
                let (stream, filter) = self.acting_stream(vm)?;
                let stream = self.streams.get(&stream)?;
                let (way, trailers) = map_place(kind)?;
                let half = &stream.halves[way as usize];
                let side = &stream.filters[filter].sides[way as usize];
                if stream.logging {
                    // Request trailers are gone by then.
                    return match (way, trailers) {
                        (_, false) => half.headers.as_ref(),
                        (Way::Response, true) => half.trailers.as_ref(),
                        (Way::Request, true) => None,
                    };
                }
                if trailers {
                    half.trailers.as_ref().filter(|_| side.trailers_open)
                } else {
                    half.headers.as_ref().filter(|_| side.headers_open)
                }
            }
        }
    }

    /// A map to change. Trailers that are not there come into being in the callback that sees the end of the body.
    pub(crate) fn map_mut(&mut self, vm: usize, kind: u32) -> Answer<&mut HeaderMap> {
        let policy = self.gateway.duplicate_headers;
        let (stream, filter) = self.acting_stream(vm).ok_or(Status::BadArgument)?;
        let stream = self.streams.get_mut(&stream).ok_or(Status::BadArgument)?;
        let (way, trailers) = map_place(kind).ok_or(Status::BadArgument)?;
        let Filter { end_of_stream, sides, .. } = &mut stream.filters[filter];
        let side = &mut sides[way as usize];
        let half = &mut stream.halves[way as usize];
        if trailers {
            if !side.trailers_open && side.body != BodyAt::Nowhere && *end_of_stream {
                side.trailers_open = true;
                half.trailers.get_or_insert_with(|| HeaderMap::new(policy));
            }
            half.trailers.as_mut().filter(|_| side.trailers_open).ok_or(Status::BadArgument)
        } else {
            half.headers.as_mut().filter(|_| side.headers_open).ok_or(Status::BadArgument)
        }
    }
}

fn map_place(kind: u32) -> Option<(Way, bool)> {
    match kind {
        REQUEST_HEADERS => Some((Way::Request, false)),
        REQUEST_TRAILERS => Some((Way::Request, true)),
        RESPONSE_HEADERS => Some((Way::Response, false)),
        RESPONSE_TRAILERS => Some((Way::Response, true)),
        _ => None,
    }
}
