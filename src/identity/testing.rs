//! A store of access keys in memory, for tests of this layer and of the wire.

use super::{IdentityError, KeyStore};
use crate::metadata::{command::NewAccessKey, rows::AccessKey};
use futures_util::future::BoxFuture;
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, PoisonError},
};

#[derive(Default)]
pub(crate) struct MemoryKeyStore {
    rows: Mutex<BTreeMap<String, AccessKey>>,
}

impl fmt::Debug for MemoryKeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryKeyStore")
    }
}

impl MemoryKeyStore {
    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<String, AccessKey>) -> T) -> T {
        act(&mut self.rows.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl KeyStore for MemoryKeyStore {
    fn find<'a>(&'a self, access_key: &'a str) -> BoxFuture<'a, Result<Option<AccessKey>, IdentityError>> {
        Box::pin(async move { Ok(self.with(|rows| rows.get(access_key).cloned())) })
    }

    fn all(&self) -> BoxFuture<'_, Result<Vec<AccessKey>, IdentityError>> {
        Box::pin(async move { Ok(self.with(|rows| rows.values().cloned().collect())) })
    }

    fn create(&self, key: NewAccessKey) -> BoxFuture<'_, Result<(), IdentityError>> {
        let row = AccessKey {
            access_key: key.access_key.clone(),
            sealed_secret: key.sealed_secret,
            name: key.name,
            enabled: true,
            created: key.created,
        };
        Box::pin(async move {
            match self.with(|rows| rows.insert(key.access_key, row)) {
                None => Ok(()),
                Some(_) => Err(IdentityError::AccessKeyExists),
            }
        })
    }

    fn set_enabled<'a>(&'a self, access_key: &'a str, enabled: bool) -> BoxFuture<'a, Result<(), IdentityError>> {
        Box::pin(async move {
            self.with(|rows| match rows.get_mut(access_key) {
                Some(row) => {
                    row.enabled = enabled;
                    Ok(())
                }
                None => Err(IdentityError::NoSuchAccessKey),
            })
        })
    }

    fn delete<'a>(&'a self, access_key: &'a str) -> BoxFuture<'a, Result<(), IdentityError>> {
        Box::pin(
            async move { self.with(|rows| rows.remove(access_key).map(|_| ()).ok_or(IdentityError::NoSuchAccessKey)) },
        )
    }
}
