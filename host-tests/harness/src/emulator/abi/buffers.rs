//! Byte buffers: configurations, bodies, a callout's answer.

use wasmtime::{Caller, Linker};

use super::{Answer, Status, number};
use crate::emulator::{
    guest::{Guest, give, read, world, write_u32},
    stream::{BodyAt, Way},
    world::World,
};

const REQUEST_BODY: u32 = 0;
const RESPONSE_BODY: u32 = 1;
const DOWNSTREAM_DATA: u32 = 2;
const UPSTREAM_DATA: u32 = 3;
const CALLOUT_BODY: u32 = 4;
const GRPC_BODY: u32 = 5;
const VM_CONFIGURATION: u32 = 6;
const PLUGIN_CONFIGURATION: u32 = 7;
const CALL_DATA: u32 = 8;

pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_buffer_bytes",
        |mut caller: Caller<'_, Guest>, buffer: u32, start: u32, size: u32, pointer_at: u32, size_at: u32| {
            number(get(&mut caller, buffer, (start, size), pointer_at, size_at))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_buffer_bytes",
        |caller: Caller<'_, Guest>, buffer: u32, start: u32, size: u32, pointer: u32, bytes: u32| {
            number(set(&caller, buffer, (start, size), (pointer, bytes)))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_buffer_status",
        |mut caller: Caller<'_, Guest>, buffer: u32, size_at: u32, flags_at: u32| {
            number(status(&mut caller, buffer, size_at, flags_at))
        },
    )?;
    Ok(())
}

/// A body out of its time is an empty buffer in Envoy; a callout's answer or a configuration is no buffer at all.
fn bytes(world: &mut World, vm: usize, buffer: u32) -> Answer<Vec<u8>> {
    match buffer {
        REQUEST_BODY => Ok(body(world, vm, Way::Request).map(|body| body.clone()).unwrap_or_default()),
        RESPONSE_BODY => Ok(body(world, vm, Way::Response).map(|body| body.clone()).unwrap_or_default()),
        DOWNSTREAM_DATA | UPSTREAM_DATA | GRPC_BODY | VM_CONFIGURATION | CALL_DATA => Ok(Vec::new()),
        CALLOUT_BODY => {
            let (_, root) = world.acting_root(vm).ok_or(Status::NotFound)?;
            root.answer.as_ref().map(|answer| answer.body.clone()).ok_or(Status::NotFound)
        }
        PLUGIN_CONFIGURATION => {
            let (_, root) = world.acting_root(vm).ok_or(Status::NotFound)?;
            if !root.configuring {
                return Err(Status::NotFound);
            }
            let plugin = root.plugin;
            Ok(world.gateway.plugins[plugin].config.clone())
        }
        _ => Err(Status::BadArgument),
    }
}

/// The body that the acting filter may see now.
fn body(world: &mut World, vm: usize, way: Way) -> Option<&mut Vec<u8>> {
    let (stream, filter) = world.acting_stream(vm)?;
    let stream = world.stream(stream);
    let side = *stream.side(filter, way);
    let half = stream.half(way);
    if side.buffering {
        return half.buffered.as_mut();
    }
    match side.body {
        BodyAt::Nowhere => None,
        BodyAt::InFlight => Some(&mut half.in_flight),
        BodyAt::Buffered => half.buffered.as_mut(),
    }
}

fn get(caller: &mut Caller<'_, Guest>, buffer: u32, part: (u32, u32), pointer_at: u32, size_at: u32) -> Answer {
    let all = {
        let (world, vm) = world(caller);
        let mut world = world.borrow_mut();
        bytes(&mut world, vm, buffer)?
    };
    let (start, size) = part;
    let end = start.checked_add(size).ok_or(Status::BadArgument)?;
    let part = all.get(start as usize..).map(|rest| &rest[..rest.len().min((end - start) as usize)]);
    match part {
        // Envoy leaves the guest's pointers alone then.
        None | Some([]) => Ok(()),
        Some(part) => give(caller, part, pointer_at, size_at),
    }
}

/// Envoy replaces from the start (prepend, or all), or appends behind the end; nothing in between.
fn set(caller: &Caller<'_, Guest>, buffer: u32, part: (u32, u32), data: (u32, u32)) -> Answer {
    let data = read(caller, data.0, data.1)?;
    let way = match buffer {
        REQUEST_BODY => Way::Request,
        RESPONSE_BODY => Way::Response,
        _ => return Err(Status::BadArgument),
    };
    let (world, vm) = world(caller);
    let mut world = world.borrow_mut();
    let body = body(&mut world, vm, way).ok_or(Status::BadArgument)?;
    let (start, size) = (part.0 as usize, part.1 as usize);
    if start == 0 && size == 0 {
        body.splice(0..0, data);
    } else if start == 0 && size >= body.len() {
        *body = data;
    } else if start > 0 && start >= body.len() {
        body.extend(data);
    } else {
        return Err(Status::BadArgument);
    }
    Ok(())
}

fn status(caller: &mut Caller<'_, Guest>, buffer: u32, size_at: u32, flags_at: u32) -> Answer {
    let size = {
        let (world, vm) = world(caller);
        let mut world = world.borrow_mut();
        bytes(&mut world, vm, buffer)?.len()
    };
    write_u32(caller, size_at, u32::try_from(size).map_err(|_| Status::InternalFailure)?)?;
    write_u32(caller, flags_at, 0)
}
