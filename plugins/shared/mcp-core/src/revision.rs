//! The revisions of MCP.

/// A revision of MCP that is understood, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Revision {
    /// 2024-10-07
    V2024_10_07,
    /// 2024-11-05. It and the one before knew no transport like this one, but servers and clients that speak this one
    /// go on to negotiate them; they are read as 2025-03-26 is.
    V2024_11_05,
    /// 2025-03-26: batches; no version header yet, so its absence means this one.
    V2025_03_26,
    /// 2025-06-18: the version header; one message in a body.
    V2025_06_18,
    /// 2025-11-25
    V2025_11_25,
    /// 2026-07-28: no sessions, no GET or DELETE; headers repeat the body, and the server must compare them.
    V2026_07_28,
}

impl Revision {
    /// Every revision, newest first, as error answers list them.
    pub const ALL: [Self; 6] = [
        Self::V2026_07_28,
        Self::V2025_11_25,
        Self::V2025_06_18,
        Self::V2025_03_26,
        Self::V2024_11_05,
        Self::V2024_10_07,
    ];

    /// Those that oblige the server to compare headers and body.
    pub(crate) const COMPARED: [Self; 1] = [Self::V2026_07_28];

    /// Its name in `MCP-Protocol-Version` and `_meta`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2024_10_07 => "2024-10-07",
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    /// Whether every request stands alone and repeats itself in headers that the server must compare (2026-07-28,
    /// Streamable HTTP, "Server Validation").
    #[must_use]
    pub const fn is_stateless(self) -> bool {
        matches!(self, Self::V2026_07_28)
    }

    /// Whether a body may hold several messages.
    #[must_use]
    pub const fn has_batches(self) -> bool {
        matches!(self, Self::V2024_10_07 | Self::V2024_11_05 | Self::V2025_03_26)
    }

    /// The methods of an MCP endpoint, as `Allow` lists them.
    #[must_use]
    pub const fn allow(self) -> &'static str {
        if self.is_stateless() { "POST" } else { "GET, POST, DELETE" }
    }
}
