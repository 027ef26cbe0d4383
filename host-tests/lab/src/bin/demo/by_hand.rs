//! What to type while all of it stays up.

use anyhow::Result;
use serde_json::json;

use crate::world::{SECRET, World};

impl World {
    /// Prints commands to type.
    pub(crate) fn offer(&self) -> Result<()> {
        let key = self.identity_provider.signing_key();
        let mint = self.mint();
        let token = mint.access_token().scope("tools:read").expires_at(mint.now + 3600).sign_with(&key);
        let url = self.url();
        let initialize = json!({
            "jsonrpc": "2.0", "id": 1, "method": "initialize",
            "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "curl", "version": "0"}},
        });
        let token_url =
            format!("http://{}{}", self.identity_provider.address(), path_of(&self.identity_provider.token_endpoint()));
        println!("\nTry it (Ctrl-C ends all of it):\n");
        println!("# no token: 401 with a challenge\ncurl -i {url}\n");
        println!(
            "# a live token, good for an hour: 200\ncurl -i {url} -H 'Authorization: Bearer {token}' \\\n  \
             -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' -d '{initialize}'\n"
        );
        println!(
            "# a second credential beside it: 400\ncurl -i {url} -H 'Authorization: Bearer {token}' -H 'Authorization: Bearer x'\n"
        );
        println!(
            "# an application's own token from the identity provider\ncurl {token_url} -u agent-1:{SECRET} -d grant_type=client_credentials -d scope=tools:read\n"
        );
        Ok(())
    }
}

/// The path of a URL.
fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
}
