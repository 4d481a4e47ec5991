//! Access key → credential: the root key from the settings, further keys from the store, unsealed once and kept.
//!
//! Invariant: a change made through this process (`forget`) holds for every look-up that begins after it, because a
//! look-up that was under way keeps nothing. A change made elsewhere is seen after `STALE_AFTER`.

use super::{Credential, IdentityError, KeyStore, sealing::SecretSealer};
use crate::runtime::Clock;
use secrecy::{ExposeSecret, SecretString};
use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// How long a credential is used without looking at its row again.
const STALE_AFTER: Duration = Duration::from_secs(10);

/// Credentials kept: about 2 KiB each with their signing keys, so 8 MiB. A cluster with more keys looks some up again.
const CREDENTIALS_MAX: usize = 4096;

/// The key that the settings give: full access, not in the database.
#[derive(Clone)]
pub struct RootKey {
    pub access_key: String,
    pub secret: SecretString,
}

impl RootKey {
    /// Refuses what could not be signed with.
    pub fn validate(&self) -> Result<(), IdentityError> {
        let is_allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if !(3..=128).contains(&self.access_key.len()) || !self.access_key.bytes().all(is_allowed) {
            return Err(IdentityError::InvalidRootKey(
                "the root access key must have 3 to 128 letters, digits, `-`, `_` or `.`",
            ));
        }
        let secret = self.secret.expose_secret();
        if !(8..=256).contains(&secret.len()) || !secret.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(IdentityError::InvalidRootKey(
                "the root secret key must have 8 to 256 printable characters without spaces",
            ));
        }
        Ok(())
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootKey({}, secret redacted)", self.access_key)
    }
}

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Authenticator {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: Arc<Credential>,
    store: Arc<dyn KeyStore>,
    sealer: Arc<SecretSealer>,
    clock: Arc<dyn Clock>,
    kept: RwLock<HashMap<String, Kept>>,
    /// Grows with every change of a key.
    changes: AtomicU64,
}

#[derive(Debug)]
struct Kept {
    credential: Arc<Credential>,
    since: Duration,
}

impl Authenticator {
    pub(super) fn new(
        root: RootKey,
        store: Arc<dyn KeyStore>,
        sealer: Arc<SecretSealer>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, IdentityError> {
        root.validate()?;
        let root = Arc::new(Credential::new(&root.access_key, root.secret));
        let inner = Inner { root, store, sealer, clock, kept: RwLock::default(), changes: AtomicU64::new(0) };
        Ok(Self { inner: Arc::new(inner) })
    }

    pub fn root_access_key(&self) -> &str {
        self.inner.root.access_key()
    }

    /// The root key's credential, for callers that serve the operator alone.
    pub fn root(&self) -> Arc<Credential> {
        self.inner.root.clone()
    }

    /// The credential of a key that exists and is enabled.
    pub async fn credential(&self, access_key: &str) -> Result<Option<Arc<Credential>>, IdentityError> {
        let inner = &*self.inner;
        if access_key == inner.root.access_key() {
            return Ok(Some(inner.root.clone()));
        }
        if let Some(credential) = inner.kept_credential(access_key) {
            return Ok(Some(credential));
        }
        let changes = inner.changes.load(Ordering::Acquire);
        let Some(row) = inner.store.find(access_key).await? else { return Ok(None) };
        if !row.enabled {
            return Ok(None);
        }
        let secret = inner.sealer.open(access_key, &row.sealed_secret)?;
        let credential = Arc::new(Credential::new(access_key, secret));
        inner.keep(&credential, changes);
        Ok(Some(credential))
    }

    /// Called after a change of the key is durable.
    pub(super) fn forget(&self, access_key: &str) {
        let mut kept = self.inner.kept.write().unwrap_or_else(PoisonError::into_inner);
        self.inner.changes.fetch_add(1, Ordering::AcqRel);
        kept.remove(access_key);
    }
}

impl Inner {
    fn kept_credential(&self, access_key: &str) -> Option<Arc<Credential>> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let found = kept.get(access_key)?;
        let is_fresh = self.clock.monotonic().saturating_sub(found.since) < STALE_AFTER;
        is_fresh.then(|| found.credential.clone())
    }

    /// Keeps the credential unless a key changed since the row was read.
    fn keep(&self, credential: &Arc<Credential>, changes_before: u64) {
        let now = self.clock.monotonic();
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if self.changes.load(Ordering::Acquire) != changes_before {
            return;
        }
        if kept.len() >= CREDENTIALS_MAX {
            kept.retain(|_, kept| now.saturating_sub(kept.since) < STALE_AFTER);
        }
        if kept.len() >= CREDENTIALS_MAX {
            kept.clear();
        }
        kept.insert(credential.access_key().to_owned(), Kept { credential: credential.clone(), since: now });
    }
}
