//! A token endpoint that behaves as it is told and remembers what it was asked.

use std::sync::{Arc, Mutex};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fourleg_harness::{Reply, Request, Response};
use fourleg_lab::mint::Token;
use serde_json::{Value, json};

use crate::fixture::I;

/// What it was asked once.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub request: Request,
    form: Vec<(String, String)>,
}

impl Asked {
    fn of(request: &Request) -> Self {
        let body = request.whole_body();
        Self { request: request.clone(), form: form_urlencoded::parse(&body).into_owned().collect() }
    }

    /// All values of a parameter.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.form.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The one value of a parameter.
    #[track_caller]
    pub(crate) fn one(&self, name: &str) -> &str {
        let all = self.all(name);
        assert_eq!(all.len(), 1, "{name} in {:?}", self.form);
        all[0]
    }

    /// The claims of the subject token.
    pub(crate) fn subject(&self) -> Value {
        let token = self.all("subject_token").into_iter().chain(self.all("assertion")).next();
        token.map_or(json!({}), claims)
    }

    /// The token that was wanted: same user, one hop further.
    pub(crate) fn wanted(&self) -> Token {
        let subject = self.subject();
        let mut claims = json!({
            "iss": I, "sub": subject["sub"], "client_id": "gateway", "aud": self.all("audience"), "exp": subject["exp"],
            "jti": "issued", "act": {"sub": "gateway"},
        });
        if subject["iat"].is_number() {
            claims["iat"] = subject["iat"].clone();
        }
        if let Some(scope) = self.all("scope").first() {
            claims["scope"] = json!(scope);
        }
        Token::of(claims)
    }
}

/// The claims of a JWT, whoever signed it.
pub(crate) fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap_or_default();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap_or_default()).unwrap_or_default()
}

/// An answer by RFC 8693 with this token.
pub(crate) fn issued(token: &str) -> Value {
    json!({
        "access_token": token, "issued_token_type": "urn:ietf:params:oauth:token-type:access_token", "token_type": "Bearer",
        "expires_in": 300,
    })
}

/// An OAuth error.
pub(crate) fn error(code: &str) -> Response {
    let body =
        json!({"error": code, "error_description": "the words of the server", "error_uri": "https://evil.example"});
    Response::json(400, &body).header("www-authenticate", "Bearer error=\"of the server\"")
}

type Behaviour = Box<dyn Fn(&Asked) -> Reply + Send>;

/// Clones are the same provider.
#[derive(Clone)]
pub(crate) struct Provider {
    behaviour: Arc<Mutex<Behaviour>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Default for Provider {
    /// Issues what it is asked for.
    fn default() -> Self {
        let behaviour: Behaviour = Box::new(good);
        Self { behaviour: Arc::new(Mutex::new(behaviour)), asked: Arc::default() }
    }
}

fn good(asked: &Asked) -> Reply {
    Response::json(200, &issued(&asked.wanted().sign())).into()
}

impl Provider {
    /// Behaves so from now on.
    pub(crate) fn does<R: Into<Reply>>(&self, behaviour: impl Fn(&Asked) -> R + Send + 'static) -> &Self {
        *self.behaviour.lock().unwrap() = Box::new(move |asked| behaviour(asked).into());
        self
    }

    /// Answers this from now on.
    pub(crate) fn says(&self, reply: impl Into<Reply>) -> &Self {
        let reply = reply.into();
        self.does(move |_| reply.clone())
    }

    /// Issues what it is asked for, from now on.
    pub(crate) fn is_good(&self) -> &Self {
        self.does(good)
    }

    /// Issues what it is asked for, with the claims changed.
    pub(crate) fn issues(&self, change: impl Fn(Token) -> Token + Send + 'static) -> &Self {
        self.does(move |asked| Response::json(200, &issued(&change(asked.wanted()).sign())))
    }

    /// Issues what it is asked for, with the answer's members changed.
    pub(crate) fn answers(&self, change: impl Fn(&mut Value) + Send + 'static) -> &Self {
        self.does(move |asked| {
            let mut answer = issued(&asked.wanted().sign());
            change(&mut answer);
            Response::json(200, &answer)
        })
    }

    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// How often.
    pub(crate) fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// What it was asked last.
    #[track_caller]
    pub(crate) fn last(&self) -> Asked {
        self.asked().pop().expect("it was asked something")
    }

    /// The handler of a cluster.
    pub(crate) fn handler(&self) -> impl Fn(&Request) -> Reply + Send + Sync + 'static {
        let provider = self.clone();
        move |request| {
            let asked = Asked::of(request);
            provider.asked.lock().unwrap().push(asked.clone());
            (provider.behaviour.lock().unwrap())(&asked)
        }
    }
}
