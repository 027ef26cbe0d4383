//! Field maps: whose time is over, or that never were, cannot be touched.

use wasmtime::{Caller, Linker};

use super::{Answer, Status, number};
use crate::emulator::{
    guest::{Guest, give, read, world, write_u32},
    pairs,
    world::LAST_MAP,
};

pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_header_map_pairs",
        |mut caller: Caller<'_, Guest>, map: u32, pointer_at: u32, size_at: u32| {
            number(get_pairs(&mut caller, map, pointer_at, size_at))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_header_map_pairs",
        |caller: Caller<'_, Guest>, map: u32, pointer: u32, size: u32| number(set_pairs(&caller, map, pointer, size)),
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_header_map_value",
        |mut caller: Caller<'_, Guest>, map: u32, key: u32, key_size: u32, pointer_at: u32, size_at: u32| {
            number(get_value(&mut caller, map, (key, key_size), pointer_at, size_at))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_add_header_map_value",
        |caller: Caller<'_, Guest>, map: u32, key: u32, key_size: u32, value: u32, value_size: u32| {
            number(change(&caller, map, (key, key_size), |key, map| {
                map.add(key, &read(&caller, value, value_size)?);
                Ok(())
            }))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_replace_header_map_value",
        |caller: Caller<'_, Guest>, map: u32, key: u32, key_size: u32, value: u32, value_size: u32| {
            number(change(&caller, map, (key, key_size), |key, map| {
                map.set(key, &read(&caller, value, value_size)?);
                Ok(())
            }))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_remove_header_map_value",
        |caller: Caller<'_, Guest>, map: u32, key: u32, key_size: u32| {
            number(change(&caller, map, (key, key_size), |key, map| {
                map.remove(key);
                Ok(())
            }))
        },
    )?;
    linker.func_wrap("env", "proxy_get_header_map_size", |mut caller: Caller<'_, Guest>, map: u32, size_at: u32| {
        let size = {
            let (world, vm) = world(&caller);
            world.borrow_mut().map(vm, map).map(super::super::header_map::HeaderMap::byte_size)
        };
        match size.and_then(|size| u32::try_from(size).ok()) {
            Some(size) => number(write_u32(&mut caller, size_at, size)),
            None => Status::BadArgument as u32,
        }
    })?;
    Ok(())
}

/// A map that cannot be read is an empty list here, and an error for a single value, as in Envoy.
fn get_pairs(caller: &mut Caller<'_, Guest>, map: u32, pointer_at: u32, size_at: u32) -> Answer {
    if map > LAST_MAP {
        return Err(Status::BadArgument);
    }
    let bytes = {
        let (world, vm) = world(caller);
        let mut world = world.borrow_mut();
        match world.map(vm, map).map(|map| map.visible()) {
            Some(fields) if !fields.is_empty() => {
                let fields: Vec<(&[u8], &[u8])> =
                    fields.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
                pairs::encode(&fields)
            }
            _ => Vec::new(),
        }
    };
    give(caller, &bytes, pointer_at, size_at)
}

fn set_pairs(caller: &Caller<'_, Guest>, map: u32, pointer: u32, size: u32) -> Answer {
    if map > LAST_MAP {
        return Err(Status::BadArgument);
    }
    let fields = pairs::decode(&read(caller, pointer, size)?);
    let (world, vm) = world(caller);
    let mut world = world.borrow_mut();
    let map = world.map_mut(vm, map)?;
    map.clear();
    for (name, value) in fields {
        map.add(&name, &value);
    }
    Ok(())
}

fn get_value(caller: &mut Caller<'_, Guest>, map: u32, key: (u32, u32), pointer_at: u32, size_at: u32) -> Answer {
    if map > LAST_MAP {
        return Err(Status::BadArgument);
    }
    let key = read(caller, key.0, key.1)?;
    let value = {
        let (world, vm) = world(caller);
        let mut world = world.borrow_mut();
        let logging = world.acting_stream(vm).is_some_and(|(stream, _)| world.stream(stream).logging);
        let absent = if logging { Status::NotFound } else { Status::BadArgument };
        world.map(vm, map).ok_or(absent)?.get(&key).ok_or(Status::NotFound)?.to_vec()
    };
    give(caller, &value, pointer_at, size_at)
}

fn change(
    caller: &Caller<'_, Guest>,
    map: u32,
    key: (u32, u32),
    with: impl FnOnce(&[u8], &mut crate::emulator::header_map::HeaderMap) -> Answer,
) -> Answer {
    if map > LAST_MAP {
        return Err(Status::BadArgument);
    }
    let key = read(caller, key.0, key.1)?;
    let (world, vm) = world(caller);
    let mut world = world.borrow_mut();
    with(&key, world.map_mut(vm, map)?)
}
