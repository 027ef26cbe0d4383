//! Values of a request's head by name, where all readers behind us read the same one.

use mcp_core::spelling::resembles;
use oauth_core::path::decode_once;

use super::{RequestHead, same_name};

impl RequestHead {
    /// The value of a query parameter, decoded once. `None` unless there is one of the name, and no reader could find
    /// another: none whose name differs in case or punctuation or by an index, no `;`, nothing encoded twice, no `+`,
    /// which is a space to some only.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<String> {
        let target = std::str::from_utf8(self.fields.only(":path")?).ok()?;
        let (_, query) = target.split_once('?')?;
        if query.contains([';', '#']) {
            return None;
        }
        let mut found = None;
        for pair in query.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let key = decode_once(key).ok()?;
            // `x[]`, `x[0]`, `x.y` and `x y` become `x` or `x_y` for some.
            let plain = key.split('[').next().unwrap_or_default().replace('.', "_");
            if key == name {
                if found.replace(value).is_some() {
                    return None;
                }
            } else if plain == name || resembles(&plain, &name.replace('.', "_")) || key.contains('%') {
                return None;
            }
        }
        let value = found.filter(|value| !value.contains('+'))?;
        let value = decode_once(value).ok()?;
        let is_plain = !value.is_empty() && !value.contains(['%', '\\']) && !value.chars().any(char::is_control);
        is_plain.then(|| value.into_owned())
    }

    /// The value of a header field. `None` unless there is one of the name (`_` being `-` to some), it is plain text, and
    /// it cannot be several in one, which proxies join by commas (RFC 9110 §5.3).
    #[must_use]
    pub fn plain_field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|(field, _)| same_name(field, name));
        let (field, value) = values.next()?;
        let is_only = values.next().is_none() && field.eq_ignore_ascii_case(name.as_bytes());
        let value = std::str::from_utf8(value).ok()?.trim_matches([' ', '\t']);
        let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b',';
        (is_only && !value.is_empty() && value.bytes().all(is_plain)).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(path: &str, fields: &[(&str, &str)]) -> RequestHead {
        let all = [&[(":path", path)], fields].concat();
        let fields = all.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
        RequestHead::new(fields.collect(), true)
    }

    #[test]
    fn a_parameter_is_read_only_where_every_reader_reads_the_same() {
        let read = |query: &str| head(&format!("/a?{query}"), &[]).parameter("max_x");
        for (query, value) in [
            ("max_x=1", "1"),
            ("a=b&max_x=1&c", "1"),
            ("max_x=a%20b", "a b"),
            ("m%61x_x=%2Fa", "/a"),
            ("max_x=a=b", "a=b"),
            ("max_xx=2&max_x=1", "1"),
        ] {
            assert_eq!(read(query).as_deref(), Some(value), "{query}");
        }
        for query in [
            "",
            "x=1",
            "max_x",
            "max_x=",
            "max_x=1&max_x=1",
            "max_x=1&max_x=2",
            "max_x=1&m%61x_x=2",
            "max_x=1&Max_X=2",
            "max_x=1&maxx=2",
            "max_x=1&max-x=2",
            "max_x=1&max.x=2",
            "max_x=1&max_x[]=2",
            "max_x=1&max_x%5B0%5D=2",
            "max_x[]=1",
            "max_x=1;max_x=2",
            "max_x=a+b",
            "max_x=%2541",
            "max_x=1&m%2561x_x=2",
            "max_x=%zz",
            "max_x=%ff",
            "max_x=%0a",
            "max_x=a%5cb",
            "%zz=1&max_x=1",
            "max_x=1&max%20x=2",
            "max_x=1#max_x=2",
        ] {
            assert_eq!(read(query), None, "{query}");
        }
        assert_eq!(head("/a", &[]).parameter("max_x"), None);
    }

    #[test]
    fn a_field_is_read_only_if_it_is_one_value_of_plain_text() {
        let read = |fields: &[(&str, &str)]| head("/", fields).plain_field("x-tenant").map(str::to_owned);
        assert_eq!(read(&[("X-Tenant", " a b "), ("x-tenants", "c")]).as_deref(), Some("a b"));
        for fields in [
            &[] as &[(&str, &str)],
            &[("x-tenant", "a"), ("x-tenant", "a")],
            &[("x-tenant", "a,b")],
            &[("x-tenant", "")],
            &[("x-tenant", "a"), ("x_tenant", "b")],
            &[("x_tenant", "b")],
            &[("x-tenant", "\u{e9}")],
            &[("x-tenant", "a\tb")],
        ] {
            assert_eq!(read(fields), None, "{fields:?}");
        }
    }
}
