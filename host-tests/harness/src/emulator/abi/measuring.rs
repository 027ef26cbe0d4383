//! Metrics and `proxy_get_status`.

use wasmtime::{Caller, Linker};

use super::{Answer, Status, number};
use crate::emulator::guest::{Guest, give, read, world, write_u32, write_u64};

pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_define_metric",
        |mut caller: Caller<'_, Guest>, kind: u32, name: u32, size: u32, id_at: u32| {
            number(define(&mut caller, kind, (name, size), id_at))
        },
    )?;
    linker.func_wrap("env", "proxy_get_metric", |mut caller: Caller<'_, Guest>, id: u32, value_at: u32| {
        let value = world(&caller).0.borrow().metrics.get(id);
        number(value.and_then(|value| write_u64(&mut caller, value_at, value)))
    })?;
    linker.func_wrap("env", "proxy_record_metric", |caller: Caller<'_, Guest>, id: u32, value: u64| {
        world(&caller).0.borrow_mut().metrics.record(id, value) as u32
    })?;
    linker.func_wrap("env", "proxy_increment_metric", |caller: Caller<'_, Guest>, id: u32, offset: i64| {
        world(&caller).0.borrow_mut().metrics.increment(id, offset) as u32
    })?;
    linker.func_wrap(
        "env",
        "proxy_get_status",
        |mut caller: Caller<'_, Guest>, code_at: u32, pointer_at: u32, size_at: u32| {
            number(status(&mut caller, code_at, pointer_at, size_at))
        },
    )?;
    Ok(())
}

fn define(caller: &mut Caller<'_, Guest>, kind: u32, name: (u32, u32), id_at: u32) -> Answer {
    let name = String::from_utf8_lossy(&read(caller, name.0, name.1)?).into_owned();
    let id = world(caller).0.borrow_mut().metrics.define(kind, &name)?;
    write_u32(caller, id_at, id)
}

fn status(caller: &mut Caller<'_, Guest>, code_at: u32, pointer_at: u32, size_at: u32) -> Answer {
    let (code, message) = {
        let (world, vm) = world(caller);
        let mut world = world.borrow_mut();
        world.acting_root(vm).map_or((Status::Ok as u32, ""), |(_, root)| root.status)
    };
    write_u32(caller, code_at, code)?;
    give(caller, message.as_bytes(), pointer_at, size_at)
}
