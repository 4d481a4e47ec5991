//! Operations on the account.

pub mod list_buckets;
