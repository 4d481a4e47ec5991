//! An access key with its secret, ready to check proofs. It never gives the secret away except to the check.

use super::principal::{Grant, Principal};
use secrecy::{ExposeSecret, SecretString};
use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// Signing keys kept for one credential: a day and a region each. Two days around midnight times a few regions; a
/// client that signs with more pays for deriving (2 us).
const SIGNING_KEYS_MAX: usize = 16;

/// A key derived from a secret for one day and one region.
#[derive(Clone)]
pub struct SigningKey([u8; 32]);

impl SigningKey {
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Drop for SigningKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(redacted)")
    }
}

struct DerivedKey {
    date: Box<str>,
    region: Box<str>,
    key: SigningKey,
}

/// One access key. The signing keys derived from its secret live and die with it, so a key that was made again with
/// another secret never meets the old ones.
pub struct Credential {
    principal: Principal,
    secret: SecretString,
    derived: RwLock<Vec<DerivedKey>>,
}

impl Credential {
    pub(super) fn new(access_key: &str, secret: SecretString) -> Self {
        let principal = Principal::new(Arc::from(access_key), Grant::FullAccess);
        Self { principal, secret, derived: RwLock::default() }
    }

    pub fn access_key(&self) -> &str {
        self.principal.access_key()
    }

    /// The principal, when `proof` is what `expected` makes of the secret. Compared in constant time: how much of a
    /// wrong proof was right does not show.
    pub fn prove(&self, proof: &[u8], expected: impl FnOnce(&str) -> Vec<u8>) -> Option<Principal> {
        let expected = expected(self.secret.expose_secret());
        bool::from(expected.ct_eq(proof)).then(|| self.principal.clone())
    }

    /// The signing key of the day and region; `derive` makes it of the secret when it is not kept yet.
    pub fn signing_key(&self, date: &str, region: &str, derive: impl FnOnce(&str) -> SigningKey) -> SigningKey {
        let kept = self.derived.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.iter().find(|known| &*known.date == date && &*known.region == region) {
            return known.key.clone();
        }
        drop(kept);
        let key = derive(self.secret.expose_secret());
        let mut kept = self.derived.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == SIGNING_KEYS_MAX {
            kept.remove(0);
        }
        kept.push(DerivedKey { date: date.into(), region: region.into(), key: key.clone() });
        key
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({}, secret redacted)", self.access_key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn credential() -> Credential {
        Credential::new("AK", SecretString::from("the secret"))
    }

    #[test]
    fn only_the_right_proof_gives_a_principal() {
        let credential = credential();
        let expected = |secret: &str| secret.as_bytes().to_vec();
        assert_eq!(credential.prove(b"the secret", expected).unwrap().access_key(), "AK");
        for wrong in [&b""[..], b"the secre", b"the secret ", b"the Secret"] {
            assert!(credential.prove(wrong, expected).is_none());
        }
    }

    #[test]
    fn signing_keys_are_derived_once_and_bounded() {
        let credential = credential();
        let derivations = Cell::new(0);
        let derive = |_: &str| {
            derivations.set(derivations.get() + 1);
            SigningKey::new([derivations.get(); 32])
        };
        assert_eq!(credential.signing_key("d", "r", derive).as_bytes(), &[1; 32]);
        assert_eq!(credential.signing_key("d", "r", derive).as_bytes(), &[1; 32]);
        for i in 0..100 {
            credential.signing_key("d", &format!("r{i}"), derive);
        }
        assert_eq!(derivations.get(), 101);
        assert_eq!(credential.derived.read().unwrap().len(), SIGNING_KEYS_MAX);
    }

    #[test]
    fn debug_output_shows_no_secret() {
        assert!(!format!("{:?}", credential()).contains("the secret"));
        assert_eq!(format!("{:?}", SigningKey::new([7; 32])), "SigningKey(redacted)");
    }
}
