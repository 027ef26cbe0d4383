//! `proxy_call_foreign_function`.

use wasmtime::{Caller, Linker};

use super::{Answer, Status, number};
use crate::emulator::guest::{Guest, read, world, write_u32};

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
    let answer = match name.as_slice() {
        b"declare_property" if world(caller).0.borrow().gateway.foreign_functions.declare_property => {
            declare_property(caller, &argument)
        }
        _ => return Err(Status::NotFound),
    };
    // None of them has a result; a null pointer for it means that the guest wants none.
    for at in [pointer_at, size_at] {
        if at != 0 {
            write_u32(caller, at, 0)?;
        }
    }
    answer
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
fn parse_declaration(mut bytes: &[u8]) -> Option<(Vec<u8>, bool)> {
    let mut name = Vec::new();
    let mut read_only = false;
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        match (tag >> 3, tag & 7) {
            (field, 0) => {
                let value = varint(&mut bytes)?;
                if field == 2 {
                    read_only = value != 0;
                }
            }
            (field, 2) => {
                let size = usize::try_from(varint(&mut bytes)?).ok()?;
                let value = bytes.get(..size)?;
                bytes = bytes.get(size..)?;
                if field == 1 {
                    name = value.to_vec();
                }
            }
            _ => return None,
        }
    }
    Some((name, read_only))
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
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
