//! Under what name the result of an exchange is kept: everything that shapes it, and nothing that could be read back.

use std::fmt;

use sha2::{Digest, Sha256};

/// SHA-256 over all that shapes a result. It tells nothing of the token and may be seen by others.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CacheKey([u8; 32]);

impl CacheKey {
    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// As lower-case hexadecimal.
    #[must_use]
    pub fn to_hex(&self) -> String {
        use std::fmt::Write as _;
        let mut text = String::with_capacity(64);
        for byte in self.0 {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

/// What shapes a result. Every part is there, so that none is forgotten at one place and not at another.
#[derive(Clone, Copy, Debug)]
pub struct KeyParts<'a> {
    /// A digest of the whole configuration: whatever is not listed here.
    pub configuration: &'a [u8],
    /// The whole subject token, not a part of it (TEX-17). `None` where the client speaks for itself.
    pub subject_token: Option<&'a str>,
    /// The type that it was given out as.
    pub subject_token_type: &'a str,
    /// The actor's token.
    pub actor_token: Option<&'a str>,
    /// The name of the authorization server.
    pub server: &'a str,
    /// Its profile.
    pub profile: &'a str,
    /// The client that asks, if it is known here.
    pub client: Option<&'a str>,
    /// The name of the target.
    pub target: &'a str,
    /// `audience`
    pub audience: &'a [String],
    /// `resource`
    pub resource: &'a [String],
    /// `scope`, sorted.
    pub scope: &'a [&'a str],
    /// `requested_token_type`
    pub requested_token_type: Option<&'a str>,
    /// `claims`, as sent.
    pub claims: Option<&'a str>,
    /// `connection`
    pub connection: Option<&'a str>,
}

impl KeyParts<'_> {
    /// The key. Every text is preceded by its length and every list by its number, so that no two different sets of parts
    /// give the same bytes.
    #[must_use]
    pub fn key(&self) -> CacheKey {
        let Self {
            configuration,
            subject_token,
            subject_token_type,
            actor_token,
            server,
            profile,
            client,
            target,
            audience,
            resource,
            scope,
            requested_token_type,
            claims,
            connection,
        } = *self;
        let mut hash = Hash(Sha256::new());
        hash.bytes(b"fourleg token exchange 1");
        hash.bytes(configuration);
        hash.optional(subject_token);
        hash.optional(actor_token);
        for text in [subject_token_type, server, profile, target] {
            hash.bytes(text.as_bytes());
        }
        hash.optional(client);
        hash.list(audience.iter().map(String::as_str));
        hash.list(resource.iter().map(String::as_str));
        hash.list(scope.iter().copied());
        hash.optional(requested_token_type);
        hash.optional(claims);
        hash.optional(connection);
        CacheKey(hash.0.finalize().into())
    }
}

struct Hash(Sha256);

impl Hash {
    fn number(&mut self, number: usize) {
        self.0.update(u64::try_from(number).unwrap_or(u64::MAX).to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len());
        self.0.update(bytes);
    }

    /// Absent is another thing than empty.
    fn optional(&mut self, text: Option<&str>) {
        self.number(usize::from(text.is_some()));
        self.bytes(text.unwrap_or_default().as_bytes());
    }

    fn list<'a>(&mut self, texts: impl ExactSizeIterator<Item = &'a str>) {
        self.number(texts.len());
        for text in texts {
            self.bytes(text.as_bytes());
        }
    }
}
