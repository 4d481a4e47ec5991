//! Access control lists: who, besides the keys of the account, may do what to a bucket or to a version. An installation
//! has one account, so a list names its owner and the two groups of Amazon's, and is a set of fifteen grants. Source:
//! Amazon S3 User Guide, "Access control list (ACL) overview".

use serde::{Deserialize, Serialize};

/// Whom a grant is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grantee {
    /// The account. What its list takes from it is kept and shown, and its keys may do everything all the same.
    Owner,
    /// Anybody, with or without credentials.
    AllUsers,
    /// Anybody with credentials: here the keys of the account, which need no grant.
    AuthenticatedUsers,
}

impl Grantee {
    pub const ALL: [Self; 3] = [Self::Owner, Self::AllUsers, Self::AuthenticatedUsers];

    /// A group's name; the owner has none.
    pub const fn uri(self) -> Option<&'static str> {
        match self {
            Self::Owner => None,
            Self::AllUsers => Some("http://acs.amazonaws.com/groups/global/AllUsers"),
            Self::AuthenticatedUsers => Some("http://acs.amazonaws.com/groups/global/AuthenticatedUsers"),
        }
    }

    pub fn of_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grantee| grantee.uri() == Some(uri))
    }
}

/// What a grant allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Permission {
    /// The other four.
    FullControl,
    Read,
    Write,
    ReadAcp,
    WriteAcp,
}

impl Permission {
    pub const ALL: [Self; 5] = [Self::FullControl, Self::Read, Self::Write, Self::ReadAcp, Self::WriteAcp];

    /// As in `<Permission>`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FullControl => "FULL_CONTROL",
            Self::Read => "READ",
            Self::Write => "WRITE",
            Self::ReadAcp => "READ_ACP",
            Self::WriteAcp => "WRITE_ACP",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|permission| permission.name() == name)
    }
}

/// A set of grants, as it was put: a grant of full control does not stand for four others. The default is `PRIVATE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Acl(u16);

/// A number that is no list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no access control list")]
pub struct InvalidAcl(pub u64);

const PERMISSIONS: u16 = Permission::ALL.len() as u16;

impl Acl {
    /// The owner has full control, and nobody else has anything.
    pub const PRIVATE: Self = Self(1);
    /// Nobody is granted anything, the owner included.
    pub const EMPTY: Self = Self(0);

    #[must_use]
    pub fn with(self, grantee: Grantee, permission: Permission) -> Self {
        Self(self.0 | bit(grantee, permission))
    }

    /// In a fixed order: groups first, as ceph/s3-tests compares them.
    pub fn grants(self) -> impl Iterator<Item = (Grantee, Permission)> {
        let grantees = [Grantee::AllUsers, Grantee::AuthenticatedUsers, Grantee::Owner];
        let pairs = grantees.into_iter().flat_map(|grantee| Permission::ALL.map(|permission| (grantee, permission)));
        pairs.filter(move |(grantee, permission)| self.0 & bit(*grantee, *permission) != 0)
    }

    /// Whether somebody without credentials has the permission.
    pub fn gives_everybody(self, permission: Permission) -> bool {
        self.0 & (bit(Grantee::AllUsers, permission) | bit(Grantee::AllUsers, Permission::FullControl)) != 0
    }

    /// Whether anything is granted to one of the groups: what S3 calls public.
    pub fn is_public(self) -> bool {
        self.0 >> PERMISSIONS != 0
    }

    /// One bit a grant: those of the owner, of all users, of authenticated users, each in the order of
    /// `Permission::ALL`.
    pub fn bits(self) -> u64 {
        self.0.into()
    }

    pub fn from_bits(bits: u64) -> Result<Self, InvalidAcl> {
        match u16::try_from(bits) {
            Ok(small) if small >> (PERMISSIONS * Grantee::ALL.len() as u16) == 0 => Ok(Self(small)),
            _ => Err(InvalidAcl(bits)),
        }
    }
}

fn bit(grantee: Grantee, permission: Permission) -> u16 {
    1 << (grantee as u16 * PERMISSIONS + permission as u16)
}

impl Default for Acl {
    fn default() -> Self {
        Self::PRIVATE
    }
}

impl TryFrom<u64> for Acl {
    type Error = InvalidAcl;

    fn try_from(bits: u64) -> Result<Self, InvalidAcl> {
        Self::from_bits(bits)
    }
}

impl From<Acl> for u64 {
    fn from(acl: Acl) -> Self {
        acl.bits()
    }
}

/// A list by one of the names that S3 has for the usual ones: `x-amz-acl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CannedAcl {
    Private,
    PublicRead,
    PublicReadWrite,
    AuthenticatedRead,
    /// What S3 ignores for a bucket; with one account an object's writer is the owner of its bucket.
    BucketOwnerRead,
    BucketOwnerFullControl,
    /// For a service of Amazon's that is not here.
    AwsExecRead,
    /// For access logs, which are not here.
    LogDeliveryWrite,
}

impl CannedAcl {
    pub const ALL: [Self; 8] = [
        Self::Private,
        Self::PublicRead,
        Self::PublicReadWrite,
        Self::AuthenticatedRead,
        Self::BucketOwnerRead,
        Self::BucketOwnerFullControl,
        Self::AwsExecRead,
        Self::LogDeliveryWrite,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::PublicRead => "public-read",
            Self::PublicReadWrite => "public-read-write",
            Self::AuthenticatedRead => "authenticated-read",
            Self::BucketOwnerRead => "bucket-owner-read",
            Self::BucketOwnerFullControl => "bucket-owner-full-control",
            Self::AwsExecRead => "aws-exec-read",
            Self::LogDeliveryWrite => "log-delivery-write",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|canned| canned.name() == name)
    }

    /// `None`: it names somebody whom no list here can name.
    pub fn acl(self) -> Option<Acl> {
        let private = Acl::PRIVATE;
        match self {
            Self::Private | Self::BucketOwnerRead | Self::BucketOwnerFullControl => Some(private),
            Self::PublicRead => Some(private.with(Grantee::AllUsers, Permission::Read)),
            Self::PublicReadWrite => {
                let reads = private.with(Grantee::AllUsers, Permission::Read);
                Some(reads.with(Grantee::AllUsers, Permission::Write))
            }
            Self::AuthenticatedRead => Some(private.with(Grantee::AuthenticatedUsers, Permission::Read)),
            Self::AwsExecRead | Self::LogDeliveryWrite => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_grant_has_a_bit_of_its_own() {
        let mut seen = Vec::new();
        for grantee in Grantee::ALL {
            for permission in Permission::ALL {
                let one = Acl::EMPTY.with(grantee, permission);
                assert_eq!(one.grants().collect::<Vec<_>>(), [(grantee, permission)]);
                assert_eq!(one.is_public(), grantee != Grantee::Owner);
                assert!(!seen.contains(&one.bits()));
                seen.push(one.bits());
            }
        }
        assert_eq!(Acl::PRIVATE, Acl::EMPTY.with(Grantee::Owner, Permission::FullControl));
    }

    #[test]
    fn everybody_has_what_all_users_have() {
        for permission in Permission::ALL {
            for grantee in Grantee::ALL {
                let alone = Acl::PRIVATE.with(grantee, permission);
                let full = Acl::PRIVATE.with(grantee, Permission::FullControl);
                let is_everybody = grantee == Grantee::AllUsers;
                assert_eq!(alone.gives_everybody(permission), is_everybody, "{grantee:?} {permission:?}");
                assert_eq!(full.gives_everybody(permission), is_everybody, "{grantee:?} {permission:?}");
            }
        }
        let reads = Acl::EMPTY.with(Grantee::AllUsers, Permission::Read);
        for other in [Permission::FullControl, Permission::Write, Permission::ReadAcp, Permission::WriteAcp] {
            assert!(!reads.gives_everybody(other), "{other:?}");
        }
    }

    #[test]
    fn canned_lists_are_those_of_the_guide() {
        for (name, groups) in [
            ("private", &[][..]),
            ("bucket-owner-read", &[]),
            ("bucket-owner-full-control", &[]),
            ("public-read", &[(Grantee::AllUsers, Permission::Read)]),
            ("public-read-write", &[(Grantee::AllUsers, Permission::Read), (Grantee::AllUsers, Permission::Write)]),
            ("authenticated-read", &[(Grantee::AuthenticatedUsers, Permission::Read)]),
        ] {
            let acl = CannedAcl::from_name(name).unwrap().acl().unwrap();
            let expected = [groups, &[(Grantee::Owner, Permission::FullControl)]].concat();
            assert_eq!(acl.grants().collect::<Vec<_>>(), expected, "{name}");
        }
        for name in ["aws-exec-read", "log-delivery-write"] {
            assert_eq!(CannedAcl::from_name(name).unwrap().acl(), None);
        }
        assert_eq!(CannedAcl::from_name("Public-Read"), None);
    }

    proptest! {
        #[test]
        fn a_number_is_a_list_or_refused(bits in 0_u64..1 << 17) {
            match Acl::from_bits(bits) {
                Ok(acl) => {
                    prop_assert!(bits < 1 << 15 && acl.bits() == bits);
                    let rebuilt = acl.grants().fold(Acl::EMPTY, |acl, (grantee, permission)| acl.with(grantee, permission));
                    prop_assert_eq!(rebuilt, acl);
                    let json = serde_json::to_string(&acl).unwrap();
                    prop_assert_eq!(serde_json::from_str::<Acl>(&json).unwrap(), acl);
                }
                Err(_) => prop_assert!(bits >= 1 << 15),
            }
        }
    }
}
