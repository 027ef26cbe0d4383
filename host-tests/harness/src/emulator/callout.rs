//! Callouts: the cluster's reply, and the callback that gets it.

use super::{
    engine::Engine,
    events::{CalloutEnd, Event},
    header_map::HeaderMap,
    upstream::nanoseconds,
    world::CalloutAnswer,
};
use crate::http::{Reply, Response};

/// A callout's answer over this is cut off by the proxy.
const LARGEST_ANSWER: usize = 32 << 20;

impl Engine {
    /// The cluster gets the request and says how it ends.
    pub(crate) fn callout_arrives(&mut self, id: u64) {
        let Some((handler, callout)) = ({
            let world = self.w();
            world.callouts.get(&id).cloned().and_then(|callout| {
                world.gateway.clusters.get(&callout.cluster).cloned().map(|handler| (handler, callout))
            })
        }) else {
            return;
        };
        let reply = handler(&callout.request);
        let mut world = self.w();
        let now = world.now;
        let due = match reply {
            Reply::Response(response) => Some((now, CalloutEnd::Response(response))),
            Reply::After(delay, response) => {
                let answer = now + nanoseconds(delay);
                match callout.deadline {
                    Some(deadline) if deadline <= answer => Some((deadline, timed_out())),
                    _ => Some((answer, CalloutEnd::Response(response))),
                }
            }
            Reply::Hang => callout.deadline.map(|deadline| (deadline, timed_out())),
            Reply::Reset => Some((now, reset())),
            Reply::Garbage => Some((
                now,
                proxy_answer(
                    502,
                    "upstream connect error or disconnect/reset before headers. reset reason: protocol error",
                ),
            )),
            Reply::Truncated(_) => Some((now, CalloutEnd::Nothing)),
        };
        if let Some((time, end)) = due {
            world.events.at(time, Event::CalloutEnds(id, end));
        }
    }

    /// The answer goes to the root that owns the callout; maps and body can be read during that callback only.
    pub(crate) fn callout_ends(&mut self, id: u64, end: CalloutEnd) {
        let Some(callout) = self.w().callouts.remove(&id) else { return };
        let (count, size) = {
            let mut world = self.w();
            let policy = world.gateway.duplicate_headers;
            let answer = match end {
                CalloutEnd::Response(response) if response.body.len() <= LARGEST_ANSWER => {
                    let mut headers = HeaderMap::new(policy);
                    headers.add(b":status", response.status.to_string().as_bytes());
                    for (name, value) in &response.headers {
                        headers.add(name, value);
                    }
                    if !response.body.is_empty() && headers.get(b"content-length").is_none() {
                        headers.add(b"content-length", response.body.len().to_string().as_bytes());
                    }
                    Some(CalloutAnswer { headers, body: response.body })
                }
                CalloutEnd::Response(_) | CalloutEnd::Nothing => None,
            };
            let sizes = answer.as_ref().map_or((0, 0), |answer| (answer.headers.len(), answer.body.len()));
            let Some(root) = world.root(callout.vm, callout.root) else { return };
            root.status = if answer.is_some() { (0, "") } else { (11, "reset") };
            root.answer = answer;
            sizes
        };
        let arguments = [
            callout.root,
            callout.token,
            u32::try_from(count).unwrap_or(u32::MAX),
            u32::try_from(size).unwrap_or(u32::MAX),
            0,
        ];
        self.call(callout.vm, "proxy_on_http_call_response", &arguments);
        if let Some(root) = self.w().root(callout.vm, callout.root) {
            root.answer = None;
            root.status = (0, "");
        }
        self.run_actions(callout.vm);
    }
}

/// What a filter gets when the cluster took too long.
pub(crate) fn timed_out() -> CalloutEnd {
    proxy_answer(504, "upstream request timeout")
}

/// What a filter gets when the connection broke.
pub(crate) fn reset() -> CalloutEnd {
    proxy_answer(503, "upstream connect error or disconnect/reset before headers. reset reason: connection termination")
}

fn proxy_answer(status: u16, text: &str) -> CalloutEnd {
    CalloutEnd::Response(Response::text(status, text).header("content-type", "text/plain"))
}
