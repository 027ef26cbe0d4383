//! One request on its way through the chain: what Envoy keeps in its filter manager.

use std::collections::HashMap;

use super::header_map::HeaderMap;
use crate::http::{Protocol, Request, Response};

/// Names a stream for the manual gear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub(crate) u64);

/// The two ways through the chain; also the `stream_type` of `proxy_continue_stream`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Request = 0,
    Response = 1,
}

impl Way {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
        }
    }
}

/// Whether a filter lets things pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Iteration {
    #[default]
    Continue,
    /// The filter held one kind of frame and still gets the others.
    StopSingle,
    /// The filter gets nothing until it continues; too much body is answered with 413.
    StopAllBuffer,
    /// The filter gets nothing until it continues; too much body makes the proxy stop reading.
    StopAllWatermark,
}

impl Iteration {
    pub(crate) fn stopped_all(self) -> bool {
        matches!(self, Self::StopAllBuffer | Self::StopAllWatermark)
    }
}

/// Where a filter's body buffer is, while it may be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum BodyAt {
    #[default]
    Nowhere,
    /// The piece that is going through the chain.
    InFlight,
    /// What the chain has buffered.
    Buffered,
}

/// One filter's view of one way.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Side {
    pub(crate) iteration: Iteration,
    pub(crate) headers_continued: bool,
    pub(crate) iterate_from_current: bool,
    pub(crate) end_stream: bool,
    /// The maps that the filter may touch now.
    pub(crate) headers_open: bool,
    pub(crate) trailers_open: bool,
    pub(crate) body: BodyAt,
    /// The filter's last body callback paused: the next one sees all that is buffered.
    pub(crate) buffering: bool,
    /// The last callback in which the filter paused.
    pub(crate) paused_in: &'static str,
}

/// One filter in one stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) plugin: usize,
    pub(crate) vm: usize,
    pub(crate) root: u32,
    pub(crate) context: u32,
    /// `proxy_on_context_create` ran.
    pub(crate) created: bool,
    /// The VM is dead and this filter has answered 503.
    pub(crate) failed: bool,
    pub(crate) end_of_stream: bool,
    pub(crate) sides: [Side; 2],
}

/// One way of a stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Half {
    pub(crate) headers: Option<HeaderMap>,
    pub(crate) trailers: Option<HeaderMap>,
    pub(crate) buffered: Option<Vec<u8>>,
    pub(crate) in_flight: Vec<u8>,
    /// All of it has come in.
    pub(crate) complete: bool,
    /// Over the limit the proxy stops reading instead of giving up.
    pub(crate) streaming: bool,
    /// Body bytes seen so far.
    pub(crate) size: usize,
}

/// What has reached the upstream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Upstream {
    pub(crate) requests: Vec<Request>,
    /// The whole request has arrived: the upstream may answer.
    pub(crate) asked: bool,
    /// The answer has begun.
    pub(crate) answered: bool,
}

/// A request in the proxy.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub(crate) protocol: Protocol,
    pub(crate) method: String,
    /// A tunnel (upgrade or CONNECT): its body never ends.
    pub(crate) tunnel: bool,
    pub(crate) filters: Vec<Filter>,
    pub(crate) halves: [Half; 2],
    /// The client has its whole response, or nobody waits for it.
    pub(crate) over: bool,
    /// The client left, or the connection broke.
    pub(crate) reset: bool,
    /// A local reply was sent; by whom.
    pub(crate) replied_by: Option<String>,
    /// Filters after this one are not asked any more.
    pub(crate) request_aborted: bool,
    pub(crate) filter_state: HashMap<Vec<u8>, FilterState>,
    pub(crate) upstream: Upstream,
    /// Where the proxy would send it as it came.
    pub(crate) cluster: String,
    pub(crate) client: Response,
    pub(crate) client_started: bool,
    pub(crate) code_details: Vec<u8>,
    pub(crate) received_at: u64,
    pub(crate) logging: bool,
    /// Its contexts are deleted.
    pub(crate) destroyed: bool,
}

/// A key of the filter state.
#[derive(Clone, Debug)]
pub(crate) struct FilterState {
    pub(crate) value: Vec<u8>,
    pub(crate) read_only: bool,
}

impl Stream {
    pub(crate) fn half(&mut self, way: Way) -> &mut Half {
        &mut self.halves[way as usize]
    }

    pub(crate) fn side(&mut self, filter: usize, way: Way) -> &mut Side {
        &mut self.filters[filter].sides[way as usize]
    }

    /// Which filter holds the stream, and in which callback it paused.
    pub(crate) fn holder(&self) -> Option<(usize, Way)> {
        [Way::Request, Way::Response].into_iter().find_map(|way| {
            self.filters
                .iter()
                .position(|filter| filter.sides[way as usize].iteration != Iteration::Continue)
                .map(|index| (index, way))
        })
    }

    /// HEAD has no response body.
    pub(crate) fn is_head(&self) -> bool {
        self.method.eq_ignore_ascii_case("HEAD")
    }
}
