//! `proxy_get_property` and `proxy_set_property`.

use wasmtime::{Caller, Linker};

use super::{Answer, Status, number};
use crate::emulator::{
    guest::{Guest, give, read, world},
    property,
    stream::FilterState,
};

pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_property",
        |mut caller: Caller<'_, Guest>, path: u32, path_size: u32, pointer_at: u32, size_at: u32| {
            number(get(&mut caller, (path, path_size), pointer_at, size_at))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_property",
        |caller: Caller<'_, Guest>, path: u32, path_size: u32, value: u32, value_size: u32| {
            number(set(&caller, (path, path_size), (value, value_size)))
        },
    )?;
    Ok(())
}

fn get(caller: &mut Caller<'_, Guest>, path: (u32, u32), pointer_at: u32, size_at: u32) -> Answer {
    let path = read(caller, path.0, path.1)?;
    let value = {
        let (world, vm) = world(caller);
        let mut world = world.borrow_mut();
        let parts: Vec<&[u8]> = path.split(|byte| *byte == 0).collect();
        property::find(&mut world, vm, &parts)?
    };
    give(caller, &value, pointer_at, size_at)
}

/// The key becomes filter state of the stream. Whether it may be written twice was settled by the root of whoever
/// wrote it first.
fn set(caller: &Caller<'_, Guest>, path: (u32, u32), value: (u32, u32)) -> Answer {
    let key = read(caller, path.0, path.1)?;
    let value = read(caller, value.0, value.1)?;
    let (world, vm) = world(caller);
    let mut world = world.borrow_mut();
    let (stream, _) = world.acting_stream(vm).ok_or(Status::NotFound)?;
    let read_only = world.acting_root(vm).and_then(|(_, root)| root.declared.get(&key).copied()).unwrap_or(false);
    let state = &mut world.stream(stream).filter_state;
    match state.get_mut(&key) {
        Some(old) if old.read_only => Err(Status::BadArgument),
        Some(old) => {
            old.value = value;
            Ok(())
        }
        None => {
            state.insert(key, FilterState { value, read_only });
            Ok(())
        }
    }
}
