//! Secrets at rest: AES-256-GCM under a key that HKDF makes of the cluster secret. A copy of the database alone
//! gives no secret away.
//!
//! Sealed form: one byte format version, 12 bytes nonce, ciphertext, 16 bytes tag. The access key is authenticated
//! with it, so that a sealed secret cannot be moved to another row.

use crate::runtime::Random;
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf,
};
use secrecy::SecretString;
use std::fmt;
use zeroize::Zeroize;

const FORMAT: u8 = 1;

/// Separates this key from every other that is derived from the cluster secret.
const PURPOSE: &[u8] = b"larder: secrets of access keys, format 1";

/// Seals and opens secrets of access keys.
pub struct SecretSealer {
    key: LessSafeKey,
}

/// The database was written under another cluster secret, or it is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a sealed secret does not open: the cluster secret differs from the one it was sealed with, or the row is damaged"
)]
pub struct DoesNotOpen;

impl SecretSealer {
    pub fn new(cluster_secret: &[u8]) -> Self {
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(cluster_secret);
        let key = root.expand(&[PURPOSE], &AES_256_GCM).expect("HKDF-SHA256 gives 32 bytes");
        Self { key: LessSafeKey::new(UnboundKey::from(key)) }
    }

    pub fn seal(&self, access_key: &str, secret: &str, random: &dyn Random) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce);
        let mut sealed = Vec::with_capacity(1 + NONCE_LEN + secret.len() + AES_256_GCM.tag_len());
        sealed.push(FORMAT);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(secret.as_bytes());
        let tag = self
            .key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(access_key.as_bytes()),
                &mut sealed[1 + NONCE_LEN..],
            )
            .expect("a secret is far below the 64 GiB that the cipher can seal");
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }

    pub fn open(&self, access_key: &str, sealed: &[u8]) -> Result<SecretString, DoesNotOpen> {
        let (&format, rest) = sealed.split_first().ok_or(DoesNotOpen)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LEN>().ok_or(DoesNotOpen)?;
        if format != FORMAT {
            return Err(DoesNotOpen);
        }
        let mut buffer = ciphertext.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.key.open_in_place(nonce, Aad::from(access_key.as_bytes()), &mut buffer);
        let secret = opened.ok().and_then(|bytes| std::str::from_utf8(bytes).ok()).map(SecretString::from);
        buffer.zeroize();
        secret.ok_or(DoesNotOpen)
    }
}

impl fmt::Debug for SecretSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretSealer(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::SeededRandom;
    use secrecy::ExposeSecret;

    #[test]
    fn a_secret_opens_only_under_its_cluster_secret_and_its_access_key() {
        let (sealer, random) = (SecretSealer::new(b"cluster secret"), SeededRandom::new(1));
        let sealed = sealer.seal("AK", "the secret", &random);
        assert!(!sealed.windows(10).any(|window| window == b"the secret"));
        assert_eq!(sealer.open("AK", &sealed).unwrap().expose_secret(), "the secret");
        assert_eq!(sealer.open("AK2", &sealed).unwrap_err(), DoesNotOpen);
        assert!(SecretSealer::new(b"another secret").open("AK", &sealed).is_err());
    }

    #[test]
    fn damaged_rows_do_not_open() {
        let (sealer, random) = (SecretSealer::new(b"cluster secret"), SeededRandom::new(1));
        let sealed = sealer.seal("AK", "the secret", &random);
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(sealer.open("AK", &damaged).is_err(), "byte {at}");
            assert!(sealer.open("AK", &sealed[..at]).is_err(), "cut at {at}");
        }
    }
}
