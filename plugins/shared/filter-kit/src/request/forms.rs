//! Bodies that a server may read as a form. What stands in a form is a parameter to many a server, as what stands in
//! the query is, and one parameter may name another method than the one that was sent.

use serde::Deserialize;

use super::{Parts, RequestHead};
use crate::{
    matching::{Match, Target},
    path::Ambiguous,
};

/// `forms`: how a POST is judged whose body a server may read as a form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Forms {
    /// Under every method that rules tell apart on its path: the form may name one (`_method`).
    #[default]
    EveryMethod,
    /// As a POST, which is all that it is to a server that takes no method from forms.
    AsSent,
}

/// Media types that no server reads as a form, beside those of [`NO_FORMS_BELOW`] and [`NO_FORMS_ENDING`].
const NO_FORMS: [&str; 7] = [
    "application/json",
    "application/octet-stream",
    "application/pdf",
    "application/xml",
    "application/x-ndjson",
    "text/plain",
    "text/xml",
];

/// What their names begin with, where any end will do.
const NO_FORMS_BELOW: [&str; 5] = ["application/grpc", "audio/", "font/", "image/", "video/"];

/// What their names end with (RFC 6839).
const NO_FORMS_ENDING: [&str; 2] = ["+json", "+xml"];

/// The method of a target that stands for all that no rule names: no method is called so.
const ANY_OTHER: &str = "*";

impl RequestHead {
    /// Whether a body comes that some server reads as a form: one of a type that is not known to be none, without a
    /// type, or of a type that has several readings.
    pub(super) fn may_bring_a_form(&self) -> bool {
        !self.ends_with_headers && !self.plain_field("content-type").is_some_and(is_no_form)
    }
}

/// Some servers look for the name of a form's type anywhere in the value.
fn is_no_form(value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    let media_type = value.split(';').next().unwrap_or_default().trim_end_matches([' ', '\t']);
    let is_known = NO_FORMS.contains(&media_type)
        || NO_FORMS_BELOW.iter().any(|start| media_type.starts_with(start))
        || NO_FORMS_ENDING.iter().any(|end| media_type.ends_with(end));
    is_known && !["form", "multipart"].iter().any(|name| value.contains(name))
}

impl Parts {
    /// Takes forms as the configuration says.
    #[must_use]
    pub fn with_forms(self, forms: Forms) -> Self {
        Self { may_be_overridden: self.may_be_overridden && forms == Forms::EveryMethod, ..self }
    }

    /// All that the request may be to a server, as far as these blocks tell it apart: first what was sent. If a form may
    /// name another method, and one of the blocks on its host and path names methods, it is each of those, and one that
    /// none of them names. A request passes only if each of these does.
    ///
    /// # Errors
    /// [`Ambiguous`] as [`Match::captures`].
    pub fn targets<'a>(&'a self, blocks: impl IntoIterator<Item = &'a Match>) -> Result<Vec<Target<'a>>, Ambiguous> {
        let mut targets = vec![self.target()];
        for block in blocks.into_iter().filter(|_| self.may_be_overridden) {
            let named = block.methods_at(self.target())?;
            let others = (!named.is_empty()).then_some(ANY_OTHER);
            for method in named.iter().map(String::as_str).chain(others) {
                if !targets.iter().any(|target| target.method == method) {
                    targets.push(Target { method, ..self.target() });
                }
            }
        }
        Ok(targets)
    }
}

#[cfg(test)]
mod tests {
    use oauth_core::config::Problems;
    use serde_json::{Value, json};

    use super::*;
    use crate::matching::{Members, RawMatch};

    fn head(method: &str, types: &[&str]) -> RequestHead {
        let pseudo = [(":method", method), (":path", "/a/b"), (":authority", "h")];
        let fields = pseudo.into_iter().chain(types.iter().map(|media_type| ("content-type", *media_type)));
        RequestHead::new(fields.map(|(name, value)| (name.into(), value.into())).collect(), false)
    }

    fn block(raw: Value) -> Match {
        let raw: RawMatch = serde_json::from_value(raw).unwrap();
        raw.settings(Members::Http, "match", &mut Problems::default()).unwrap()
    }

    fn methods(parts: &Parts, blocks: &[Value]) -> Vec<String> {
        let blocks: Vec<Match> = blocks.iter().cloned().map(block).collect();
        let targets = parts.targets(&blocks).unwrap();
        targets.iter().map(|target| target.method.to_owned()).collect()
    }

    #[test]
    fn a_body_is_no_form_only_if_its_type_is_known() {
        for media_type in [
            "application/json",
            "APPLICATION/JSON;charset=utf-8",
            "application/json ; a=b; c=d",
            "application/vnd.api+json",
            "application/atom+xml",
            "application/grpc",
            "application/grpc+proto",
            "audio/ogg",
            "image/png",
        ] {
            assert!(!head("POST", &[media_type]).may_bring_a_form(), "{media_type}");
        }
        for types in [
            &[] as &[&str],
            &[""],
            &["json"],
            &["application/jsonx"],
            &["application/x-www-form-urlencoded"],
            &["multipart/x"],
            &["text/html"],
            &["application/json,application/json"],
            &["application/json", "application/json"],
            &["application/json; a=multipart/x"],
            &["application/json; a=\"x-www-FORM-urlencoded\""],
            &["application/json\u{e9}"],
        ] {
            assert!(head("POST", types).may_bring_a_form(), "{types:?}");
        }
        assert!(!RequestHead::new(head("POST", &[]).fields().clone(), true).may_bring_a_form(), "nothing comes");
    }

    #[test]
    fn a_form_is_a_request_of_every_method_that_blocks_on_its_path_tell_apart() {
        let form = head("POST", &[]).parts().unwrap();
        let here = |methods: Value| json!({"methods": methods, "path": {"prefix": "/a"}});
        assert_eq!(methods(&form, &[]), ["POST"]);
        assert_eq!(methods(&form, &[json!({"path": {"prefix": "/a"}})]), ["POST"]);
        assert_eq!(methods(&form, &[here(json!(["POST"]))]), ["POST", "*"]);
        assert_eq!(
            methods(&form, &[here(json!(["DELETE", "POST"])), json!({"methods": ["GET", "DELETE"]})]),
            ["POST", "DELETE", "*", "GET"]
        );
        let elsewhere = json!({"methods": ["DELETE"], "path": {"prefix": "/b"}});
        assert_eq!(methods(&form, &[elsewhere, json!({"methods": ["DELETE"], "hosts": ["other"]})]), ["POST"]);
    }

    #[test]
    fn what_cannot_be_overridden_is_a_request_of_its_own_method() {
        let delete = [json!({"methods": ["DELETE"]})];
        for parts in [
            head("PUT", &[]).parts().unwrap(),
            head("POST", &["application/json"]).parts().unwrap(),
            head("POST", &[]).parts().unwrap().with_forms(Forms::AsSent),
        ] {
            assert_eq!(methods(&parts, &delete), [parts.method.as_str()]);
        }
        assert_eq!(methods(&head("POST", &[]).parts().unwrap().with_forms(Forms::EveryMethod), &delete).len(), 3);
    }
}
