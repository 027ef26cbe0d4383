//! More than one upstream: where the proxy sends what its filters let through.

use std::sync::Arc;

use crate::{
    gateway::Handler,
    http::{Reply, Request},
};

/// The cluster of requests that no route is about: the gateway's `upstream`.
pub const DEFAULT_CLUSTER: &str = "upstream";

/// A route to an upstream of its own. The proxy compares bytes as they were sent, as Envoy does unless configured
/// otherwise: it decodes nothing, and a prefix may end inside a segment.
#[derive(Clone)]
pub struct Route {
    /// The upstream's cluster: `xds.cluster_name` of the requests that it gets.
    pub cluster: String,
    /// The authority, with its port if it has one, in any case; `None`: every one that has no routes of its own.
    pub host: Option<String>,
    /// What the path begins with.
    pub prefix: String,
    /// Who answers there.
    pub handler: Handler,
}

impl Route {
    /// All requests, to this cluster.
    pub fn to<R: Into<Reply>>(cluster: &str, handler: impl Fn(&Request) -> R + Send + Sync + 'static) -> Self {
        Self {
            cluster: cluster.to_owned(),
            host: None,
            prefix: "/".to_owned(),
            handler: Arc::new(move |request| handler(request).into()),
        }
    }

    /// Those whose path begins so.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.prefix);
        self
    }

    /// Those to this authority.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        self.host = Some(host.to_owned());
        self
    }
}

/// The first route that is about a request, among those of its authority if there are any.
pub(crate) fn find<'a>(routes: &'a [Route], authority: &[u8], path: &[u8]) -> Option<&'a Route> {
    let is_its_host =
        |route: &&Route| route.host.as_ref().is_some_and(|host| host.as_bytes().eq_ignore_ascii_case(authority));
    let has_own = routes.iter().any(|route| is_its_host(&route));
    let mut candidates = routes.iter().filter(|route| if has_own { is_its_host(route) } else { route.host.is_none() });
    candidates.find(|route| path.starts_with(route.prefix.as_bytes()))
}
