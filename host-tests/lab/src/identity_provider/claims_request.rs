//! The `claims` parameter (OpenID Connect Core 1.0, section 5.5), with the members that Microsoft Entra adds to it.

use serde_json::Value;

/// What is read of it: anything else is ignored, as section 5.5 asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ClaimsRequest {
    /// `id_token.acr`, if essential.
    pub(super) acr: Option<Vec<String>>,
    /// `access_token.acrs`.
    pub(super) auth_contexts: Option<Wish>,
    /// `access_token.xms_cc`: what the client says it can do.
    pub(super) capabilities: Vec<String>,
    /// `access_token.nbf`: the token must be issued no earlier.
    pub(super) issued_since: Option<u64>,
}

/// One of these values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) essential: bool,
    pub(super) values: Vec<String>,
}

/// Not a claims request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl ClaimsRequest {
    /// Reads the parameter's text.
    pub(super) fn parse(text: &str) -> Result<Self, Malformed> {
        let request: Value = serde_json::from_str(text).map_err(|_| Malformed)?;
        if !request.is_object() || ["id_token", "access_token", "userinfo"].iter().any(|part| bad_part(&request, part))
        {
            return Err(Malformed);
        }
        let acr = wish(&request, "/id_token/acr")?.filter(|wish| wish.essential);
        let issued_since = match wish(&request, "/access_token/nbf")? {
            Some(wish) => match wish.values.as_slice() {
                [seconds] => Some(seconds.parse().map_err(|_| Malformed)?),
                _ => return Err(Malformed),
            },
            None => None,
        };
        Ok(Self {
            acr: acr.map(|wish| wish.values),
            auth_contexts: wish(&request, "/access_token/acrs")?,
            capabilities: wish(&request, "/access_token/xms_cc")?.map(|wish| wish.values).unwrap_or_default(),
            issued_since,
        })
    }
}

fn bad_part(request: &Value, part: &str) -> bool {
    request.get(part).is_some_and(|part| !part.is_object())
}

/// `{"essential": …, "value": …}` or `{"values": […]}`; null asks for the claim with any value, which is nothing here.
fn wish(request: &Value, pointer: &str) -> Result<Option<Wish>, Malformed> {
    let claim = match request.pointer(pointer) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(claim)) => claim,
        Some(_) => return Err(Malformed),
    };
    let essential = match claim.get("essential") {
        None => false,
        Some(Value::Bool(essential)) => *essential,
        Some(_) => return Err(Malformed),
    };
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or(Malformed);
    let values = match (claim.get("value"), claim.get("values")) {
        (Some(one), None) => vec![text(one)?],
        (None, Some(Value::Array(several))) if !several.is_empty() => {
            several.iter().map(text).collect::<Result<_, _>>()?
        }
        (None, None) => return Ok(None),
        _ => return Err(Malformed),
    };
    Ok(Some(Wish { essential, values }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_entra_and_openid_connect_ask_for_is_read() {
        let request = ClaimsRequest::parse(
            r#"{"access_token":{"acrs":{"essential":true,"value":"c1"},"xms_cc":{"values":["cp1"]},"nbf":{"essential":true,"value":"1604106651"},"x":null},
                "id_token":{"acr":{"essential":true,"values":["urn:phr","urn:mfa"]}},"userinfo":{"email":null},"later":7}"#,
        )
        .unwrap();
        assert_eq!(request.auth_contexts, Some(Wish { essential: true, values: vec!["c1".into()] }));
        assert_eq!(request.capabilities, ["cp1"]);
        assert_eq!(request.issued_since, Some(1_604_106_651));
        assert_eq!(request.acr, Some(vec!["urn:phr".into(), "urn:mfa".into()]));
        assert_eq!(ClaimsRequest::parse(r#"{"access_token":{"acrs":null}}"#), Ok(ClaimsRequest::default()));
        assert_eq!(ClaimsRequest::parse(r#"{"id_token":{"acr":{"value":"x"}}}"#).unwrap().acr, None);
    }

    #[test]
    fn what_is_no_claims_request_is_malformed() {
        for text in [
            "",
            "[]",
            "null",
            "x",
            "{}{}",
            r#"{"access_token":[]}"#,
            r#"{"access_token":{"acrs":"c1"}}"#,
            r#"{"access_token":{"acrs":{"essential":"true","value":"c1"}}}"#,
            r#"{"access_token":{"acrs":{"value":1}}}"#,
            r#"{"access_token":{"acrs":{"values":[]}}}"#,
            r#"{"access_token":{"acrs":{"value":"a","values":["b"]}}}"#,
            r#"{"access_token":{"nbf":{"value":1604106651}}}"#,
            r#"{"access_token":{"nbf":{"value":"soon"}}}"#,
        ] {
            assert_eq!(ClaimsRequest::parse(text), Err(Malformed), "{text}");
        }
    }
}
