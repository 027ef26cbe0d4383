//! Values of a request's head by name, where all readers behind us read the same one.

use mcp_core::spelling::fold;
use oauth_core::path::{Ambiguous, decode_once};

use super::{RequestHead, same_name};

impl RequestHead {
    /// The value of a query parameter, decoded once. `None` unless there is one of the name, and no reader could find
    /// another: none whose name some reader takes for it ([`could_be_taken_for`]), no `;`, nothing encoded twice, no `+`
    /// in the value, which is a space to some only, and no form beside it.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<String> {
        let target = std::str::from_utf8(self.fields.only(":path")?).ok()?;
        let (_, query) = target.split_once('?')?;
        if query.contains([';', '#']) || self.may_bring_a_form() {
            return None;
        }
        let mut found = None;
        for pair in query.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let key = decode_once(key).ok()?;
            if key == name {
                if found.replace(value).is_some() {
                    return None;
                }
            } else if could_be_taken_for(&key, name) {
                return None;
            }
        }
        let value = found.filter(|value| !value.contains('+'))?;
        let value = decode_once(value).ok()?;
        let is_plain = !value.is_empty() && !value.contains(['%', '\\']) && !value.chars().any(char::is_control);
        is_plain.then(|| value.into_owned())
    }

    /// Path and query without the parameter that some reader calls by this name, in lower case. `None` if there is none.
    ///
    /// # Errors
    /// [`Ambiguous`] if it cannot be taken out: something that is left could be taken for it, or what a reader takes for
    /// a separator is none to others.
    pub fn without_parameter(&self, name: &str) -> Result<Option<String>, Ambiguous> {
        if !self.has_parameter(&[name]) {
            return Ok(None);
        }
        let target = self.fields.only(":path").and_then(|target| std::str::from_utf8(target).ok()).ok_or(Ambiguous)?;
        let (path, query) = target.split_once('?').ok_or(Ambiguous)?;
        let is_another = |pair: &&str| {
            let key = pair.split('=').next().unwrap_or_default();
            decode_once(key).is_ok_and(|key| !could_be_taken_for(&key, name))
        };
        let rest: Vec<&str> = query.split('&').filter(is_another).collect();
        if query.contains([';', '#']) {
            return Err(Ambiguous);
        }
        let target = if rest.is_empty() { path.to_owned() } else { format!("{path}?{}", rest.join("&")) };
        Ok(Some(target))
    }

    /// Whether the query has a parameter that some reader calls by one of these names, in lower case.
    pub(super) fn has_parameter(&self, names: &[&str]) -> bool {
        let query = self.fields.only(":path").and_then(|target| target.splitn(2, |byte| *byte == b'?').nth(1));
        let pairs = query.into_iter().flat_map(|query| query.split(|byte| matches!(byte, b'&' | b';')));
        let keys = pairs.filter_map(|pair| std::str::from_utf8(pair.split(|byte| *byte == b'=').next()?).ok());
        keys.filter_map(|key| decode_once(key).ok()).any(|key| {
            let key = key.split('\0').next().unwrap_or_default().trim_start_matches([' ', '+']);
            let as_in_php = key.replace(['[', '.', ' ', '+'], "_");
            let without_brackets = key.trim_matches(['[', ']']);
            names.iter().any(|name| [&as_in_php, without_brackets].iter().any(|key| key.eq_ignore_ascii_case(name)))
        })
    }

    /// The value of a header field. `None` unless there is one of the name (whatever is no letter and no digit being `-` to
    /// some), it is plain text, and it cannot be several in one, which proxies join by commas (RFC 9110 §5.3).
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

/// Whether some reader could take the parameter `key`, decoded once, for the parameter `name`. Case and punctuation are
/// ignored by some, dots and brackets lead to members, or are left out, or become `_`; a `+` is a space, which is
/// left out in front; what follows a NUL is cut off; and what is still encoded is decoded again.
///
/// It looks once at each character: a client chooses how many there are, and asks before it has shown a token.
fn could_be_taken_for(key: &str, name: &str) -> bool {
    if key.contains(|character: char| character == '%' || character.is_control()) {
        return true;
    }
    let is_left_out = |character: &char| matches!(character, '[' | ']' | '.' | '+');
    let mut left = name.chars().filter(|character| !is_left_out(character)).flat_map(fold).peekable();
    for character in key.chars() {
        // For some the name ends here.
        if matches!(character, '[' | ']' | '.') && left.peek().is_none() {
            return true;
        }
        if !is_left_out(&character) && !fold(character).all(|folded| left.next() == Some(folded)) {
            return false;
        }
    }
    left.peek().is_none()
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
            // PHP leaves out a space in front, makes one inside a `_`, like a bracket that is not closed, and ends at a NUL.
            "max_x=1&+max_x=2",
            "max_x=1&max+x=2",
            "max_x=1&max[x=2",
            "max_x=1&max%5Bx=2",
            "max_x=1&max_x%00y=2",
            // Rack and qs leave out brackets around a name, and qs can take what follows a dot for a member.
            "max_x=1&[max_x]=2",
            "max_x=1&[max_x][]=2",
            "max_x=1&]max_x=2",
            "max_x=1&max_x]=2",
            "max_x=1&max_x.y=2",
        ] {
            assert_eq!(read(query), None, "{query}");
        }
        assert_eq!(head("/a", &[]).parameter("max_x"), None);
    }

    /// The definition, slowly: the whole name, or what stands before one of the characters that end it for some.
    #[test]
    fn one_look_at_each_character_says_what_trying_every_beginning_says() {
        let squeezed = |text: &str| text.replace(['[', ']', '.', '+'], "");
        let slowly = |key: &str, name: &str| {
            let is_name = |text: &str| {
                let (text, name) = (squeezed(text), squeezed(name));
                text == name || mcp_core::spelling::resembles(&text, &name)
            };
            let ends = key.match_indices(['[', ']', '.']).map(|(end, _)| end);
            is_name(key) || ends.filter_map(|end| key.get(..end)).any(is_name)
        };
        let characters = ['a', 'A', 'b', '[', ']', '.', '+', '_', '\u{17f}', 's'];
        let mut keys = vec![String::new()];
        for _ in 0..5 {
            let longer = keys.iter().flat_map(|key| characters.map(|next| format!("{key}{next}")));
            keys = longer.chain([String::new()]).collect();
        }
        for name in ["a", "ab", "a_b", "a.b", "as"] {
            for key in &keys {
                assert_eq!(could_be_taken_for(key, name), slowly(key, name), "{key} {name}");
            }
        }
    }

    #[test]
    fn a_name_with_a_dot_is_a_name_like_others() {
        let read = |query: &str| head(&format!("/a?{query}"), &[]).parameter("page.size");
        assert_eq!(read("page.size=1&page=2&page.number=3").as_deref(), Some("1"));
        for other in ["page[size]", "page_size", "page.size[]", "page.size.x", "pageSize"] {
            assert_eq!(read(&format!("page.size=1&{other}=2")), None, "{other}");
        }
    }

    /// Where a form comes with the request, many a server reads parameters from both, and takes the form's.
    #[test]
    fn beside_a_form_no_parameter_is_read() {
        let read = |fields: &[(&str, &str)], is_whole: bool| {
            let all = [&[(":path", "/a?x=1")], fields].concat();
            let fields = all.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
            RequestHead::new(fields.collect(), is_whole).parameter("x")
        };
        let form = ("content-type", "application/x-www-form-urlencoded");
        assert!(read(&[("content-type", "application/json")], false).is_some());
        assert!(read(&[form], true).is_some(), "nothing comes");
        for fields in [
            &[form] as &[(&str, &str)],
            &[("content-type", "Multipart/Form-Data; boundary=x")],
            &[("content-type", "application/json"), form],
            &[],
        ] {
            assert_eq!(read(fields, false), None, "{fields:?}");
        }
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
            // For CGI, some servers write `_` for whatever is no letter and no digit.
            &[("x-tenant", "a"), ("x.tenant", "b")],
            &[("x_tenant", "b")],
            &[("x-tenant", "\u{e9}")],
            &[("x-tenant", "a\tb")],
        ] {
            assert_eq!(read(fields), None, "{fields:?}");
        }
    }

    /// COR-09
    #[test]
    fn a_parameter_is_taken_out_whole_or_not_at_all() {
        let without = |query: &str| head(&format!("/a/b?{query}"), &[]).without_parameter("access_token");
        for (query, rest) in [
            ("access_token=x", "/a/b"),
            ("a=1&access_token=x", "/a/b?a=1"),
            ("access_token=x&a=1&b", "/a/b?a=1&b"),
            ("a=%20&Access_Token=x&access%5Ftoken=y&b=access_token", "/a/b?a=%20&b=access_token"),
            ("access.token=x&a=1", "/a/b?a=1"),
            ("access_token", "/a/b"),
        ] {
            assert_eq!(without(query), Ok(Some(rest.to_owned())), "{query}");
        }
        for query in ["", "a=1", "token=x", "access_tokens=1", "b=access_token"] {
            assert_eq!(without(query), Ok(None), "{query}");
        }
        for query in ["a=1;access_token=x", "access_token=x;a=1"] {
            assert_eq!(without(query), Err(Ambiguous), "{query}");
        }
    }
}
