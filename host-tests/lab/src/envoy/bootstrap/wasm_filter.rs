//! A Wasm filter, as Envoy is told of it.

use std::path::{Path, PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{Scope, TYPES};

/// What Envoy does with a request when a filter's VM has crashed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailurePolicy {
    /// 503, and a new VM within about a second: what every configuration of ours says.
    #[default]
    Reload,
    /// 503 until a restart.
    Closed,
    /// Everything passes. For tests that show why it must not be used.
    Open,
}

/// Where a filter's code comes from.
#[derive(Clone, Debug)]
enum Code {
    File(PathBuf),
    /// Base64 of the module.
    Inline(String),
}

/// One Wasm filter of the chain.
#[derive(Clone, Debug)]
pub struct WasmFilter {
    /// The name of the filter, of the plugin and its `root_id`.
    pub name: String,
    code: Code,
    /// The plugin's configuration, handed over as a StringValue, or as a BytesValue where it is not UTF-8.
    pub configuration: Vec<u8>,
    /// The configuration, a JSON object, is handed over as a `google.protobuf.Struct`.
    pub as_struct: bool,
    /// The namespace of shared data and queues; our configurations give each filter its own.
    pub vm_id: String,
    /// What becomes of requests once the VM has crashed.
    pub failure_policy: FailurePolicy,
    /// Envoy's setting of this name: while a filter pauses on the headers, it still gets the body. True by default.
    pub allow_on_headers_stop_iteration: bool,
}

impl WasmFilter {
    /// A filter from a module file, with the settings that we ship and a `vm_id` of its own: its name.
    pub fn new(name: impl Into<String>, module: impl Into<PathBuf>, configuration: impl Into<Vec<u8>>) -> Self {
        Self::with_code(name.into(), Code::File(module.into()), configuration.into())
    }

    /// A filter from a module in base64, without configuration.
    pub fn inline(name: impl Into<String>, base64: impl Into<String>) -> Self {
        Self::with_code(name.into(), Code::Inline(base64.into()), Vec::new())
    }

    /// The module's file, if the code comes from one.
    pub(in super::super) fn file(&self) -> Option<&Path> {
        match &self.code {
            Code::File(path) => Some(path),
            Code::Inline(_) => None,
        }
    }

    fn with_code(name: String, code: Code, configuration: Vec<u8>) -> Self {
        Self {
            vm_id: name.clone(),
            name,
            code,
            configuration,
            as_struct: false,
            failure_policy: FailurePolicy::default(),
            allow_on_headers_stop_iteration: true,
        }
    }

    /// Sets the `vm_id`.
    #[must_use]
    pub fn vm_id(mut self, vm_id: impl Into<String>) -> Self {
        self.vm_id = vm_id.into();
        self
    }

    /// Sets whether the configuration is handed over as a `google.protobuf.Struct`.
    #[must_use]
    pub fn as_struct(mut self, is_struct: bool) -> Self {
        self.as_struct = is_struct;
        self
    }

    /// Sets the failure policy.
    #[must_use]
    pub fn failure_policy(mut self, policy: FailurePolicy) -> Self {
        self.failure_policy = policy;
        self
    }

    /// Sets whether `Action::Pause` in the header callback still lets body callbacks come.
    #[must_use]
    pub fn allow_on_headers_stop_iteration(mut self, allow: bool) -> Self {
        self.allow_on_headers_stop_iteration = allow;
        self
    }

    pub(super) fn to_json(&self, scope: &Scope) -> Value {
        let code = match &self.code {
            Code::File(path) => json!({"filename": path}),
            Code::Inline(base64) => json!({"inline_bytes": base64}),
        };
        let object = self.as_struct.then(|| serde_json::from_slice::<Value>(&self.configuration).ok()).flatten();
        let configuration = match std::str::from_utf8(&self.configuration) {
            _ if object.is_some() => json!({"@type": format!("{TYPES}google.protobuf.Struct"), "value": object}),
            Ok(text) => {
                json!({"@type": format!("{TYPES}google.protobuf.StringValue"), "value": text})
            }
            Err(_) => json!({
                "@type": format!("{TYPES}google.protobuf.BytesValue"),
                "value": STANDARD.encode(&self.configuration),
            }),
        };
        let policy = match self.failure_policy {
            FailurePolicy::Reload => "FAIL_RELOAD",
            FailurePolicy::Closed => "FAIL_CLOSED",
            FailurePolicy::Open => "FAIL_OPEN",
        };
        json!({
            "name": self.name,
            "typed_config": {
                "@type": format!("{TYPES}envoy.extensions.filters.http.wasm.v3.Wasm"),
                "config": {
                    "name": self.name,
                    "root_id": self.name,
                    "failure_policy": policy,
                    "allow_on_headers_stop_iteration": self.allow_on_headers_stop_iteration,
                    "configuration": configuration,
                    "vm_config": {
                        "vm_id": scope.name(&self.vm_id),
                        "runtime": "envoy.wasm.runtime.v8",
                        "code": {"local": code},
                    },
                },
            },
        })
    }
}
