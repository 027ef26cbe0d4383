//! What shows an authorization server which client asks: the proxy's credential, or a secret (RFC 6749 §2.3).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::byte_serialize;
use serde::Deserialize;

use crate::config::{Problems, at};
use crate::secret::Secret;

/// `client_auth`
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"method\": \"proxy\"}")]
pub struct RawClientCredential {
    method: Option<RawMethod>,
    client_id: Option<String>,
    client_secret: Option<Secret>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum RawMethod {
    #[default]
    Proxy,
    ClientSecretBasic,
    ClientSecretPost,
}

/// How the client authenticates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientCredential {
    /// The proxy adds a credential on the way, or its certificate is one (RFC 8705 §2): there is no secret here. With a
    /// client id the form names it, which a server asks for that goes by the certificate.
    Proxy {
        /// `client_id`
        client_id: Option<String>,
    },
    /// `client_secret_basic`: the whole value of `Authorization`.
    Basic(Secret),
    /// `client_secret_post`
    Post {
        /// `client_id`
        client_id: String,
        /// `client_secret`
        client_secret: Secret,
    },
}

impl RawClientCredential {
    /// Checks the block, which is `proxy` if nothing was configured; notes every mistake below `place`.
    pub fn settings(raw: Option<&Self>, place: &str, problems: &mut Problems) -> ClientCredential {
        let none = Self::default();
        let raw = raw.unwrap_or(&none);
        let (id_place, secret_place) = (at(place, "client_id"), at(place, "client_secret"));
        if raw.client_id.as_ref().is_some_and(String::is_empty) {
            problems.add(&id_place, "is empty: expected the name of the client at the authorization server");
        }
        if raw.client_secret.as_ref().is_some_and(|secret| secret.is_empty()) {
            problems.add(&secret_place, "is empty: expected the secret of the client");
        }
        let method = raw.method.unwrap_or_default();
        if method == RawMethod::Proxy {
            if raw.client_secret.is_some() {
                problems.add(secret_place, "is not known to the method proxy, which adds the credential by itself");
            }
            return ClientCredential::Proxy { client_id: raw.client_id.clone() };
        }
        let id = problems.required(id_place, raw.client_id.clone(), "the name of the client");
        let secret = problems.required(secret_place, raw.client_secret.clone(), "the secret of the client");
        // Without them the settings are not used.
        let (client_id, client_secret) = (id.unwrap_or_default(), secret.unwrap_or_else(|| Secret::new(String::new())));
        match method {
            RawMethod::Proxy | RawMethod::ClientSecretPost => ClientCredential::Post { client_id, client_secret },
            RawMethod::ClientSecretBasic => ClientCredential::Basic(basic(&client_id, &client_secret)),
        }
    }
}

/// The value of `Authorization` for `client_secret_basic`: id and secret are form-encoded each by itself before they are
/// joined (RFC 6749 §2.3.1), so that a colon in the id ends nothing.
#[must_use]
pub fn basic(client_id: &str, client_secret: &Secret) -> Secret {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encoded(client_id), encoded(client_secret.expose()));
    Secret::new(format!("Basic {}", STANDARD.encode(pair)))
}

impl ClientCredential {
    /// The value of `Authorization`, if this method has one.
    #[must_use]
    pub fn authorization(&self) -> Option<&str> {
        match self {
            Self::Basic(value) => Some(value.expose()),
            Self::Proxy { .. } | Self::Post { .. } => None,
        }
    }

    /// What the form says of the client, by name and value.
    #[must_use]
    pub fn parameters(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::Proxy { client_id } => client_id.iter().map(|id| ("client_id", id.as_str())).collect(),
            Self::Basic(_) => Vec::new(),
            Self::Post { client_id, client_secret } => {
                vec![("client_id", client_id), ("client_secret", client_secret.expose())]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config;

    #[derive(Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Document {
        client_auth: Option<RawClientCredential>,
    }

    fn read(client_auth: &Value) -> Result<ClientCredential, Vec<String>> {
        let document = json!({"client_auth": client_auth}).to_string();
        let (raw, mut problems) = config::read::<Document>(document.as_bytes());
        let settings =
            raw.map(|raw| RawClientCredential::settings(raw.client_auth.as_ref(), "client_auth", &mut problems));
        problems.into_result(settings).map_err(|problems| {
            problems.as_slice().iter().map(|problem| format!("{} {}", problem.path, problem.message)).collect()
        })
    }

    /// TEX-24
    #[test]
    fn id_and_secret_are_form_encoded_each_by_itself_before_base64() {
        let value = basic("a:b", &Secret::new("p%+ /\u{e9}".to_owned()));
        let value = value.expose();
        let pair = STANDARD.decode(value.strip_prefix("Basic ").unwrap()).unwrap();
        assert_eq!(String::from_utf8(pair).unwrap(), "a%3Ab:p%25%2B+%2F%C3%A9");
    }

    #[test]
    fn each_method_says_what_it_has_to_say_and_nothing_else() {
        let proxy = read(&json!({})).unwrap();
        assert_eq!((proxy.authorization(), proxy.parameters()), (None, vec![]));
        let by_certificate = read(&json!({"method": "proxy", "client_id": "rs"})).unwrap();
        assert_eq!(by_certificate.parameters(), [("client_id", "rs")]);
        let post = json!({"method": "client_secret_post", "client_id": "rs", "client_secret": "s"});
        let post = read(&post).unwrap();
        assert_eq!(
            (post.authorization(), post.parameters()),
            (None, vec![("client_id", "rs"), ("client_secret", "s")])
        );
        let basic = json!({"method": "client_secret_basic", "client_id": "rs", "client_secret": "s"});
        assert_eq!(read(&basic).unwrap().authorization(), Some("Basic cnM6cw=="));
    }

    #[test]
    fn mistakes_are_named_and_no_secret_is_shown() {
        for (client_auth, mistake) in [
            (json!({"client_secret": "hunter2"}), "client_auth.client_secret is not known to the method proxy"),
            (json!({"method": "client_secret_basic", "client_secret": "hunter2"}), "client_auth.client_id is missing"),
            (json!({"method": "client_secret_post", "client_id": "rs"}), "client_auth.client_secret is missing"),
            (
                json!({"method": "client_secret_post", "client_id": "", "client_secret": "hunter2"}),
                "client_auth.client_id is empty",
            ),
            (
                json!({"method": "client_secret_basic", "client_id": "rs", "client_secret": ""}),
                "client_auth.client_secret is empty",
            ),
            (json!({"method": "none"}), "client_auth.method has a wrong value"),
            (json!({"client_secret": 5}), "client_auth.client_secret is of type integer"),
            (json!({"secret": "hunter2"}), "client_auth.secret is not known here"),
            (json!("hunter2"), "client_auth is of type string"),
        ] {
            let mistakes = read(&client_auth).unwrap_err();
            assert!(mistakes.len() == 1 && mistakes[0].starts_with(mistake), "{client_auth}: {mistakes:?}");
            assert!(!mistakes[0].contains("hunter2"), "{mistakes:?}");
        }
        let basic = json!({"method": "client_secret_basic", "client_id": "rs", "client_secret": "hunter2"});
        let shown = format!("{:?}", read(&basic).unwrap());
        assert!(!shown.contains("hunter2") && !shown.contains("cnM6"), "{shown}");
    }
}
