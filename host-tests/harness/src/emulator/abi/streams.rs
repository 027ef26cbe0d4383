//! What a filter does to streams: resume, close, answer, and act for another context. All but the last take effect
//! at the end of the call.

use wasmtime::{Caller, Linker};

use super::{Answer, Status, number};
use crate::{
    emulator::{
        guest::{Guest, read, world},
        pairs,
        stream::Way,
        world::{Action, Context, World},
    },
    http::Response,
};

pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_continue_stream", |caller: Caller<'_, Guest>, kind: u32| {
        number(resume(&caller, kind))
    })?;
    linker
        .func_wrap("env", "proxy_close_stream", |caller: Caller<'_, Guest>, kind: u32| number(close(&caller, kind)))?;
    linker.func_wrap(
        "env",
        "proxy_send_local_response",
        |caller: Caller<'_, Guest>,
         status: u32,
         details: u32,
         details_size: u32,
         body: u32,
         body_size: u32,
         headers: u32,
         headers_size: u32,
         _grpc_status: u32| {
            number(reply(&caller, status, (details, details_size), (body, body_size), (headers, headers_size)))
        },
    )?;
    linker.func_wrap("env", "proxy_set_effective_context", |caller: Caller<'_, Guest>, context: u32| {
        number(act_for(&caller, context))
    })?;
    linker.func_wrap("env", "proxy_done", |_caller: Caller<'_, Guest>| Status::NotFound as u32)?;
    linker.func_wrap("env", "proxy_clear_route_cache", |_caller: Caller<'_, Guest>| Status::Ok as u32)?;
    Ok(())
}

fn put_off(world: &mut World, vm: usize, action: Action) {
    world.actions.entry(vm).or_default().push_back(action);
}

fn resume(caller: &Caller<'_, Guest>, kind: u32) -> Answer {
    let way = match kind {
        0 => Way::Request,
        1 => Way::Response,
        2 => return Ok(()),
        3 => return Err(Status::Unimplemented),
        _ => return Err(Status::BadArgument),
    };
    let (world, vm) = world(caller);
    let mut world = world.borrow_mut();
    // From a root context nothing happens, and Envoy says so to nobody.
    let Some((stream, filter)) = world.acting_stream(vm) else { return Ok(()) };
    let with_reply = match world.frames.last_mut() {
        Some(frame) => {
            frame.resumed.push(stream);
            frame.replied.contains(&stream)
        }
        None => false,
    };
    put_off(&mut world, vm, Action::Resume { stream, filter, way, with_reply });
    // Whichever way is resumed, the request's maps and body are closed to the filter.
    let side = world.stream(stream).side(filter, Way::Request);
    side.headers_open = false;
    side.trailers_open = false;
    side.body = crate::emulator::stream::BodyAt::Nowhere;
    Ok(())
}

fn close(caller: &Caller<'_, Guest>, kind: u32) -> Answer {
    if kind > 3 {
        return Err(Status::BadArgument);
    }
    let (world, vm) = world(caller);
    let mut world = world.borrow_mut();
    if kind < 2
        && let Some((stream, _)) = world.acting_stream(vm)
    {
        put_off(&mut world, vm, Action::Close { stream });
    }
    Ok(())
}

fn reply(
    caller: &Caller<'_, Guest>,
    status: u32,
    details: (u32, u32),
    body: (u32, u32),
    headers: (u32, u32),
) -> Answer {
    let details = read(caller, details.0, details.1)?;
    let body = read(caller, body.0, body.1)?;
    let headers = pairs::decode(&read(caller, headers.0, headers.1)?);
    let (world, vm) = world(caller);
    let mut world = world.borrow_mut();
    if let Some((stream, filter)) = world.acting_stream(vm) {
        if let Some(frame) = world.frames.last_mut() {
            frame.replied.push(stream);
        }
        let status = u16::try_from(status).unwrap_or_default();
        let response = Response { status, headers, body };
        put_off(&mut world, vm, Action::Reply { stream, filter, response, details });
    }
    world.stop_next.insert(vm, true);
    Ok(())
}

/// A context that is not there is refused, and the one before stays: the guest's next edit lands there.
fn act_for(caller: &Caller<'_, Guest>, context: u32) -> Answer {
    let (world, vm) = world(caller);
    let mut world = world.borrow_mut();
    match world.contexts.get(&(vm, context)) {
        None => Err(Status::BadArgument),
        Some(Context::Root(_) | Context::Http { .. }) => {
            if let Some(frame) = world.frames.last_mut() {
                frame.effective = Some(context);
            }
            Ok(())
        }
    }
}
