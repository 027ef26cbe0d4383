//! The WASI preview 1 calls that Envoy offers, and no others: a module that imports more does not load there either.

use wasmtime::{Caller, Linker};

use super::log_and_time::line;
use crate::emulator::guest::{Guest, read, world, write, write_u32, write_u64};

const SUCCESS: u32 = 0;
const BAD_FILE: u32 = 8;
const FAULT: u32 = 21;
const INVALID: u32 = 28;
const NO_ENTRY: u32 = 44;
const NOT_IMPLEMENTED: u32 = 52;
const NOT_SUPPORTED: u32 = 58;

pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    for module in ["wasi_unstable", "wasi_snapshot_preview1"] {
        link_files(linker, module)?;
        link_process(linker, module)?;
    }
    Ok(())
}

fn link_files(linker: &mut Linker<Guest>, module: &str) -> wasmtime::Result<()> {
    linker.func_wrap(
        module,
        "fd_write",
        |mut caller: Caller<'_, Guest>, file: u32, parts: u32, count: u32, written_at: u32| {
            fd_write(&mut caller, file, (parts, count), written_at)
        },
    )?;
    linker.func_wrap(module, "fd_read", |_: Caller<'_, Guest>, _: u32, _: u32, _: u32, _: u32| NOT_IMPLEMENTED)?;
    linker.func_wrap(module, "fd_seek", |_: Caller<'_, Guest>, _: u32, _: i64, _: u32, _: u32| SUCCESS)?;
    linker.func_wrap(module, "fd_close", |_: Caller<'_, Guest>, _: u32| SUCCESS)?;
    linker.func_wrap(module, "fd_fdstat_get", |mut caller: Caller<'_, Guest>, file: u32, at: u32| {
        if !is_output(file) {
            return BAD_FILE;
        }
        // A file with the right to be written and nothing else.
        let mut stat = [0u8; 24];
        stat[8] = 64;
        outcome(write(&mut caller, at, &stat))
    })?;
    linker.func_wrap(module, "fd_fdstat_set_flags", |_: Caller<'_, Guest>, _: u32, _: u32| NOT_IMPLEMENTED)?;
    linker.func_wrap(module, "fd_prestat_get", |_: Caller<'_, Guest>, _: u32, _: u32| BAD_FILE)?;
    linker.func_wrap(module, "fd_prestat_dir_name", |_: Caller<'_, Guest>, _: u32, _: u32, _: u32| NOT_SUPPORTED)?;
    linker.func_wrap(
        module,
        "path_open",
        |_: Caller<'_, Guest>, _: u32, _: u32, _: u32, _: u32, _: u32, _: i64, _: i64, _: u32, _: u32| NO_ENTRY,
    )?;
    linker.func_wrap(module, "path_filestat_get", |_: Caller<'_, Guest>, _: u32, _: u32, _: u32, _: u32, _: u32| {
        NOT_IMPLEMENTED
    })?;
    Ok(())
}

fn link_process(linker: &mut Linker<Guest>, module: &str) -> wasmtime::Result<()> {
    linker.func_wrap(
        module,
        "clock_time_get",
        |mut caller: Caller<'_, Guest>, clock: u32, _precision: u64, time_at: u32| {
            if clock > 1 {
                return NOT_SUPPORTED;
            }
            let now = world(&caller).0.borrow().now;
            outcome(write_u64(&mut caller, time_at, now))
        },
    )?;
    linker.func_wrap(module, "random_get", |mut caller: Caller<'_, Guest>, at: u32, size: u32| {
        random_get(&mut caller, at, size)
    })?;
    for sizes in ["environ_sizes_get", "args_sizes_get"] {
        linker.func_wrap(module, sizes, |mut caller: Caller<'_, Guest>, count_at: u32, size_at: u32| {
            outcome(write_u32(&mut caller, count_at, 0).and_then(|()| write_u32(&mut caller, size_at, 0)))
        })?;
    }
    for values in ["environ_get", "args_get"] {
        linker.func_wrap(module, values, |_: Caller<'_, Guest>, _: u32, _: u32| SUCCESS)?;
    }
    linker.func_wrap(module, "sched_yield", |_: Caller<'_, Guest>| SUCCESS)?;
    linker.func_wrap(module, "poll_oneoff", |_: Caller<'_, Guest>, _: u32, _: u32, _: u32, _: u32| NOT_IMPLEMENTED)?;
    linker.func_wrap(module, "proc_exit", |_: Caller<'_, Guest>, code: u32| -> wasmtime::Result<()> {
        Err(wasmtime::Error::msg(format!("the module called proc_exit({code})")))
    })?;
    Ok(())
}

fn is_output(file: u32) -> bool {
    file == 1 || file == 2
}

fn outcome(answer: super::Answer) -> u32 {
    if answer.is_ok() { SUCCESS } else { FAULT }
}

/// What a module prints is logged: stdout as info, stderr as error.
fn fd_write(caller: &mut Caller<'_, Guest>, file: u32, parts: (u32, u32), written_at: u32) -> u32 {
    if !is_output(file) {
        return BAD_FILE;
    }
    let mut text = Vec::new();
    for index in 0..parts.1 {
        let Ok(part) = read(caller, parts.0.saturating_add(index.saturating_mul(8)), 8) else { return FAULT };
        let word = |at: usize| u32::from_le_bytes([part[at], part[at + 1], part[at + 2], part[at + 3]]);
        let Ok(bytes) = read(caller, word(0), word(4)) else { return FAULT };
        text.extend(bytes);
    }
    let written = text.len();
    if text.last() == Some(&b'\n') {
        text.pop();
    }
    if written > 0 {
        line(caller, if file == 1 { "info" } else { "error" }, &text);
    }
    outcome(write_u32(caller, written_at, u32::try_from(written).unwrap_or(u32::MAX)))
}

/// The same bytes in every run, so that a failing test fails again; no two calls get the same.
fn random_get(caller: &mut Caller<'_, Guest>, at: u32, size: u32) -> u32 {
    if size > 64 << 10 {
        return INVALID;
    }
    let mut bytes = Vec::with_capacity(size as usize);
    {
        let (world, _) = world(caller);
        let mut world = world.borrow_mut();
        while bytes.len() < size as usize {
            // SplitMix64.
            world.random = world.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = world.random;
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            bytes.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
        }
    }
    bytes.truncate(size as usize);
    outcome(write(caller, at, &bytes))
}
