//! The answer to a request that was let go on, if the policy wants to see its head.

use oauth_core::denial::{Denial, Reason};

use super::{Handle, Verdict};
use crate::{
    host::{self, Map},
    policy::{Answered, Policy, ResponseHead},
};

/// What the proxy says of an answer that came from the upstream.
const FROM_UPSTREAM: &[u8] = b"via_upstream";

impl<P: Policy> Handle<P> {
    /// An answer's head, be it the upstream's, the proxy's or another filter's.
    pub(super) fn answered(&self, id: u32) -> Verdict {
        let watched = self.0.borrow_mut().streams.get_mut(&id).and_then(|stream| stream.watched.take());
        let Some(watched) = watched else { return Verdict::GoOn };
        let judged = response_head()
            .and_then(|head| self.now_with(|settings, shared, now| P::answered(settings, shared, watched, &head, now)));
        let refusal = match judged {
            Some(Answered::Replace(refusal)) => refusal,
            Some(Answered::Pass { remove }) => {
                if remove.iter().all(|name| host::remove_field(Map::ResponseHeaders, name.as_bytes()).is_ok()) {
                    return Verdict::GoOn;
                }
                Denial::plain(Reason::InternalFault).into()
            }
            None => Denial::plain(Reason::InternalFault).into(),
        };
        self.deny(id, refusal)
    }
}

fn response_head() -> Option<ResponseHead> {
    let fields = host::fields(Map::ResponseHeaders).ok()?;
    let status = std::str::from_utf8(fields.only(":status")?).ok()?.parse().ok()?;
    let details = host::property("response\0code_details").ok()?;
    Some(ResponseHead { status, is_from_upstream: details.as_deref() == Some(FROM_UPSTREAM), fields })
}
