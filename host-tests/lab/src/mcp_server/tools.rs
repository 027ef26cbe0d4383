//! The tools. They sound dangerous, and do nothing.

use rmcp::{
    ServerHandler,
    handler::server::wrapper::Parameters,
    model::{Implementation, ServerCapabilities, ServerConfig},
    schemars, tool, tool_handler, tool_router,
};
use serde::Deserialize;

use super::Called;

#[derive(Debug, Deserialize, schemars::JsonSchema)]
struct File {
    /// The path of the file.
    path: String,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
struct Transfer {
    /// The account that gets the money.
    to: String,
    amount: f64,
    /// ISO 4217.
    currency: String,
}

#[derive(Clone)]
pub(super) struct Tools {
    called: Called,
}

impl Tools {
    pub(super) fn new(called: Called) -> Self {
        Self { called }
    }
}

#[tool_router]
impl Tools {
    #[tool(description = "Reads a file")]
    fn read_file(&self, Parameters(File { path }): Parameters<File>) -> String {
        self.called.note("read_file");
        format!("{path}: the quick brown fox")
    }

    #[tool(description = "Deletes a file")]
    fn delete_file(&self, Parameters(File { path }): Parameters<File>) -> String {
        self.called.note("delete_file");
        format!("{path} would be gone now")
    }

    #[tool(description = "Transfers money")]
    fn transfer_funds(&self, Parameters(Transfer { to, amount, currency }): Parameters<Transfer>) -> String {
        self.called.note("transfer_funds");
        format!("{amount} {currency} would go to {to}")
    }

    #[tool(description = "Lists the reports")]
    fn list_reports(&self) -> String {
        self.called.note("list_reports");
        "q1.pdf\nq2.pdf".to_owned()
    }
}

#[tool_handler]
impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("fourleg-lab", env!("CARGO_PKG_VERSION")))
    }
}
