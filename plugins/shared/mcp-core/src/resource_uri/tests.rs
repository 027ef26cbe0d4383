use plugin_checks::Dice;

use super::*;

#[test]
fn takes_uris_in_their_normal_form() {
    for uri in [
        "file:///projects/app/config.json",
        "https://tools.example/a/b?x=..&y=//",
        "https://tools.example:8443/",
        "note://Alice/list",
        "ui://MyApp/view",
        "db://a//b",
        "urn:isbn:0451450523",
        "memo:one",
        "file:///caf%C3%A9%20menu",
        "postgres://reader@db.example:5432/app/users/schema",
        "https://127.0.0.1/",
        "https://[::1]:8443/",
    ] {
        assert!(is_plain(uri), "{uri}");
    }
}

#[test]
fn a_pattern_is_one_of_uris_in_their_normal_form() {
    for pattern in ["*", "file:///private/*", "*.json", "*/secret/*", "file:///caf%C3%A9*"] {
        assert!(is_plain_pattern(pattern), "{pattern}");
    }
    for pattern in
        ["", "private", "file:///a b*", "file:///caf\u{e9}*", "file:///caf%c3%a9*", "*%", "file:///a/../b", "*%2F*"]
    {
        assert!(!is_plain_pattern(pattern), "{pattern}");
    }
}

#[test]
fn refuses_uris_that_two_readers_could_take_differently() {
    for uri in [
        "",
        "file",
        "/etc/passwd",
        ":x",
        "file:",
        "FILE:///a",
        "file:/a",
        "file://localhost/a",
        "file:////a",
        "file:///a//b",
        "file:///a/../b",
        "file:///a/./b",
        "file:///a/..",
        "file:///a/..;x/b",
        "file:///a/%2e%2e/b",
        "file:///a/%2E%2E/b",
        "file:///a%2Fb",
        "file:///a%5Cb",
        "file:///%61",
        "file:///a%252e",
        "file:///a%00",
        "file:///a%0A",
        "file:///caf%c3%a9",
        "file:///caf\u{e9}",
        "file:///a%",
        "file:///a%4",
        "file:///a%zz",
        "file:///a b",
        "file:///a\\b",
        "file:///a\0",
        " file:///a",
        "note://a/../b",
        "note:../b",
        "http://h",
        "http://H/",
        "http://h:80/",
        "https://h:443/",
        "https://h./",
        "https://u@h/",
        "https:///a",
        "https:h/a",
        "file:///a.json?x",
        "file:///a.json?",
        "file:///a.json#x",
        "note://a#x",
        "note://a?",
        "note:/a",
        "note://@a/b",
        "note://:@a/b",
        "note://u:@a/b",
        "note://a:/b",
        "note://a:080/b",
        "weather://{city}/now",
        "docs://https://tools.example/a",
        "https://h:0443/",
        "https://h:8443x/",
        "https://127.1/",
        "https://0x7f.0.0.1/",
        "https://2130706433/",
        "https://[0:0:0:0:0:0:0:1]/",
        "https://h/a?b='",
    ] {
        assert!(!is_plain(uri), "{uri:?}");
    }
}

/// Servers in JavaScript, and those in Python by way of pydantic, read every URI as the URL standard says and go on with
/// what it makes of them.
#[test]
fn no_url_library_rewrites_what_passes() {
    let pieces = [
        "file:",
        "http:",
        "https:",
        "ws:",
        "note:",
        "db:",
        "urn:",
        "/",
        "//",
        "///",
        "h",
        "H",
        "h.example",
        "@",
        ":",
        ":80",
        ":080",
        ":8080",
        ":99999",
        "[::1]",
        "[0:0::1]",
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "2130706433",
        "a",
        "b.c",
        ".",
        "..",
        ";x",
        "?",
        "?q=1",
        "#",
        "#f",
        "'",
        "{x}",
        "%20",
        "%41",
        "%2F",
        "%3F",
        "%C3%A9",
        "%7B",
        "!",
        "$",
        "&",
        "(",
        ")",
        "+",
        ",",
        "=",
        "~",
        "_",
        "-",
        "[",
        "]",
        "^",
        "|",
    ];
    let mut dice = Dice::new(0x5eed_0001);
    let mut passed = 0;
    for _ in 0..300_000 {
        let count = 2 + dice.pick(&["", "a", "aa", "aaa", "aaaa", "aaaaa"]).len();
        let uri: String = (0..count).map(|_| dice.pick(&pieces)).collect();
        if is_plain(&uri) {
            passed += 1;
            // What the library refuses reaches nobody.
            let read = url::Url::parse(&uri);
            assert_eq!(read.as_ref().map_or(uri.as_str(), url::Url::as_str), uri);
        }
    }
    assert!(passed > 2_000, "{passed}");
}
