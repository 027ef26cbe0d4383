//! Dispatch of HTTP callouts; gRPC is not offered.

use wasmtime::{Caller, Linker};

use super::{Answer, Status, number};
use crate::{
    emulator::{
        events::Event,
        guest::{Guest, read, world, write_u32},
        pairs,
        world::{Callout, World},
    },
    http::{Protocol, Request},
};

type Span = (u32, u32);

pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_http_call",
        |mut caller: Caller<'_, Guest>,
         cluster: u32,
         cluster_size: u32,
         headers: u32,
         headers_size: u32,
         body: u32,
         body_size: u32,
         trailers: u32,
         trailers_size: u32,
         timeout: i32,
         token_at: u32| {
            let parts =
                [(cluster, cluster_size), (headers, headers_size), (body, body_size), (trailers, trailers_size)];
            number(dispatch(&mut caller, parts, timeout, token_at))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_grpc_call",
        |_: Caller<'_, Guest>,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32| Status::InternalFailure as u32,
    )?;
    linker.func_wrap(
        "env",
        "proxy_grpc_stream",
        |_: Caller<'_, Guest>, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32| {
            Status::InternalFailure as u32
        },
    )?;
    linker.func_wrap("env", "proxy_grpc_send", |_: Caller<'_, Guest>, _: u32, _: u32, _: u32, _: u32| {
        Status::NotFound as u32
    })?;
    linker.func_wrap("env", "proxy_grpc_cancel", |_: Caller<'_, Guest>, _: u32| Status::NotFound as u32)?;
    linker.func_wrap("env", "proxy_grpc_close", |_: Caller<'_, Guest>, _: u32| Status::NotFound as u32)?;
    Ok(())
}

fn dispatch(caller: &mut Caller<'_, Guest>, parts: [Span; 4], timeout: i32, token_at: u32) -> Answer {
    let [cluster, headers, body, trailers] = parts;
    let cluster = String::from_utf8_lossy(&read(caller, cluster.0, cluster.1)?).into_owned();
    let headers = pairs::decode(&read(caller, headers.0, headers.1)?);
    let body = read(caller, body.0, body.1)?;
    let trailers = pairs::decode(&read(caller, trailers.0, trailers.1)?);
    write_u32(caller, token_at, 0)?;
    let token = {
        let (world, vm) = world(caller);
        let mut world = world.borrow_mut();
        let request = request(headers, body, trailers);
        send(&mut world, vm, cluster, request, timeout)?
    };
    write_u32(caller, token_at, token)
}

fn send(world: &mut World, vm: usize, cluster: String, request: Option<Request>, timeout: i32) -> Answer<u32> {
    let timeout = u64::try_from(timeout).map_err(|_| Status::BadArgument)?;
    if world.gateway.empty_clusters.contains(&cluster) {
        return Err(Status::InternalFailure);
    }
    if !world.gateway.clusters.contains_key(&cluster) {
        if !world.gateway.missing_clusters.contains(&cluster) {
            world.fault(format!("a callout went to the unknown cluster '{cluster}'"));
        }
        return Err(Status::BadArgument);
    }
    let mut request = request.ok_or(Status::BadArgument)?;
    if let Some(credential) = world.gateway.credentials.get(&cluster) {
        request.headers.retain(|(name, _)| name != b"authorization");
        request.headers.push((b"authorization".to_vec(), credential.clone().into_bytes()));
    }
    if timeout > 0 {
        request.headers.push((b"x-envoy-expected-rq-timeout-ms".to_vec(), timeout.to_string().into_bytes()));
    }
    // Whichever context asked: in Envoy the callout belongs to its root, and outlives the stream.
    let (root, _) = world.acting_root(vm).ok_or(Status::BadArgument)?;
    let token = world.next_token.entry(vm).or_insert(0);
    *token += 1;
    let token = *token;
    world.next_callout += 1;
    let id = world.next_callout;
    let deadline = (timeout > 0).then_some(world.now + timeout * 1_000_000);
    world.callouts.insert(id, Callout { vm, root, token, cluster, request, deadline });
    if !world.gateway.manual {
        let now = world.now;
        world.events.at(now, Event::CalloutArrives(id));
    }
    Ok(token)
}

/// `None`: a pseudo field is missing, which Envoy refuses.
fn request(fields: Vec<(Vec<u8>, Vec<u8>)>, body: Vec<u8>, trailers: Vec<(Vec<u8>, Vec<u8>)>) -> Option<Request> {
    let mut method = None;
    let mut path = None;
    let mut authority = None;
    let mut headers = Vec::new();
    for (name, value) in fields {
        let name = name.to_ascii_lowercase();
        match name.as_slice() {
            b":method" => method = Some(value),
            b":path" => path = Some(value),
            b":authority" | b"host" => authority = Some(value),
            b":scheme" => {}
            _ => headers.push((name, value)),
        }
    }
    if !body.is_empty() {
        headers.retain(|(name, _)| name != b"content-length");
        headers.push((b"content-length".to_vec(), body.len().to_string().into_bytes()));
    }
    Some(Request {
        method: String::from_utf8_lossy(&method?).into_owned(),
        path: path?,
        authority: authority?,
        headers,
        chunks: if body.is_empty() { Vec::new() } else { vec![body] },
        trailers: (!trailers.is_empty()).then_some(trailers),
        protocol: Protocol::Http1,
    })
}
