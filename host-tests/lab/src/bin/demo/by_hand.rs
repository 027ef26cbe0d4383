//! What to type while all of it stays up.

use anyhow::Result;
use serde_json::json;

use crate::{
    inner::TOOL_B,
    world::{ORDERS, SECRET, World},
};

impl World {
    /// Prints commands to type.
    pub(crate) fn offer(&self) -> Result<()> {
        let idp = &self.identity_provider;
        let mint = self.mint();
        let token = idp.issue(mint.access_token().scope("tools:read").expires_at(mint.now + 3600));
        let for_tool_a = mint.access_token().audience(ORDERS).scope("orders:read").expires_at(mint.now + 3600);
        let for_tool_a = idp.issue(for_tool_a);
        let url = self.url();
        let initialize = json!({
            "jsonrpc": "2.0", "id": 1, "method": "initialize",
            "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "curl", "version": "0"}},
        });
        let at = |endpoint: String| format!("http://{}{}", idp.address(), path_of(&endpoint));
        let (token_url, introspection_url) = (at(idp.token_endpoint()), at(idp.introspection_endpoint()));
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
        println!("# what the first token is\ncurl {introspection_url} -u agent-1:{SECRET} -d token={token}\n");
        println!(
            "# a token for tool B, as the gateway gets it for tool A\ncurl {token_url} -u tool-a:{SECRET} \\\n  \
             -d grant_type=urn:ietf:params:oauth:grant-type:token-exchange -d audience={TOOL_B} -d scope=orders:read \\\n  \
             -d subject_token_type=urn:ietf:params:oauth:token-type:access_token -d subject_token={for_tool_a}\n"
        );
        Ok(())
    }
}

/// The path of a URL.
fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
}
