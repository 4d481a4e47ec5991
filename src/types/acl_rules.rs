//! What a bucket says about access control lists, its own and those of its objects: who owns what is written (Object
//! Ownership), and whether public lists may be set and have any effect (Block Public Access). Source: Amazon S3 User
//! Guide, "Controlling ownership of objects and disabling ACLs for your bucket", "Blocking public access to your Amazon
//! S3 storage".

use super::{Acl, Permission};
use serde::{Deserialize, Serialize};

/// With one account the writer of an object owns the bucket: the two that leave lists enabled mean the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ObjectOwnership {
    /// Lists are disabled.
    BucketOwnerEnforced,
    BucketOwnerPreferred,
    ObjectWriter,
}

impl ObjectOwnership {
    pub const ALL: [Self; 3] = [Self::BucketOwnerEnforced, Self::BucketOwnerPreferred, Self::ObjectWriter];

    pub const fn name(self) -> &'static str {
        match self {
            Self::BucketOwnerEnforced => "BucketOwnerEnforced",
            Self::BucketOwnerPreferred => "BucketOwnerPreferred",
            Self::ObjectWriter => "ObjectWriter",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ownership| ownership.name() == name)
    }
}

/// The four flags of a bucket. The last two are about bucket policies, and until there are any the third is only kept
/// and given back; the fourth closes the bucket as a website, which is as public as a policy makes one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicAccessBlock {
    /// No public list may be set.
    pub block_public_acls: bool,
    /// Public lists that are there have no effect.
    pub ignore_public_acls: bool,
    pub block_public_policy: bool,
    pub restrict_public_buckets: bool,
}

impl PublicAccessBlock {
    /// One bit a flag, in the order of the fields.
    pub fn bits(self) -> u64 {
        let flags =
            [self.block_public_acls, self.ignore_public_acls, self.block_public_policy, self.restrict_public_buckets];
        flags.into_iter().enumerate().map(|(at, flag)| u64::from(flag) << at).sum()
    }

    /// `None`: the number is none.
    pub fn from_bits(bits: u64) -> Option<Self> {
        let flag = |at: u32| bits >> at & 1 == 1;
        (bits < 16).then(|| Self {
            block_public_acls: flag(0),
            ignore_public_acls: flag(1),
            block_public_policy: flag(2),
            restrict_public_buckets: flag(3),
        })
    }
}

/// Both, where they were set. Without a setting of its ownership a bucket's lists are enabled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AclRules {
    pub ownership: Option<ObjectOwnership>,
    pub block: Option<PublicAccessBlock>,
}

/// Why a list can't be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AclRefused {
    /// Lists are disabled, and this one is not what everything has anyway.
    Disabled,
    /// Public lists are blocked.
    Public,
}

impl AclRules {
    pub fn are_lists_disabled(self) -> bool {
        self.ownership == Some(ObjectOwnership::BucketOwnerEnforced)
    }

    /// Whether the list may be set, of the bucket or of something in it.
    pub fn check(self, acl: Acl) -> Result<(), AclRefused> {
        if self.are_lists_disabled() && acl != Acl::PRIVATE {
            return Err(AclRefused::Disabled);
        }
        if acl.is_public() && self.block.is_some_and(|block| block.block_public_acls) {
            return Err(AclRefused::Public);
        }
        Ok(())
    }

    /// The list as clients are shown it.
    pub fn shown(self, acl: Acl) -> Acl {
        if self.are_lists_disabled() { Acl::PRIVATE } else { acl }
    }

    /// Whether the list, of the bucket or of something in it, gives the permission to somebody without credentials.
    pub fn give_everybody(self, acl: Acl, permission: Permission) -> bool {
        let are_ignored = self.block.is_some_and(|block| block.ignore_public_acls);
        !self.are_lists_disabled() && !are_ignored && acl.gives_everybody(permission)
    }
}

/// All that decides about access to a bucket without credentials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BucketAccess {
    pub acl: Acl,
    pub rules: AclRules,
}

impl BucketAccess {
    /// Whether the bucket's own list gives the permission to somebody without credentials.
    pub fn gives_everybody(self, permission: Permission) -> bool {
        self.rules.give_everybody(self.acl, permission)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{CannedAcl, Grantee};

    fn public() -> Acl {
        CannedAcl::PublicRead.acl().unwrap()
    }

    fn blocking(change: fn(&mut PublicAccessBlock)) -> AclRules {
        let mut block = PublicAccessBlock::default();
        change(&mut block);
        AclRules { ownership: None, block: Some(block) }
    }

    #[test]
    fn an_enforced_owner_leaves_no_list() {
        let enforced = AclRules { ownership: Some(ObjectOwnership::BucketOwnerEnforced), block: None };
        assert_eq!(enforced.check(Acl::PRIVATE), Ok(()));
        let authenticated = CannedAcl::AuthenticatedRead.acl().unwrap();
        let owner_reads = Acl::EMPTY.with(Grantee::Owner, Permission::Read);
        for other in [public(), authenticated, owner_reads, Acl::EMPTY] {
            assert_eq!(enforced.check(other), Err(AclRefused::Disabled), "{other:?}");
            assert_eq!(enforced.shown(other), Acl::PRIVATE);
        }
        assert!(!enforced.give_everybody(public(), Permission::Read));
        for ownership in [None, Some(ObjectOwnership::ObjectWriter), Some(ObjectOwnership::BucketOwnerPreferred)] {
            let enabled = AclRules { ownership, block: None };
            assert_eq!((enabled.check(public()), enabled.shown(public())), (Ok(()), public()));
            assert!(enabled.give_everybody(public(), Permission::Read));
        }
    }

    #[test]
    fn each_flag_does_what_it_says_and_no_more() {
        let refuses = blocking(|block| block.block_public_acls = true);
        assert_eq!(refuses.check(public()), Err(AclRefused::Public));
        assert_eq!(refuses.check(CannedAcl::AuthenticatedRead.acl().unwrap()), Err(AclRefused::Public));
        assert_eq!(refuses.check(Acl::EMPTY), Ok(()));
        assert!(refuses.give_everybody(public(), Permission::Read), "what is there already keeps its effect");
        let ignores = blocking(|block| block.ignore_public_acls = true);
        assert_eq!(ignores.check(public()), Ok(()));
        assert!(!ignores.give_everybody(public(), Permission::Read));
        assert_eq!(ignores.shown(public()), public());
        for about_policies in
            [blocking(|b| b.block_public_policy = true), blocking(|b| b.restrict_public_buckets = true)]
        {
            assert_eq!(about_policies.check(public()), Ok(()));
            assert!(about_policies.give_everybody(public(), Permission::Read));
        }
    }

    #[test]
    fn flags_are_a_number_and_back() {
        for bits in 0..16 {
            assert_eq!(PublicAccessBlock::from_bits(bits).unwrap().bits(), bits);
        }
        assert_eq!(PublicAccessBlock::from_bits(16), None);
        assert!(PublicAccessBlock::from_bits(2).unwrap().ignore_public_acls);
    }
}
