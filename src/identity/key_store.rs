//! Where access keys are kept: the metadata in production, a map in tests of the layers above.

use super::IdentityError;
use crate::metadata::{command::NewAccessKey, rows::AccessKey};
use futures_util::future::BoxFuture;
use std::fmt;

/// Rows of access keys with sealed secrets. A change is durable when its future ends well.
pub trait KeyStore: Send + Sync + fmt::Debug {
    fn find<'a>(&'a self, access_key: &'a str) -> BoxFuture<'a, Result<Option<AccessKey>, IdentityError>>;
    fn all(&self) -> BoxFuture<'_, Result<Vec<AccessKey>, IdentityError>>;
    fn create(&self, key: NewAccessKey) -> BoxFuture<'_, Result<(), IdentityError>>;
    fn set_enabled<'a>(&'a self, access_key: &'a str, enabled: bool) -> BoxFuture<'a, Result<(), IdentityError>>;
    fn delete<'a>(&'a self, access_key: &'a str) -> BoxFuture<'a, Result<(), IdentityError>>;
}
