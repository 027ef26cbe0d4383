//! What goes upstream: one credential, and none of those that the client sent.

use std::fmt;

use filter_kit::{
    path::Ambiguous,
    policy::RequestEdits,
    request::{CREDENTIALS, Property, RequestHead, same_name},
};
use oauth_core::{
    credential::{self, Credential},
    secret::Secret,
};

use crate::config::{Cookies, Settings};

/// What is needed of a request's head after the verdict on it was found.
pub struct Kept {
    /// `Authorization` alone, what audience-validation kept of it, and where the request is routed to.
    pub(crate) head: RequestHead,
    /// The names of fields to take out, as they came.
    remove: Vec<String>,
    /// Path and query without a token in it, if there is one.
    path: Result<Option<String>, Ambiguous>,
    /// The tokens that the caller brings for us, by the field's name; of a field that is there twice, or that holds no
    /// token, none.
    brought: Vec<(String, Secret)>,
    /// W3C Trace Context, for the authorization server.
    pub(crate) traceparent: Option<String>,
}

/// Never prints a token.
impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("remove", &self.remove).finish_non_exhaustive()
    }
}

impl Kept {
    pub(crate) fn of(settings: &Settings, request: &RequestHead) -> Self {
        let fields = request.fields();
        let authorization = fields.all("authorization").map(|value| (b"authorization".to_vec(), value.to_vec()));
        let subject_token = request.property(settings.subject_token_at).clone();
        let cluster = request.property(settings.cluster_at).clone();
        // Credentials end here, whatever the verdict. `Authorization` is set anew, or not at all.
        let credentials =
            CREDENTIALS.into_iter().filter(|name| *name != "cookie" || settings.cookies == Cookies::Remove);
        let ending: Vec<&str> = credentials.chain(settings.fields_for_us.iter().map(String::as_str)).collect();
        let names = fields.iter().filter_map(|(name, _)| std::str::from_utf8(name).ok());
        let is_removed = |name: &&str| ending.iter().any(|field| same_name(name.as_bytes(), field));
        let remove = names.filter(is_removed).map(str::to_owned);
        let brought = settings.fields_for_us.iter().filter_map(|name| {
            let token = token_of(request.plain_field(name)?)?;
            Some((name.clone(), token))
        });
        Self {
            head: RequestHead::new(authorization.collect(), true).with_properties(vec![subject_token, cluster]),
            remove: remove.collect(),
            path: request.without_parameter("access_token"),
            brought: brought.collect(),
            traceparent: request.plain_field("traceparent").filter(|value| is_traceparent(value)).map(str::to_owned),
        }
    }

    /// What audience-validation kept of the credential.
    pub(crate) fn subject_token(&self) -> &Property {
        self.head.property(0)
    }

    /// The cluster to which the proxy routed the request before this filter's edits.
    pub(crate) fn routed_to(&self) -> &Property {
        self.head.property(1)
    }

    /// The token in a field for us.
    pub(crate) fn brought(&self, name: &str) -> Option<&Secret> {
        self.brought.iter().find(|(field, _)| field == name).map(|(_, token)| token)
    }

    /// The edits of a request that goes on, with this credential or with none.
    ///
    /// # Errors
    /// [`Ambiguous`] if the query has a token that cannot be taken out.
    pub(crate) fn edits(&self, credential: Option<&Secret>) -> Result<RequestEdits, Ambiguous> {
        let path = self.path.clone()?.map(|path| (":path".to_owned(), path));
        let credential = credential.map(|token| ("authorization".to_owned(), format!("Bearer {}", token.expose())));
        Ok(RequestEdits {
            remove: self.remove.clone(),
            set: path.into_iter().chain(credential).collect(),
            ..RequestEdits::default()
        })
    }
}

/// The token in a field for us: bare, or with its scheme. What has not the form of a token is none.
fn token_of(value: &str) -> Option<Secret> {
    let has_scheme = value.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("bearer "));
    let field = if has_scheme { value.to_owned() } else { format!("Bearer {value}") };
    match credential::bearer(&[field.as_bytes()]) {
        Ok(Credential::Bearer(token)) => Some(Secret::new(token.to_owned())),
        _ => None,
    }
}

/// W3C Trace Context §3.2: it goes to another server, so only what it is said to be.
fn is_traceparent(value: &str) -> bool {
    value.len() == 55 && value.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}
