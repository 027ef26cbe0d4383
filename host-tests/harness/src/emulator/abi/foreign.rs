//! `proxy_call_foreign_function`.

mod digest;
mod protobuf;
mod sign;
mod verify_signature;

use wasmtime::{Caller, Linker};

use self::protobuf::Value;
pub(in crate::emulator) use self::protobuf::length;
use super::{Answer, Status, number};
use crate::emulator::guest::{Guest, copy_in, read, world, write_u32};

pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_call_foreign_function",
        |mut caller: Caller<'_, Guest>,
         name: u32,
         name_size: u32,
         argument: u32,
         argument_size: u32,
         pointer_at: u32,
         size_at: u32| {
            number(call(&mut caller, (name, name_size), (argument, argument_size), pointer_at, size_at))
        },
    )?;
    Ok(())
}

fn call(
    caller: &mut Caller<'_, Guest>,
    name: (u32, u32),
    argument: (u32, u32),
    pointer_at: u32,
    size_at: u32,
) -> Answer {
    let name = read(caller, name.0, name.1)?;
    let argument = read(caller, argument.0, argument.1)?;
    let offered = world(caller).0.borrow().gateway.foreign_functions;
    let answer = match name.as_slice() {
        b"declare_property" if offered.declare_property => declare_property(caller, &argument).map(|()| Vec::new()),
        b"sign" if offered.sign => sign::call(&argument).ok_or(Status::BadArgument),
        b"verify_signature" if offered.verify_signature => verify_signature::call(&argument).ok_or(Status::BadArgument),
        _ => return Err(Status::NotFound),
    };
    // Without a result both are zero, and a null pointer for it means that the guest wants none.
    let result = answer.as_deref().unwrap_or_default();
    let address = if result.is_empty() { 0 } else { copy_in(caller, result)? };
    let size = u32::try_from(result.len()).map_err(|_| Status::InvalidMemoryAccess)?;
    for (at, value) in [(pointer_at, address), (size_at, size)] {
        if at != 0 {
            write_u32(caller, at, value)?;
        }
    }
    answer.map(drop)
}

/// Settles, for keys that this root will write first, whether they may be written again. A key is declared once.
fn declare_property(caller: &Caller<'_, Guest>, argument: &[u8]) -> Answer {
    let (name, read_only) = parse_declaration(argument).ok_or(Status::BadArgument)?;
    let (world, vm) = world(caller);
    let mut world = world.borrow_mut();
    // Envoy takes the context that was called, whatever the effective one is, and only a root's word counts.
    let context = world.frames.last().map(|frame| frame.context).ok_or(Status::BadArgument)?;
    let Some(root) = world.root(vm, context) else { return Ok(()) };
    if root.declared.contains_key(&name) {
        return Err(Status::BadArgument);
    }
    root.declared.insert(name, read_only);
    Ok(())
}

/// `DeclarePropertyArguments`: name = 1, readonly = 2, type = 3, schema = 4, span = 5.
fn parse_declaration(message: &[u8]) -> Option<(Vec<u8>, bool)> {
    let mut name = Vec::new();
    let mut read_only = false;
    for field in protobuf::fields(message)? {
        match field {
            (1, Value::Bytes(value)) => name = value.to_vec(),
            (2, Value::Number(value)) => read_only = value != 0,
            _ => {}
        }
    }
    Some((name, read_only))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_is_read_whatever_else_it_holds() {
        let bytes = [b"\x0a\x05hello".as_slice(), b"\x10\x01\x18\x02\x22\x01x\x28\x01"].concat();
        assert_eq!(parse_declaration(&bytes), Some((b"hello".to_vec(), true)));
        assert_eq!(parse_declaration(b"\x0a\x05hell"), None);
    }
}
