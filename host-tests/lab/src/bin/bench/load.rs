//! The load: a fixed number of connections, each of which sends the next request when the last is answered.
//!
//! Of the libraries for this, `goose` and `rlt` bring a terminal interface or a web dashboard, own the process and give
//! their numbers to a screen or a file; `oha` as a library is its command line, which cannot give every request another
//! token. Alternating rounds within one process need a function that returns numbers. So the parts are libraries, and
//! only the loop is ours: `hyper` speaks HTTP/1.1 over connections that stay open, and `hdrhistogram`, the measure of
//! wrk2 and of most of these tools, keeps every latency to three digits. One thread does all of it, so that it stays on
//! the core that Envoy does not use; its own load is measured, too, because a generator at its limit measures itself.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use hdrhistogram::Histogram;
use http::{HeaderValue, Request, Uri, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    task::{JoinSet, LocalSet},
};

use crate::{
    cases::{HOST, PATH, Tokens},
    machine::CpuTime,
};

/// A longer latency counts as this.
const LONGEST: Duration = Duration::from_secs(60);

/// What was seen between warm-up and end.
pub(crate) struct Measured {
    /// Of each answer, in nanoseconds.
    pub latency: Histogram<u64>,
    pub elapsed: Duration,
    /// How often each status but 200 came, warm-up included.
    pub refused: BTreeMap<u16, u64>,
    /// Processor time of Envoy and of the load meanwhile.
    pub envoy: CpuTime,
    pub load: CpuTime,
}

/// Loads a gateway. Only answers that came after `warm_up` count. `cpu` tells the processor time of Envoy and of this
/// thread so far.
pub(crate) fn run(
    address: SocketAddr,
    tokens: &Rc<Tokens>,
    connections: usize,
    warm_up: Duration,
    time: Duration,
    cpu: &dyn Fn() -> Result<(CpuTime, CpuTime)>,
) -> Result<Measured> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let seen = Rc::new(RefCell::new(Seen::new()?));
        let mut senders = JoinSet::new();
        for _ in 0..connections {
            let connection = connect(address).await?;
            senders.spawn_local(send_until_the_end(connection, Rc::clone(tokens), Rc::clone(&seen)));
        }
        tokio::time::sleep(warm_up).await;
        let (start, (envoy, load)) = (Instant::now(), cpu()?);
        seen.borrow_mut().phase = Phase::Counting;
        tokio::time::sleep(time).await;
        seen.borrow_mut().phase = Phase::Over;
        let (elapsed, (envoy_now, load_now)) = (start.elapsed(), cpu()?);
        while let Some(ended) = senders.join_next().await {
            ended??;
        }
        let Seen { latency, refused, .. } = seen.replace(Seen::new()?);
        Ok(Measured { latency, elapsed, refused, envoy: envoy_now.since(envoy), load: load_now.since(load) })
    })
}

/// What all connections of one run share.
struct Seen {
    phase: Phase,
    latency: Histogram<u64>,
    refused: BTreeMap<u16, u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    WarmUp,
    Counting,
    /// Answers to what is on its way are awaited and not counted.
    Over,
}

impl Seen {
    fn new() -> Result<Self> {
        let longest = u64::try_from(LONGEST.as_nanos())?;
        Ok(Self { phase: Phase::WarmUp, latency: Histogram::new_with_max(longest, 3)?, refused: BTreeMap::new() })
    }

    fn count(&mut self, status: u16, latency: Duration) {
        if status != 200 {
            let count = self.refused.entry(status).or_default();
            *count = count.saturating_add(1);
        }
        if self.phase == Phase::Counting {
            self.latency.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
        }
    }
}

async fn connect(address: SocketAddr) -> Result<SendRequest<Empty<Bytes>>> {
    let stream = TcpStream::connect(address).await.context("Envoy takes no connection")?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    // What breaks it is an error of the request that is on its way, too.
    tokio::task::spawn_local(async move { connection.await.ok() });
    Ok(sender)
}

async fn send_until_the_end(
    mut sender: SendRequest<Empty<Bytes>>,
    tokens: Rc<Tokens>,
    seen: Rc<RefCell<Seen>>,
) -> Result<()> {
    while seen.borrow().phase != Phase::Over {
        sender.ready().await.context("Envoy closed a connection")?;
        let request = request(tokens.next());
        let start = Instant::now();
        let answer = sender.send_request(request).await.context("Envoy broke a connection")?;
        let status = answer.status().as_u16();
        answer.into_body().collect().await.context("Envoy broke an answer")?;
        seen.borrow_mut().count(status, start.elapsed());
    }
    Ok(())
}

fn request(authorization: HeaderValue) -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = Uri::from_static(PATH);
    let headers = request.headers_mut();
    headers.insert(header::HOST, HeaderValue::from_static(HOST));
    headers.insert(header::AUTHORIZATION, authorization);
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_comes_between_warm_up_and_end_counts_but_every_refusal_does() {
        let mut seen = Seen::new().unwrap();
        seen.count(401, Duration::from_millis(1));
        seen.phase = Phase::Counting;
        for milliseconds in [2, 3, 900] {
            seen.count(200, Duration::from_millis(milliseconds));
        }
        seen.phase = Phase::Over;
        seen.count(503, Duration::from_millis(1));
        assert_eq!(seen.refused, BTreeMap::from([(401, 1), (503, 1)]));
        assert_eq!(seen.latency.len(), 3);
        let near = |quantile, milliseconds: f64| {
            let found = seen.latency.value_at_quantile(quantile) as f64 / 1e6;
            assert!((found / milliseconds - 1.0).abs() < 0.001, "{found}");
        };
        near(0.5, 3.0);
        near(0.99, 900.0);
    }
}
