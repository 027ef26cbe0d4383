//! Answers that do not come from the upstream: a filter's, or the proxy's own.

use super::{
    engine::Engine,
    header_map::HeaderMap,
    stream::{BodyAt, StreamId, Way},
};
use crate::http::Response;

impl Engine {
    /// The client has, or is getting, an answer to this.
    pub(crate) fn has_answer(&self, id: StreamId) -> bool {
        let mut world = self.w();
        let stream = world.stream(id);
        stream.over || stream.reset || stream.replied_by.is_some()
    }

    /// A filter's local reply.
    pub(crate) fn filter_replies(&mut self, id: StreamId, filter: usize, response: Response, details: Vec<u8>) {
        let (name, before) = {
            let mut world = self.w();
            let stream = world.stream(id);
            let before = if let Some(by) = &stream.replied_by {
                Some(format!("{by} had replied"))
            } else if stream.over || stream.reset {
                Some("the stream had ended".to_owned())
            } else {
                None
            };
            let plugin = stream.filters[filter].plugin;
            (format!("'{}'", world.plugins[plugin].name), before)
        };
        if let Some(before) = before {
            let status = response.status;
            self.w().fault(format!("{name} sent a local reply ({status}) after {before}"));
            return;
        }
        self.reply(id, name, response, &details);
    }

    /// A local reply of the proxy itself.
    pub(crate) fn proxy_replies(&mut self, id: StreamId, response: Response, details: &[u8]) {
        self.reply(id, "the proxy".to_owned(), response, details);
    }

    fn reply(&mut self, id: StreamId, by: String, response: Response, details: &[u8]) {
        let (started, response_in_chain) = {
            let mut world = self.w();
            let stream = world.stream(id);
            stream.replied_by = Some(by);
            stream.request_aborted = true;
            stream.code_details = details.iter().map(|b| if b.is_ascii_whitespace() { b'_' } else { *b }).collect();
            (stream.client_started, stream.halves[Way::Response as usize].headers.is_some())
        };
        if started {
            // The client has seen another beginning already.
            self.break_off(id);
            return;
        }
        let headers = self.reply_headers(&response);
        let is_head = {
            let mut world = self.w();
            let stream = world.stream(id);
            let half = stream.half(Way::Response);
            half.headers = Some(headers);
            half.trailers = None;
            half.buffered = None;
            half.in_flight.clear();
            half.complete = true;
            stream.is_head()
        };
        let end = response.body.is_empty() || is_head;
        if response_in_chain {
            // A response was on its way through the filters: this one replaces it and passes none of them.
            self.client_headers(id, end);
            if !end {
                self.w().stream(id).half(Way::Response).in_flight = response.body;
                self.client_data(id, BodyAt::InFlight, true);
            }
            return;
        }
        self.headers(id, Way::Response, None, end);
        if !end {
            self.w().stream(id).half(Way::Response).in_flight = response.body;
            self.data(id, Way::Response, None, BodyAt::InFlight, true);
        }
    }

    /// Envoy adds the length, and a content type where the filter gave none.
    fn reply_headers(&self, response: &Response) -> HeaderMap {
        let policy = self.w().gateway.duplicate_headers;
        let mut headers = HeaderMap::new(policy);
        headers.add(b":status", response.status.to_string().as_bytes());
        for (name, value) in &response.headers {
            headers.add(name, value);
        }
        if !response.body.is_empty() {
            headers.set(b"content-length", response.body.len().to_string().as_bytes());
            if headers.get(b"content-type").is_none() {
                headers.add(b"content-type", b"text/plain");
            }
        }
        headers
    }

    /// The connection breaks.
    pub(crate) fn break_off(&mut self, id: StreamId) {
        let newly = {
            let mut world = self.w();
            let stream = world.stream(id);
            !std::mem::replace(&mut stream.reset, true) && !stream.over
        };
        if newly {
            self.ended.push(id);
        }
    }
}
