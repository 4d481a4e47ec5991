//! The access keys that an operator makes: create, list, disable, delete. What they change holds at once in this
//! process, because the authenticator forgets the key before the caller gets its answer.

use super::{Authenticator, IdentityError, KeyStore, RootKey, sealing::SecretSealer};
use crate::{
    metadata::command::NewAccessKey,
    runtime::{Clock, Random},
    types::Timestamp,
};
use secrecy::{ExposeSecret, SecretString};
use std::{fmt, sync::Arc};

pub(super) const NAME_LENGTH_MAX: usize = 64;

/// As long as those of AWS, so that whatever checks their form is content.
const ACCESS_KEY_LENGTH: usize = 20;
const SECRET_LENGTH: usize = 40;

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct AccessKeys {
    store: Arc<dyn KeyStore>,
    sealer: Arc<SecretSealer>,
    authenticator: Authenticator,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

/// A key that was just made: the only time that its secret is shown.
#[derive(Clone)]
pub struct CreatedKey {
    pub access_key: String,
    pub secret: SecretString,
    pub name: String,
}

impl fmt::Debug for CreatedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CreatedKey({}, secret redacted)", self.access_key)
    }
}

/// A key as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    pub access_key: String,
    pub name: String,
    pub enabled: bool,
    /// Absent for the root key, which comes from the settings.
    pub created: Option<Timestamp>,
}

impl AccessKeys {
    /// `cluster_secret` is what the secrets in the store are sealed under.
    pub fn new(
        root: RootKey,
        cluster_secret: &[u8],
        store: Arc<dyn KeyStore>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, IdentityError> {
        let sealer = Arc::new(SecretSealer::new(cluster_secret));
        let authenticator = Authenticator::new(root, store.clone(), sealer.clone(), clock.clone())?;
        Ok(Self { store, sealer, authenticator, clock, random })
    }

    pub fn authenticator(&self) -> &Authenticator {
        &self.authenticator
    }

    /// Afterwards the key exists, enabled, with full access. Dropped before its end, it may exist without anybody
    /// knowing its secret: `list` shows it, `delete` removes it.
    pub async fn create(&self, name: &str) -> Result<CreatedKey, IdentityError> {
        if name.chars().count() > NAME_LENGTH_MAX || name.chars().any(char::is_control) {
            return Err(IdentityError::InvalidName);
        }
        let access_key = format!("LK{}", self.text(ACCESS_KEY_LENGTH - 2, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"));
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let secret = SecretString::from(self.text(SECRET_LENGTH, letters));
        let row = NewAccessKey {
            access_key: access_key.clone(),
            sealed_secret: self.sealer.seal(&access_key, secret.expose_secret(), &*self.random),
            name: name.to_owned(),
            created: self.clock.now(),
        };
        self.store.create(row).await?;
        Ok(CreatedKey { access_key, secret, name: name.to_owned() })
    }

    /// The root key first, then the others by access key.
    pub async fn list(&self) -> Result<Vec<KeyInfo>, IdentityError> {
        let root = self.authenticator.root_access_key().to_owned();
        let mut keys = vec![KeyInfo { access_key: root, name: "root".into(), enabled: true, created: None }];
        let mut rows = self.store.all().await?;
        rows.sort_by(|a, b| a.access_key.cmp(&b.access_key));
        keys.extend(rows.into_iter().map(|row| KeyInfo {
            access_key: row.access_key,
            name: row.name,
            enabled: row.enabled,
            created: Some(row.created),
        }));
        Ok(keys)
    }

    /// Access keys whose secrets do not open under the cluster secret: nobody can use them.
    pub async fn closed_secrets(&self) -> Result<Vec<String>, IdentityError> {
        let mut rows = self.store.all().await?;
        rows.retain(|row| self.sealer.open(&row.access_key, &row.sealed_secret).is_err());
        Ok(rows.into_iter().map(|row| row.access_key).collect())
    }

    pub async fn disable(&self, access_key: &str) -> Result<(), IdentityError> {
        self.refuse_root(access_key)?;
        let changed = self.store.set_enabled(access_key, false).await;
        self.authenticator.forget(access_key);
        changed
    }

    pub async fn enable(&self, access_key: &str) -> Result<(), IdentityError> {
        self.refuse_root(access_key)?;
        let changed = self.store.set_enabled(access_key, true).await;
        self.authenticator.forget(access_key);
        changed
    }

    pub async fn delete(&self, access_key: &str) -> Result<(), IdentityError> {
        self.refuse_root(access_key)?;
        let changed = self.store.delete(access_key).await;
        self.authenticator.forget(access_key);
        changed
    }

    fn refuse_root(&self, access_key: &str) -> Result<(), IdentityError> {
        if access_key == self.authenticator.root_access_key() { Err(IdentityError::IsRootKey) } else { Ok(()) }
    }

    fn text(&self, length: usize, letters: &[u8]) -> String {
        (0..length).map(|_| letters[self.random.below(letters.len() as u64) as usize] as char).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        identity::testing::MemoryKeyStore,
        runtime::{ManualClock, SeededRandom},
    };
    use std::time::Duration;

    struct Setting {
        keys: AccessKeys,
        store: Arc<MemoryKeyStore>,
        clock: Arc<ManualClock>,
    }

    fn setting() -> Setting {
        let store = Arc::new(MemoryKeyStore::default());
        let clock = Arc::new(ManualClock::new(Timestamp::from_unix_millis(1_000)));
        let root = RootKey { access_key: "ROOT".into(), secret: SecretString::from("root secret".replace(' ', "-")) };
        let random = Arc::new(SeededRandom::new(1));
        let keys = AccessKeys::new(root, b"cluster secret", store.clone(), clock.clone(), random).unwrap();
        Setting { keys, store, clock }
    }

    async fn knows(keys: &AccessKeys, access_key: &str, secret: &str) -> bool {
        let credential = keys.authenticator().credential(access_key).await.unwrap();
        credential.is_some_and(|c| c.prove(secret.as_bytes(), |known| known.as_bytes().to_vec()).is_some())
    }

    #[tokio::test]
    async fn a_created_key_works_until_it_is_disabled_or_deleted() {
        let Setting { keys, .. } = setting();
        let created = keys.create("backup").await.unwrap();
        assert_eq!((created.access_key.len(), created.secret.expose_secret().len()), (20, 40));
        let secret = created.secret.expose_secret();
        assert!(knows(&keys, &created.access_key, secret).await);
        keys.disable(&created.access_key).await.unwrap();
        assert!(!knows(&keys, &created.access_key, secret).await);
        keys.enable(&created.access_key).await.unwrap();
        assert!(knows(&keys, &created.access_key, secret).await);
        keys.delete(&created.access_key).await.unwrap();
        assert!(!knows(&keys, &created.access_key, secret).await);
        assert_eq!(keys.delete(&created.access_key).await, Err(IdentityError::NoSuchAccessKey));
    }

    #[tokio::test]
    async fn a_change_made_elsewhere_is_seen_after_ten_seconds() {
        let Setting { keys, store, clock } = setting();
        let created = keys.create("x").await.unwrap();
        let secret = created.secret.expose_secret();
        assert!(knows(&keys, &created.access_key, secret).await);
        store.set_enabled(&created.access_key, false).await.unwrap();
        assert!(knows(&keys, &created.access_key, secret).await);
        clock.advance(Duration::from_secs(10));
        assert!(!knows(&keys, &created.access_key, secret).await);
    }

    #[tokio::test]
    async fn the_root_key_is_listed_and_can_be_neither_disabled_nor_deleted() {
        let Setting { keys, .. } = setting();
        assert!(knows(&keys, "ROOT", "root-secret").await);
        assert_eq!(keys.list().await.unwrap()[0].access_key, "ROOT");
        assert_eq!(keys.disable("ROOT").await, Err(IdentityError::IsRootKey));
        assert_eq!(keys.delete("ROOT").await, Err(IdentityError::IsRootKey));
    }

    #[tokio::test]
    async fn a_secret_that_was_sealed_under_another_cluster_secret_is_told() {
        let Setting { keys, store, clock } = setting();
        let created = keys.create("x").await.unwrap();
        assert!(keys.closed_secrets().await.unwrap().is_empty());
        let root = RootKey { access_key: "ROOT".into(), secret: SecretString::from("root-secret") };
        let other = AccessKeys::new(root, b"another", store, clock, Arc::new(SeededRandom::new(2))).unwrap();
        assert_eq!(other.closed_secrets().await.unwrap(), [created.access_key]);
    }

    #[tokio::test]
    async fn keys_differ_and_no_debug_output_shows_a_secret() {
        let Setting { keys, .. } = setting();
        let (first, second) = (keys.create("a").await.unwrap(), keys.create("b").await.unwrap());
        assert_ne!(first.access_key, second.access_key);
        assert_ne!(first.secret.expose_secret(), second.secret.expose_secret());
        assert!(!format!("{first:?} {keys:?}").contains(first.secret.expose_secret()));
        assert!(!format!("{keys:?}").contains("root-secret"));
        assert_eq!(keys.create(&"n".repeat(65)).await.unwrap_err(), IdentityError::InvalidName);
    }
}
