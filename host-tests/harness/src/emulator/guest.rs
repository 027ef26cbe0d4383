//! One VM: an instance of a module, its memory, and the way into it.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use wasmtime::{Caller, Extern, Func, Linker, Memory, Store, StoreLimits, StoreLimitsBuilder, TypedFunc, Val};

use super::{
    abi::{Answer, Status},
    module_cache::{Compiled, engine},
    world::World,
};
use crate::gateway::Limits;

/// What host functions know about their caller.
pub(crate) struct Guest {
    /// Index of the VM.
    pub(crate) vm: usize,
    pub(crate) world: Rc<RefCell<World>>,
    limits: StoreLimits,
    memory: Option<Memory>,
    allocate: Option<TypedFunc<u32, u32>>,
}

/// A VM that may have trapped.
pub(crate) struct Vm {
    store: Store<Guest>,
    exports: HashMap<String, Func>,
    /// What each call may use.
    fuel: u64,
    /// What all calls together have used.
    pub(crate) fuel_used: u64,
    /// The trap's message, once the VM is dead.
    pub(crate) trap: Option<String>,
}

impl Vm {
    /// Instantiates the module; the caller runs its start functions.
    ///
    /// # Errors
    /// A sentence on what is wrong with the module.
    pub(crate) fn new(
        vm: usize,
        world: Rc<RefCell<World>>,
        linker: &Linker<Guest>,
        compiled: &Compiled,
        limits: Limits,
    ) -> Result<Self, String> {
        let bound = StoreLimitsBuilder::new().memory_size(limits.memory).trap_on_grow_failure(true).build();
        let guest = Guest { vm, world, limits: bound, memory: None, allocate: None };
        let mut store = Store::new(engine(), guest);
        store.limiter(|guest| &mut guest.limits);
        if let Some(import) =
            compiled.module.imports().find(|import| linker.get(&mut store, import.module(), import.name()).is_err())
        {
            return Err(format!(
                "Failed to load Wasm module due to a missing import: {}.{}",
                import.module(),
                import.name()
            ));
        }
        refuel(&mut store, limits.fuel);
        let instance = linker
            .instantiate(&mut store, &compiled.module)
            .map_err(|error| format!("Failed to instantiate the Wasm module: {error:#}"))?;
        let mut exports = HashMap::new();
        let mut memory = None;
        let items: Vec<(String, Extern)> =
            instance.exports(&mut store).map(|export| (export.name().to_owned(), export.into_extern())).collect();
        for (name, item) in items {
            match item {
                Extern::Func(function) => {
                    exports.insert(name, function);
                }
                Extern::Memory(found) => memory = memory.or(Some(found)),
                _ => {}
            }
        }
        if !exports.keys().any(|name| name.starts_with("proxy_abi_version_0_2_")) {
            return Err("Missing or unknown Proxy-Wasm ABI version".to_owned());
        }
        let allocate = ["malloc", "proxy_on_memory_allocate"]
            .iter()
            .find_map(|name| exports.get(*name))
            .and_then(|function| function.typed::<u32, u32>(&store).ok());
        store.data_mut().memory = memory;
        store.data_mut().allocate = allocate;
        Ok(Self { store, exports, fuel: limits.fuel, fuel_used: 0, trap: None })
    }

    pub(crate) fn exports(&self, name: &str) -> bool {
        self.exports.contains_key(name)
    }

    /// Bytes of linear memory. It never shrinks, so this is the most that there was.
    pub(crate) fn memory(&self) -> usize {
        self.store.data().memory.map_or(0, |memory| memory.data_size(&self.store))
    }

    /// Calls an export with 32-bit arguments. `None`: the module has no such export, or the VM is dead, or it died
    /// in this call (then `trap` says why).
    pub(crate) fn call(&mut self, name: &str, arguments: &[u32]) -> Option<u32> {
        if self.trap.is_some() {
            return None;
        }
        let function = *self.exports.get(name)?;
        refuel(&mut self.store, self.fuel);
        let results = function.ty(&self.store).results().len();
        let arguments: Vec<Val> = arguments.iter().map(|argument| Val::I32(argument.cast_signed())).collect();
        let mut values = vec![Val::I32(0); results];
        let outcome = function.call(&mut self.store, &arguments, &mut values);
        let left = self.store.get_fuel().unwrap_or_default();
        self.fuel_used = self.fuel_used.saturating_add(self.fuel.saturating_sub(left));
        match outcome {
            Ok(()) => Some(values.first().and_then(Val::i32).unwrap_or_default().cast_unsigned()),
            Err(error) => {
                self.trap = Some(format!("{error:#}"));
                None
            }
        }
    }
}

fn refuel(store: &mut Store<Guest>, fuel: u64) {
    store.set_fuel(fuel).expect("the engine is configured with fuel");
}

/// Reads guest memory.
pub(crate) fn read(caller: &Caller<'_, Guest>, pointer: u32, size: u32) -> Answer<Vec<u8>> {
    let memory = caller.data().memory.ok_or(Status::InvalidMemoryAccess)?;
    let start = pointer as usize;
    memory
        .data(caller)
        .get(start..start.saturating_add(size as usize))
        .map(<[u8]>::to_vec)
        .ok_or(Status::InvalidMemoryAccess)
}

/// Writes guest memory.
pub(crate) fn write(caller: &mut Caller<'_, Guest>, pointer: u32, bytes: &[u8]) -> Answer {
    let memory = caller.data().memory.ok_or(Status::InvalidMemoryAccess)?;
    memory.write(caller, pointer as usize, bytes).map_err(|_| Status::InvalidMemoryAccess)
}

pub(crate) fn write_u32(caller: &mut Caller<'_, Guest>, pointer: u32, value: u32) -> Answer {
    write(caller, pointer, &value.to_le_bytes())
}

pub(crate) fn write_u64(caller: &mut Caller<'_, Guest>, pointer: u32, value: u64) -> Answer {
    write(caller, pointer, &value.to_le_bytes())
}

/// Gives bytes to the guest: allocates there, copies, and stores address and size where the guest asked for them.
/// Nothing is allocated for no bytes: the address is then null.
pub(crate) fn give(caller: &mut Caller<'_, Guest>, bytes: &[u8], pointer_at: u32, size_at: u32) -> Answer {
    let pointer = if bytes.is_empty() { 0 } else { copy_in(caller, bytes)? };
    write_u32(caller, pointer_at, pointer)?;
    write_u32(caller, size_at, u32::try_from(bytes.len()).map_err(|_| Status::InvalidMemoryAccess)?)
}

pub(crate) fn copy_in(caller: &mut Caller<'_, Guest>, bytes: &[u8]) -> Answer<u32> {
    let allocate = caller.data().allocate.clone().ok_or(Status::InvalidMemoryAccess)?;
    let size = u32::try_from(bytes.len()).map_err(|_| Status::InvalidMemoryAccess)?;
    // A guest that traps in its allocator gets a status that makes an SDK panic: the callback traps as a whole.
    let pointer = allocate.call(&mut *caller, size).map_err(|_| Status::InvalidMemoryAccess)?;
    if pointer == 0 {
        return Err(Status::InvalidMemoryAccess);
    }
    write(caller, pointer, bytes)?;
    Ok(pointer)
}

/// The world, for the moment of one host function.
pub(crate) fn world(caller: &Caller<'_, Guest>) -> (Rc<RefCell<World>>, usize) {
    (Rc::clone(&caller.data().world), caller.data().vm)
}
