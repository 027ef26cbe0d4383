//! What a token endpoint is asked (RFC 8693 §2.1, RFC 7523 §2.1, RFC 6749 §4.4.2).

use form_urlencoded::Serializer;
use serde_json::{Map, Value, json};

use super::assertion::CannotSign;
use super::client_authentication::ClientAuthentication;
use super::profile::ServerProfile;
use crate::secret::Secret;
use crate::time::UnixTime;

/// The type of an OAuth access token (RFC 8693 §3).
pub const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// The type of a JWT, whatever it is for (RFC 8693 §3).
pub const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Token Vault of Auth0.
const FEDERATED_GRANT: &str = "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token";

/// The type of a connection's token.
pub(super) const FEDERATED_TOKEN: &str = "http://auth0.com/oauth/token-type/federated-connection-access-token";

/// A token of who acts, and its type; one without the other cannot be said (RFC 8693 §2.1).
#[derive(Clone, Copy, Debug)]
pub struct ActorToken<'a> {
    /// `actor_token`
    pub token: &'a Secret,
    /// `actor_token_type`
    pub token_type: &'a str,
}

/// Who the new token is to be about.
#[derive(Clone, Copy, Debug)]
pub enum Flow<'a> {
    /// The subject of this token, and if there is one, its actor.
    Exchange {
        /// `subject_token`
        subject_token: &'a Secret,
        /// `subject_token_type`
        subject_token_type: &'a str,
        /// `actor_token` and `actor_token_type`
        actor: Option<ActorToken<'a>>,
    },
    /// The client itself (RFC 6749 §4.4): the user's identity ends here.
    ClientCredentials,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Whose dialect it is to be asked in.
    pub profile: ServerProfile,
    /// For whom.
    pub flow: Flow<'a>,
    /// `audience`, each a parameter of its own.
    pub audience: &'a [String],
    /// `resource`, each a parameter of its own (RFC 8707 §2).
    pub resource: &'a [String],
    /// `scope`
    pub scope: &'a [&'a str],
    /// `requested_token_type`
    pub requested_token_type: Option<&'a str>,
    /// `claims`, as [`requested_claims`] makes it.
    pub claims: Option<&'a str>,
    /// The connection of Auth0's Token Vault.
    pub connection: Option<&'a str>,
}

/// What must be new in each request.
#[derive(Clone, Debug)]
pub struct Fresh {
    /// The time.
    pub now: UnixTime,
    /// A `jti` that was never used before.
    pub jti: String,
}

/// A request to a token endpoint: POST, with these fields and this body.
#[derive(Debug)]
pub struct TokenRequest {
    /// The value of `Authorization`, if the client authenticates by it.
    pub authorization: Option<Secret>,
    /// The form, UTF-8 and encoded (RFC 6749 appendix B).
    pub form: Secret,
}

/// The media type of [`TokenRequest::form`].
pub const FORM: &str = "application/x-www-form-urlencoded";

/// Writes the request.
///
/// # Errors
/// [`CannotSign`] if the client's assertion could not be made.
pub fn build_request(
    asked: &Asked<'_>,
    client: &ClientAuthentication,
    fresh: &Fresh,
) -> Result<TokenRequest, CannotSign> {
    let mut form = Serializer::new(String::new());
    let mut requested = asked.requested_token_type;
    match asked.flow {
        Flow::ClientCredentials => {
            form.append_pair("grant_type", "client_credentials");
            requested = None;
        }
        Flow::Exchange { subject_token, .. } if asked.profile == ServerProfile::EntraObo => {
            form.append_pair("grant_type", JWT_BEARER);
            form.append_pair("assertion", subject_token.expose());
            form.append_pair("requested_token_use", "on_behalf_of");
            requested = None;
        }
        Flow::Exchange { subject_token, subject_token_type, actor } => {
            let grant = if asked.connection.is_some() { FEDERATED_GRANT } else { TOKEN_EXCHANGE };
            form.append_pair("grant_type", grant);
            form.append_pair("subject_token", subject_token.expose());
            form.append_pair("subject_token_type", subject_token_type);
            if let Some(actor) = actor.filter(|_| asked.profile.knows_actor()) {
                form.append_pair("actor_token", actor.token.expose());
                form.append_pair("actor_token_type", actor.token_type);
            }
        }
    }
    if let Some(connection) = asked.connection {
        form.append_pair("connection", connection);
        requested = Some(FEDERATED_TOKEN);
    }
    if let Some(requested) = requested {
        form.append_pair("requested_token_type", requested);
    }
    if asked.profile.knows_audience() && asked.connection.is_none() {
        form.extend_pairs(asked.audience.iter().map(|audience| ("audience", audience)));
    }
    if asked.profile.knows_resource() {
        form.extend_pairs(asked.resource.iter().map(|resource| ("resource", resource)));
    }
    if !asked.scope.is_empty() {
        form.append_pair("scope", &asked.scope.join(" "));
    }
    if let Some(claims) = asked.claims {
        form.append_pair("claims", claims);
    }
    let added = client.add(fresh)?;
    form.extend_pairs(&added.parameters);
    Ok(TokenRequest { authorization: added.authorization, form: Secret::new(form.finish()) })
}

/// The `claims` parameter (OpenID Connect Core 1.0 §5.5): what is to be in the new token, and what the client is able to do
/// (Entra, "client capabilities"). `None` if there is nothing to say.
#[must_use]
pub fn requested_claims(claims: Option<&Map<String, Value>>, capabilities: &[String]) -> Option<String> {
    let mut merged = claims.cloned().unwrap_or_default();
    if !capabilities.is_empty() {
        let of_access_token = merged.entry("access_token").or_insert_with(|| json!({}));
        // Whatever else stood there would be no request for claims.
        if !of_access_token.is_object() {
            *of_access_token = json!({});
        }
        if let Some(members) = of_access_token.as_object_mut() {
            members.insert("xms_cc".to_owned(), json!({ "values": capabilities }));
        }
    }
    (!merged.is_empty()).then(|| Value::Object(merged).to_string())
}
