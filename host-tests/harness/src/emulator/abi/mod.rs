//! The host functions of proxy-wasm 0.2.1 and the part of WASI that Envoy offers, one file per family.

mod buffers;
mod callouts;
mod foreign;
mod header_maps;
mod log_and_time;
mod measuring;
mod properties;
mod shared;
mod streams;
mod wasi;

use wasmtime::Linker;

pub(super) use self::foreign::length;
use super::guest::Guest;

/// What a host function answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Status {
    Ok = 0,
    NotFound = 1,
    BadArgument = 2,
    SerializationFailure = 3,
    InvalidMemoryAccess = 6,
    Empty = 7,
    CasMismatch = 8,
    InternalFailure = 10,
    Unimplemented = 12,
}

/// The result of a host function before it becomes a number; `?` ends it with that status.
pub(crate) type Answer<T = ()> = Result<T, Status>;

pub(crate) fn number(answer: Answer) -> u32 {
    match answer {
        Ok(()) => Status::Ok as u32,
        Err(status) => status as u32,
    }
}

impl Status {
    /// `Ok` goes on, everything else ends the call.
    pub(crate) fn answer(self) -> Answer {
        if self == Self::Ok { Ok(()) } else { Err(self) }
    }
}

/// Everything that a module may import.
pub(crate) fn linker() -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(super::module_cache::engine());
    log_and_time::link(&mut linker)?;
    buffers::link(&mut linker)?;
    header_maps::link(&mut linker)?;
    properties::link(&mut linker)?;
    shared::link(&mut linker)?;
    streams::link(&mut linker)?;
    callouts::link(&mut linker)?;
    foreign::link(&mut linker)?;
    measuring::link(&mut linker)?;
    wasi::link(&mut linker)?;
    Ok(linker)
}
