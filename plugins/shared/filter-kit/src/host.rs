//! The functions of the proxy (proxy-wasm 0.2.1), each of which hands every status back.
//!
//! A status that was not foreseen must be an answer, never a panic: that takes the VM down for every request of the
//! worker.

#![allow(unsafe_code, reason = "calls into the proxy")]

use std::{ptr, time::Duration};

use oauth_core::time::UnixTime;

use crate::fields::Fields;

/// A host call that did not work; holds the proxy-wasm status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused(pub(crate) u32);

type Result<T> = std::result::Result<T, Refused>;

/// A header map of the ABI.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum Map {
    RequestHeaders = 0,
    RequestTrailers = 1,
    ResponseHeaders = 2,
    CallResponseHeaders = 6,
}

/// A buffer of the ABI.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum Buffer {
    RequestBody = 0,
    CallResponseBody = 4,
    PluginConfiguration = 7,
}

/// Log levels of the ABI that Fourleg uses.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum Level {
    Debug = 1,
    Info = 2,
    Warn = 3,
    Error = 4,
    Critical = 5,
}

mod raw {
    #[link(wasm_import_module = "env")]
    unsafe extern "C" {
        pub(super) fn proxy_log(level: u32, text: *const u8, size: usize) -> u32;
        pub(super) fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
        pub(super) fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
        pub(super) fn proxy_get_buffer_bytes(
            buffer: u32,
            start: usize,
            most: usize,
            data: *mut *mut u8,
            size: *mut usize,
        ) -> u32;
        pub(super) fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
        pub(super) fn proxy_replace_header_map_value(
            map: u32,
            name: *const u8,
            name_size: usize,
            value: *const u8,
            value_size: usize,
        ) -> u32;
        pub(super) fn proxy_remove_header_map_value(map: u32, name: *const u8, name_size: usize) -> u32;
        pub(super) fn proxy_continue_stream(stream: u32) -> u32;
        pub(super) fn proxy_send_local_response(
            status: u32,
            details: *const u8,
            details_size: usize,
            body: *const u8,
            body_size: usize,
            headers: *const u8,
            headers_size: usize,
            grpc: i32,
        ) -> u32;
        pub(super) fn proxy_http_call(
            cluster: *const u8,
            cluster_size: usize,
            headers: *const u8,
            headers_size: usize,
            body: *const u8,
            body_size: usize,
            trailers: *const u8,
            trailers_size: usize,
            timeout: u32,
            token: *mut u32,
        ) -> u32;
        pub(super) fn proxy_set_effective_context(context: u32) -> u32;
        pub(super) fn proxy_call_foreign_function(
            name: *const u8,
            name_size: usize,
            argument: *const u8,
            argument_size: usize,
            data: *mut *mut u8,
            size: *mut usize,
        ) -> u32;
        pub(super) fn proxy_register_shared_queue(name: *const u8, size: usize, queue: *mut u32) -> u32;
        pub(super) fn proxy_enqueue_shared_queue(queue: u32, data: *const u8, size: usize) -> u32;
        pub(super) fn proxy_dequeue_shared_queue(queue: u32, data: *mut *mut u8, size: *mut usize) -> u32;
        pub(super) fn proxy_get_property(
            path: *const u8,
            size: usize,
            data: *mut *mut u8,
            data_size: *mut usize,
        ) -> u32;
        pub(super) fn proxy_set_property(path: *const u8, size: usize, data: *const u8, data_size: usize) -> u32;
        pub(super) fn proxy_get_shared_data(
            key: *const u8,
            size: usize,
            data: *mut *mut u8,
            data_size: *mut usize,
            cas: *mut u32,
        ) -> u32;
        pub(super) fn proxy_set_shared_data(
            key: *const u8,
            size: usize,
            data: *const u8,
            data_size: usize,
            cas: u32,
        ) -> u32;
        pub(super) fn proxy_define_metric(kind: u32, name: *const u8, size: usize, metric: *mut u32) -> u32;
        pub(super) fn proxy_increment_metric(metric: u32, by: i64) -> u32;
    }
}

mod wasi {
    #[link(wasm_import_module = "wasi_snapshot_preview1")]
    unsafe extern "C" {
        pub(super) fn random_get(buffer: *mut u8, size: usize) -> u16;
    }
}

/// What the ABI says of a key that is not there.
const NOT_FOUND: u32 = 1;
/// What the ABI says if somebody else wrote first.
const CAS_MISMATCH: u32 = 8;

fn done(status: u32) -> Result<()> {
    if status == 0 { Ok(()) } else { Err(Refused(status)) }
}

/// Takes over memory that the host filled; it was allocated for us by `proxy_on_memory_allocate`, as a `Vec<u8>` whose
/// capacity is its size.
fn take(status: u32, data: *mut u8, size: usize) -> Result<Vec<u8>> {
    done(status)?;
    if data.is_null() || size == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: see above; the host gives each block away once.
    Ok(unsafe { Vec::from_raw_parts(data, size, size) })
}

/// Writes a line to the proxy's log. Never a token or secret.
pub(crate) fn log(level: Level, text: &str) {
    // SAFETY: the host reads `text` during the call. A log that fails has no better place to be told.
    let _ = unsafe { raw::proxy_log(level as u32, text.as_ptr(), text.len()) };
}

pub(crate) fn now() -> Result<UnixTime> {
    let mut nanoseconds = 0_u64;
    // SAFETY: the host writes one u64.
    done(unsafe { raw::proxy_get_current_time_nanoseconds(&raw mut nanoseconds) })?;
    i64::try_from(nanoseconds / 1_000_000).map(UnixTime::from_millis).map_err(|_| Refused(0))
}

pub(crate) fn set_tick_period(milliseconds: u32) -> Result<()> {
    // SAFETY: no memory is passed.
    done(unsafe { raw::proxy_set_tick_period_milliseconds(milliseconds) })
}

/// At most `most` bytes from the start of a buffer.
pub(crate) fn buffer(buffer: Buffer, most: usize) -> Result<Vec<u8>> {
    let (mut data, mut size) = (ptr::null_mut(), 0);
    // SAFETY: the host writes a pointer and a size.
    let status = unsafe { raw::proxy_get_buffer_bytes(buffer as u32, 0, most, &raw mut data, &raw mut size) };
    take(status, data, size)
}

pub(crate) fn fields(map: Map) -> Result<Fields> {
    let (mut data, mut size) = (ptr::null_mut(), 0);
    // SAFETY: the host writes a pointer and a size.
    let status = unsafe { raw::proxy_get_header_map_pairs(map as u32, &raw mut data, &raw mut size) };
    Fields::decode(take(status, data, size)?).ok_or(Refused(0))
}

pub(crate) fn replace_field(map: Map, name: &[u8], value: &[u8]) -> Result<()> {
    // SAFETY: the host reads both during the call.
    done(unsafe {
        raw::proxy_replace_header_map_value(map as u32, name.as_ptr(), name.len(), value.as_ptr(), value.len())
    })
}

pub(crate) fn remove_field(map: Map, name: &[u8]) -> Result<()> {
    // SAFETY: the host reads the name during the call.
    done(unsafe { raw::proxy_remove_header_map_value(map as u32, name.as_ptr(), name.len()) })
}

/// Lets the request of the effective context go on.
pub(crate) fn continue_request() -> Result<()> {
    // SAFETY: no memory is passed; 0 is the request.
    done(unsafe { raw::proxy_continue_stream(0) })
}

/// Answers the request of the effective context.
pub(crate) fn send_local_response(status: u16, details: &str, headers: &[(&str, &str)], body: &str) -> Result<()> {
    let headers = Fields::encode(headers).ok_or(Refused(0))?;
    // SAFETY: the host reads all of it during the call; -1 says that this is no gRPC answer.
    done(unsafe {
        raw::proxy_send_local_response(
            u32::from(status),
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            -1,
        )
    })
}

/// Sends a request to a cluster. The answer, or that there is none, comes in `proxy_on_http_call_response` with this token.
pub(crate) fn http_call(cluster: &str, headers: &[(&str, &str)], body: &[u8], timeout: Duration) -> Result<u32> {
    let headers = Fields::encode(headers).ok_or(Refused(0))?;
    let trailers = Fields::encode(&[]).ok_or(Refused(0))?;
    let milliseconds = u32::try_from(timeout.as_millis()).map_err(|_| Refused(0))?;
    let mut token = 0;
    // SAFETY: the host reads all of it during the call and writes one u32.
    done(unsafe {
        raw::proxy_http_call(
            cluster.as_ptr(),
            cluster.len(),
            headers.as_ptr(),
            headers.len(),
            body.as_ptr(),
            body.len(),
            trailers.as_ptr(),
            trailers.len(),
            milliseconds,
            &raw mut token,
        )
    })?;
    Ok(token)
}

pub(crate) fn set_effective_context(context: u32) -> Result<()> {
    // SAFETY: no memory is passed.
    done(unsafe { raw::proxy_set_effective_context(context) })
}

/// Calls a function that the proxy offers beside those of the ABI.
pub(crate) fn call_foreign_function(name: &str, argument: &[u8]) -> Result<Vec<u8>> {
    let (mut data, mut size) = (ptr::null_mut(), 0);
    // SAFETY: the host reads name and argument and writes a pointer and a size.
    let status = unsafe {
        raw::proxy_call_foreign_function(
            name.as_ptr(),
            name.len(),
            argument.as_ptr(),
            argument.len(),
            &raw mut data,
            &raw mut size,
        )
    };
    take(status, data, size)
}

/// Declares a key of the filter state read-only: once written for a request, nobody can write it again.
pub(crate) fn declare_read_only(key: &str) -> Result<()> {
    // DeclarePropertyArguments: name = 1, readonly = 2; the type is bytes and the span one filter chain by default.
    let length = u8::try_from(key.len()).ok().filter(|length| *length < 0x80).ok_or(Refused(0))?;
    let message = [&[0x0a, length][..], key.as_bytes(), &[0x10, 1]].concat();
    call_foreign_function("declare_property", &message).map(drop)
}

pub(crate) fn register_queue(name: &str) -> Result<u32> {
    let mut queue = 0;
    // SAFETY: the host reads the name and writes one u32.
    done(unsafe { raw::proxy_register_shared_queue(name.as_ptr(), name.len(), &raw mut queue) })?;
    Ok(queue)
}

/// Wakes the context that registered the queue.
pub(crate) fn wake(queue: u32) -> Result<()> {
    // SAFETY: one byte is read.
    done(unsafe { raw::proxy_enqueue_shared_queue(queue, [1_u8].as_ptr(), 1) })
}

/// Takes one wake-up off the queue; an error once there is none.
pub(crate) fn take_wake(queue: u32) -> Result<()> {
    let (mut data, mut size) = (ptr::null_mut(), 0);
    // SAFETY: the host writes a pointer and a size.
    let status = unsafe { raw::proxy_dequeue_shared_queue(queue, &raw mut data, &raw mut size) };
    take(status, data, size).map(drop)
}

/// The value of a property, its path joined by NUL; an absent one is not an error.
pub(crate) fn property(path: &str) -> Result<Option<Vec<u8>>> {
    let (mut data, mut size) = (ptr::null_mut(), 0);
    // SAFETY: the host reads the path and writes a pointer and a size.
    let status = unsafe { raw::proxy_get_property(path.as_ptr(), path.len(), &raw mut data, &raw mut size) };
    if status == NOT_FOUND { Ok(None) } else { take(status, data, size).map(Some) }
}

/// Writes a key of the filter state.
pub(crate) fn set_state(key: &str, value: &[u8]) -> Result<()> {
    // SAFETY: the host reads both during the call.
    done(unsafe { raw::proxy_set_property(key.as_ptr(), key.len(), value.as_ptr(), value.len()) })
}

/// A value that all modules with this VM id share, and the number that a compare-and-swap of it takes.
pub fn shared_data(key: &str) -> Result<Option<(Vec<u8>, u32)>> {
    let (mut data, mut size, mut cas) = (ptr::null_mut(), 0, 0);
    // SAFETY: the host reads the key and writes a pointer and two numbers.
    let status =
        unsafe { raw::proxy_get_shared_data(key.as_ptr(), key.len(), &raw mut data, &raw mut size, &raw mut cas) };
    if status == NOT_FOUND { Ok(None) } else { take(status, data, size).map(|value| Some((value, cas))) }
}

/// Writes it if nobody has written since it was read; whether so. For a value that is not there yet, `cas` is any
/// number but 0, which overwrites.
pub fn set_shared_data(key: &str, value: &[u8], cas: u32) -> Result<bool> {
    // SAFETY: the host reads both during the call.
    let status = unsafe { raw::proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), cas) };
    if status == CAS_MISMATCH { Ok(false) } else { done(status).map(|()| true) }
}

/// Bytes that nobody can foresee.
pub(crate) fn random<const SIZE: usize>() -> Result<[u8; SIZE]> {
    let mut bytes = [0; SIZE];
    // SAFETY: the host writes `SIZE` bytes.
    let status = unsafe { wasi::random_get(bytes.as_mut_ptr(), SIZE) };
    done(u32::from(status)).map(|()| bytes)
}

/// Defines a counter; the same name gives the same counter.
pub(crate) fn define_counter(name: &str) -> Result<u32> {
    let mut metric = 0;
    // SAFETY: the host reads the name and writes one u32; 0 is a counter.
    done(unsafe { raw::proxy_define_metric(0, name.as_ptr(), name.len(), &raw mut metric) })?;
    Ok(metric)
}

pub(crate) fn count(metric: u32, by: u32) {
    // SAFETY: no memory is passed. A counter that does not count must not change a verdict.
    let _ = unsafe { raw::proxy_increment_metric(metric, i64::from(by)) };
}
