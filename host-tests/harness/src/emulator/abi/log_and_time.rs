//! Logs, the clock and ticks.

use wasmtime::{Caller, Linker};

use super::{Answer, Status, number};
use crate::emulator::guest::{Guest, read, world, write_u32, write_u64};

pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_log", |caller: Caller<'_, Guest>, level: u32, pointer: u32, size: u32| {
        number(log(&caller, level, pointer, size))
    })?;
    linker.func_wrap("env", "proxy_get_log_level", |mut caller: Caller<'_, Guest>, level_at: u32| {
        // Trace: what a filter would only log for a developer is looked through for secrets too.
        number(write_u32(&mut caller, level_at, 0))
    })?;
    linker.func_wrap("env", "proxy_get_current_time_nanoseconds", |mut caller: Caller<'_, Guest>, time_at: u32| {
        let now = world(&caller).0.borrow().now;
        number(write_u64(&mut caller, time_at, now))
    })?;
    linker.func_wrap("env", "proxy_set_tick_period_milliseconds", |caller: Caller<'_, Guest>, period: u32| {
        let (world, vm) = world(&caller);
        let mut world = world.borrow_mut();
        let now = world.now;
        if let Some((_, root)) = world.acting_root(vm) {
            root.tick_period = u64::from(period) * 1_000_000;
            root.next_tick = (period > 0).then_some(now + root.tick_period);
        }
        Status::Ok as u32
    })?;
    Ok(())
}

fn log(caller: &Caller<'_, Guest>, level: u32, pointer: u32, size: u32) -> Answer {
    let level = match level {
        0 => "trace",
        1 => "debug",
        2 => "info",
        3 => "warning",
        4 => "error",
        5 => "critical",
        _ => return Err(Status::BadArgument),
    };
    let message = read(caller, pointer, size)?;
    line(caller, level, &message);
    Ok(())
}

/// Writes a line to the log as Envoy does, with the plugin's name.
pub(super) fn line(caller: &Caller<'_, Guest>, level: &str, message: &[u8]) {
    let (world, vm) = world(caller);
    let mut world = world.borrow_mut();
    let plugin = match world.acting_plugin(vm) {
        Some(plugin) => world.plugins[plugin].name.clone(),
        None => String::new(),
    };
    let message = String::from_utf8_lossy(message);
    world.log(format!("[{level}] wasm log {plugin}: {message}"));
}
