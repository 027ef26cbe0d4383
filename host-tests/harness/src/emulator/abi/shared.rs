//! Shared data and shared queues.

use wasmtime::{Caller, Linker};

use super::{Answer, Status, number};
use crate::emulator::{
    events::Event,
    guest::{Guest, give, read, world, write_u32},
    shared_queue::Listener,
};

pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_shared_data",
        |mut caller: Caller<'_, Guest>, key: u32, key_size: u32, pointer_at: u32, size_at: u32, cas_at: u32| {
            number(get(&mut caller, (key, key_size), (pointer_at, size_at), cas_at))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_shared_data",
        |caller: Caller<'_, Guest>, key: u32, key_size: u32, value: u32, value_size: u32, cas: u32| {
            number(set(&caller, (key, key_size), (value, value_size), cas))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_register_shared_queue",
        |mut caller: Caller<'_, Guest>, name: u32, size: u32, token_at: u32| {
            number(register(&mut caller, (name, size), token_at))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_resolve_shared_queue",
        |mut caller: Caller<'_, Guest>, vm_id: u32, vm_id_size: u32, name: u32, name_size: u32, token_at: u32| {
            number(resolve(&mut caller, (vm_id, vm_id_size), (name, name_size), token_at))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_enqueue_shared_queue",
        |caller: Caller<'_, Guest>, token: u32, value: u32, size: u32| number(enqueue(&caller, token, (value, size))),
    )?;
    linker.func_wrap(
        "env",
        "proxy_dequeue_shared_queue",
        |mut caller: Caller<'_, Guest>, token: u32, pointer_at: u32, size_at: u32| {
            number(dequeue(&mut caller, token, pointer_at, size_at))
        },
    )?;
    Ok(())
}

fn get(caller: &mut Caller<'_, Guest>, key: (u32, u32), value_at: (u32, u32), cas_at: u32) -> Answer {
    let key = read(caller, key.0, key.1)?;
    let (value, cas) = {
        let (world, vm) = world(caller);
        let world = world.borrow();
        world.shared_data.get(&world.vm_ids[vm], &key).ok_or(Status::NotFound)?
    };
    give(caller, &value, value_at.0, value_at.1)?;
    write_u32(caller, cas_at, cas)
}

fn set(caller: &Caller<'_, Guest>, key: (u32, u32), value: (u32, u32), cas: u32) -> Answer {
    let key = read(caller, key.0, key.1)?;
    let value = read(caller, value.0, value.1)?;
    let (world, vm) = world(caller);
    let mut world = world.borrow_mut();
    let vm_id = world.vm_ids[vm].clone();
    world.shared_data.set(&vm_id, &key, &value, cas).answer()
}

fn register(caller: &mut Caller<'_, Guest>, name: (u32, u32), token_at: u32) -> Answer {
    let name = read(caller, name.0, name.1)?;
    let token = {
        let (world, vm) = world(caller);
        let mut world = world.borrow_mut();
        let vm_id = world.vm_ids[vm].clone();
        let (context, _) = world.acting_root(vm).ok_or(Status::BadArgument)?;
        world.queues.register(&vm_id, &name, Listener { vm, context })
    };
    write_u32(caller, token_at, token)
}

fn resolve(caller: &mut Caller<'_, Guest>, vm_id: (u32, u32), name: (u32, u32), token_at: u32) -> Answer {
    let vm_id = read(caller, vm_id.0, vm_id.1)?;
    let name = read(caller, name.0, name.1)?;
    let token = {
        let (world, vm) = world(caller);
        let world = world.borrow();
        let vm_id =
            if vm_id.is_empty() { world.vm_ids[vm].clone() } else { String::from_utf8_lossy(&vm_id).into_owned() };
        world.queues.resolve(&vm_id, &name).ok_or(Status::NotFound)?
    };
    write_u32(caller, token_at, token)
}

fn enqueue(caller: &Caller<'_, Guest>, token: u32, value: (u32, u32)) -> Answer {
    let value = read(caller, value.0, value.1)?;
    let (world, _) = world(caller);
    let mut world = world.borrow_mut();
    let listener = world.queues.enqueue(token, &value).ok_or(Status::NotFound)?;
    let now = world.now;
    world.events.at(now, Event::QueueReady(listener, token));
    Ok(())
}

fn dequeue(caller: &mut Caller<'_, Guest>, token: u32, pointer_at: u32, size_at: u32) -> Answer {
    let item = {
        let (world, _) = world(caller);
        let mut world = world.borrow_mut();
        world.queues.dequeue(token).ok_or(Status::NotFound)?.ok_or(Status::Empty)?
    };
    give(caller, &item, pointer_at, size_at)
}
