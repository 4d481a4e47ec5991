//! The authenticated maker of a request.

use std::{fmt, sync::Arc};

/// What a principal may do before there are policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grant {
    /// Everything in this cluster: the root key and the further keys that an operator makes.
    FullAccess,
    /// What anybody may who reaches the address: what access control lists give everybody.
    Anonymous,
    /// What a visitor of a website may: read the objects of buckets that are one. Whether a bucket is one, the website
    /// address asks first.
    Website,
    /// Nothing. For tests of the default; later issues give principals policies instead.
    #[cfg(test)]
    Nothing,
}

/// Somebody who proved who they are, or nobody in particular. Only this module makes one that may do anything, and only
/// from a proof.
#[derive(Clone, PartialEq, Eq)]
pub struct Principal {
    access_key: Arc<str>,
    grant: Grant,
}

impl Principal {
    /// The account that owns everything in a cluster with one account; what `<Owner>` shows.
    pub const OWNER: &'static str = "larder";

    pub(super) fn new(access_key: Arc<str>, grant: Grant) -> Self {
        Self { access_key, grant }
    }

    /// Who did not say who they are.
    pub fn anonymous() -> Self {
        Self { access_key: Arc::from(""), grant: Grant::Anonymous }
    }

    /// Whoever reaches the website address.
    pub fn website() -> Self {
        Self { access_key: Arc::from(""), grant: Grant::Website }
    }

    /// Whether what it may do depends on access control lists, which somebody has to look up then.
    pub fn is_judged_by_lists(&self) -> bool {
        self.grant == Grant::Anonymous
    }

    /// The access key that the request was signed with; empty when nobody signed it.
    pub fn access_key(&self) -> &str {
        &self.access_key
    }

    /// Id of the owner of what this principal makes.
    pub fn owner(&self) -> &'static str {
        Self::OWNER
    }

    pub(super) fn grant(&self) -> Grant {
        self.grant
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Principal({})", self.access_key)
    }
}
