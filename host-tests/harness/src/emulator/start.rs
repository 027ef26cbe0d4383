//! How a gateway comes up: VMs for each worker and the main thread, their roots, vm_start and configure.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    path::Path,
    rc::Rc,
};

use super::{
    abi,
    engine::Engine,
    events::Events,
    guest::Vm,
    metrics::Metrics,
    module_cache::{self, Compiled},
    shared_data::SharedData,
    shared_queue::SharedQueues,
    structure,
    world::{Context, PluginFacts, Root, World},
};
use crate::{gateway::Gateway, runner::ConfigRejected};

impl Engine {
    /// Loads all modules and configures all roots.
    ///
    /// # Errors
    /// If a module cannot be loaded, traps while it starts, or refuses its configuration.
    pub(crate) fn start(mut gateway: Gateway, module_dir: &Path) -> Result<Self, ConfigRejected> {
        for plugin in gateway.plugins.iter_mut().filter(|plugin| plugin.as_struct) {
            plugin.config = structure::of_json(&plugin.config);
        }
        let no_members = gateway.connection_manager.as_object().is_some_and(serde_json::Map::is_empty);
        assert!(no_members, "the emulator has no connection manager");
        let workers = gateway.workers.max(1);
        let facts: Vec<PluginFacts> = gateway
            .plugins
            .iter()
            .enumerate()
            .map(|(index, plugin)| PluginFacts {
                name: plugin.module.clone(),
                vm_id: plugin.vm_id.clone().unwrap_or_else(|| format!("{}-{index}", plugin.module)),
            })
            .collect();
        let world = Rc::new(RefCell::new(new_world(gateway, facts)));
        let mut engine =
            Self { world, vms: Vec::new(), roots: Vec::new(), ended: Vec::new(), next_stream: 0, next_worker: 0 };
        match engine.bring_up(module_dir, workers) {
            Ok(()) => Ok(engine),
            Err(why) => {
                let mut logs = engine.w().logs.clone();
                logs.push(why);
                Err(ConfigRejected { logs })
            }
        }
    }

    fn bring_up(&mut self, module_dir: &Path, workers: usize) -> Result<(), String> {
        let plugins = self.w().gateway.plugins.clone();
        let compiled: Vec<Compiled> =
            plugins.iter().map(|plugin| module_cache::load(plugin, module_dir)).collect::<Result<_, _>>()?;
        // The main thread first, as in Envoy: it refuses a bad configuration for all.
        let mut homes = vec![self.bring_up_thread(&compiled)?];
        for _ in 0..workers {
            homes.push(self.bring_up_thread(&compiled)?);
        }
        homes.rotate_left(1);
        self.roots = homes;
        let now = self.w().now;
        self.run_to(now);
        Ok(())
    }

    /// One thread: plugins with the same code and `vm_id` share a VM.
    fn bring_up_thread(&mut self, compiled: &[Compiled]) -> Result<Vec<(usize, u32)>, String> {
        let linker = abi::linker().map_err(|error| format!("the host functions do not link: {error:#}"))?;
        let mut here: HashMap<(String, String), usize> = HashMap::new();
        let mut homes = Vec::new();
        for (plugin, code) in compiled.iter().enumerate() {
            let (facts, limits) = {
                let world = self.w();
                (world.plugins[plugin].clone(), world.gateway.limits)
            };
            let key = (facts.vm_id.clone(), code.hash.clone());
            let vm = match here.get(&key) {
                Some(vm) => *vm,
                None => {
                    let index = self.vms.len();
                    let vm = Vm::new(index, Rc::clone(&self.world), &linker, code, limits)?;
                    self.vms.push(vm);
                    self.w().vm_ids.push(facts.vm_id.clone());
                    here.insert(key, index);
                    self.start_vm(index, plugin)?;
                    index
                }
            };
            homes.push((vm, self.start_root(vm, plugin)?));
        }
        Ok(homes)
    }

    fn start_vm(&mut self, vm: usize, plugin: usize) -> Result<(), String> {
        // Only for the log lines that a start function may write.
        self.w().contexts.insert((vm, 0), Context::Root(Box::new(Root { plugin, ..Root::default() })));
        let start = if self.vms[vm].exports("_initialize") { "_initialize" } else { "_start" };
        self.call(vm, start, &[]);
        self.run_actions(vm);
        self.w().contexts.remove(&(vm, 0));
        self.alive(vm, plugin)
    }

    fn start_root(&mut self, vm: usize, plugin: usize) -> Result<u32, String> {
        let (root, size) = {
            let mut world = self.w();
            let root = world.allocate_context(vm);
            world.contexts.insert((vm, root), Context::Root(Box::new(Root { plugin, ..Root::default() })));
            (root, world.gateway.plugins[plugin].config.len())
        };
        let name = self.w().plugins[plugin].name.clone();
        self.call(vm, "proxy_on_context_create", &[root, 0]);
        self.run_actions(vm);
        let started = self.call(vm, "proxy_on_vm_start", &[root, 0]);
        self.run_actions(vm);
        self.alive(vm, plugin)?;
        if started == Some(0) {
            return Err(format!("'{name}': on_vm_start returned false"));
        }
        let size = u32::try_from(size).map_err(|_| "a configuration over 4 GiB".to_owned())?;
        if let Some(root) = self.w().root(vm, root) {
            root.configuring = true;
        }
        let configured = self.call(vm, "proxy_on_configure", &[root, size]);
        if let Some(root) = self.w().root(vm, root) {
            root.configuring = false;
        }
        self.run_actions(vm);
        self.alive(vm, plugin)?;
        if configured == Some(0) {
            return Err(format!("'{name}': on_configure returned false; the configuration is refused"));
        }
        Ok(root)
    }

    fn alive(&self, vm: usize, plugin: usize) -> Result<(), String> {
        match &self.vms[vm].trap {
            None => Ok(()),
            Some(trap) => Err(format!("'{}' trapped while it started: {trap}", self.w().plugins[plugin].name)),
        }
    }
}

fn new_world(gateway: Gateway, plugins: Vec<PluginFacts>) -> World {
    World {
        now: gateway.start_time * 1_000_000_000,
        gateway,
        plugins,
        logs: Vec::new(),
        faults: Vec::new(),
        traps: Vec::new(),
        vm_ids: Vec::new(),
        contexts: HashMap::new(),
        next_context: HashMap::new(),
        next_token: HashMap::new(),
        streams: BTreeMap::new(),
        callouts: BTreeMap::new(),
        next_callout: 0,
        frames: Vec::new(),
        actions: HashMap::new(),
        stop_next: HashMap::new(),
        events: Events::default(),
        shared_data: SharedData::default(),
        queues: SharedQueues::default(),
        metrics: Metrics::default(),
        random: 0x4655_524c_4547_0001,
    }
}
