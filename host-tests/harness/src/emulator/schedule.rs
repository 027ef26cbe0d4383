//! Virtual time: what is due runs in order, and the clock moves only when nothing else can run.

use super::{
    engine::Engine,
    events::Event,
    shared_queue::Listener,
    stream::{StreamId, Way},
    world::Context,
};
use crate::http::Response;

/// Virtual time after which a stream that only ticks could still free is called stuck.
const PATIENCE: u64 = 120 * 1_000_000_000;
/// What is due next.
enum Due {
    Event,
    Tick { vm: usize, root: u32 },
}

impl Engine {
    /// Serves until all these streams have ended.
    ///
    /// # Panics
    /// If one of them cannot end.
    pub(crate) fn run_until_over(&mut self, streams: &[StreamId]) {
        let mut horizon = self.w().now + PATIENCE;
        loop {
            self.bury();
            let waiting = streams.iter().copied().find(|id| {
                let mut world = self.w();
                let stream = world.stream(*id);
                !stream.over && !stream.reset
            });
            let Some(waiting) = waiting else { break };
            match self.due() {
                Some((time, Due::Event)) => {
                    self.turn(time, &Due::Event);
                    horizon = self.w().now + PATIENCE;
                }
                Some((time, tick)) if time <= horizon => self.turn(time, &tick),
                _ => self.give_up(waiting),
            }
        }
        // Whatever is due at this very moment still belongs to these requests.
        let now = self.w().now;
        self.run_to(now);
    }

    /// Serves all that is due until then, and lets the clock stand there.
    pub(crate) fn run_to(&mut self, until: u64) {
        self.bury();
        while let Some((time, due)) = self.due()
            && time <= until
        {
            self.turn(time, &due);
            self.bury();
        }
        let mut world = self.w();
        world.now = world.now.max(until);
    }

    fn due(&self) -> Option<(u64, Due)> {
        let world = self.w();
        let tick = world
            .contexts
            .iter()
            .filter_map(|((vm, id), context)| match context {
                Context::Root(root) if !self.is_dead(*vm) => Some((root.next_tick?, *vm, *id)),
                _ => None,
            })
            .min();
        let event = world.events.next_time();
        match (event, tick) {
            (Some(event), Some((tick, vm, root))) if tick < event => Some((tick, Due::Tick { vm, root })),
            (Some(event), _) => Some((event, Due::Event)),
            (None, Some((tick, vm, root))) => Some((tick, Due::Tick { vm, root })),
            (None, None) => None,
        }
    }

    fn turn(&mut self, time: u64, due: &Due) {
        {
            let mut world = self.w();
            world.now = world.now.max(time);
        }
        match due {
            Due::Tick { vm, root } => self.tick(*vm, *root),
            Due::Event => {
                let event = self.w().events.pop();
                match event {
                    Some(Event::CalloutArrives(id)) => self.callout_arrives(id),
                    Some(Event::CalloutEnds(id, end)) => self.callout_ends(id, end),
                    Some(Event::UpstreamArrives(id)) => self.upstream_arrives(id),
                    Some(Event::UpstreamEnds(id, end)) => self.upstream_ends(id, end),
                    Some(Event::QueueReady(listener, token)) => self.queue_ready(listener, token),
                    None => {}
                }
            }
        }
    }

    fn queue_ready(&mut self, listener: Listener, token: u32) {
        let listens = self.w().contexts.contains_key(&(listener.vm, listener.context));
        if listens {
            self.call(listener.vm, "proxy_on_queue_ready", &[listener.context, token]);
            self.run_actions(listener.vm);
        }
    }

    /// Ticks one root; the next tick is counted from the end of this one.
    pub(crate) fn tick(&mut self, vm: usize, root: u32) {
        self.call(vm, "proxy_on_tick", &[root]);
        self.run_actions(vm);
        let mut world = self.w();
        let now = world.now;
        if let Some(root) = world.root(vm, root)
            && root.next_tick.is_some_and(|next| next <= now)
        {
            root.next_tick = (root.tick_period > 0).then_some(now + root.tick_period);
        }
    }

    fn give_up(&mut self, id: StreamId) {
        let (holder, plugin_name, phase, vm) = {
            let mut world = self.w();
            let stream = world.stream(id);
            match stream.holder() {
                Some((filter, way)) => {
                    let entry = &stream.filters[filter];
                    let (plugin, vm) = (entry.plugin, entry.vm);
                    let phase = entry.sides[way as usize].paused_in;
                    (Some(way), world.plugins[plugin].name.clone(), phase, Some(vm))
                }
                None => (None, String::new(), "", None),
            }
        };
        if vm.is_some_and(|vm| self.is_dead(vm)) && !self.has_answer(id) {
            // In Envoy only `stream_idle_timeout` ends it.
            self.proxy_replies(id, Response::text(504, "stream timeout"), b"stream_idle_timeout");
            return;
        }
        let picture = self.picture(id);
        let what = match holder {
            Some(way) => {
                let way = match way {
                    Way::Request => "request",
                    Way::Response => "response",
                };
                format!("'{plugin_name}' paused the {way} in {phase} and never resumed it")
            }
            None => "no filter holds it, and the request is incomplete or the upstream never answers".to_owned(),
        };
        panic!("the stream is stuck: {what}\n{picture}");
    }

    /// A stream and the log, for a message.
    pub(crate) fn picture(&self, id: StreamId) -> String {
        let mut world = self.w();
        let logs = world.logs.join("\n  ");
        let stream = world.stream(id);
        let path = stream.halves[Way::Request as usize]
            .headers
            .as_ref()
            .and_then(|headers| headers.get(b":path"))
            .unwrap_or_default();
        format!("{} {}\nlogs:\n  {logs}", stream.method, String::from_utf8_lossy(path))
    }
}
