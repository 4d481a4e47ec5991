//! How an operator proves to be one: with the root credentials, by an answer to a challenge.
//!
//! 1. `GET /admin/v1/challenge` gives a nonce. Anybody may ask; it is made of randomness, its time and a MAC under a key
//!    of this process, so that asking costs no memory here.
//! 2. A request carries `Authorization: Larder <access key>:<nonce>:<proof>`. The proof is HMAC-SHA-256 under the secret
//!    key over the nonce, the method, the path with its query, and SHA-256 of the body (RFC 2104). The secret itself never
//!    travels.
//! 3. A nonce is good once, and for a minute of this process's monotonic clock: no replay, and no clock of the client.
//!
//! What is not covered: answers are neither proven nor hidden. The admin address is loopback by default; from elsewhere
//! use a tunnel.

use crate::runtime::{Clock, Random};
use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use subtle::ConstantTimeEq;

/// The scheme in the `Authorization` header.
pub const SCHEME: &str = "Larder";

/// How long a nonce may be used: a person's slow link, not more.
const NONCE_LIFETIME: Duration = Duration::from_secs(60);

/// Used nonces that are remembered until they expire. Only requests that proved the secret get here; when there are
/// more in a minute, further ones are refused rather than forgotten.
const USED_NONCES_MAX: usize = 10_000;

const RANDOM_LENGTH: usize = 16;
const TIME_LENGTH: usize = 8;
const NONCE_LENGTH: usize = RANDOM_LENGTH + TIME_LENGTH + 32;

/// The root credentials as the admin side needs them.
#[derive(Clone, Debug)]
pub struct OperatorCredentials {
    pub access_key: String,
    pub secret_key: SecretString,
}

/// Why a request is refused. The client learns no more than this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("this needs the root credentials: LARDER_ACCESS_KEY and LARDER_SECRET_KEY, or --data DIR")]
    NotProven,
    #[error("the challenge has expired or was used; ask for another")]
    StaleNonce,
    #[error("too many requests within a minute")]
    TooMany,
}

/// What a proof covers.
#[derive(Clone, Copy, Debug)]
pub struct SignedRequest<'a> {
    pub method: &'a str,
    pub path_and_query: &'a str,
    pub body: &'a [u8],
}

/// Gives out challenges and checks the answers.
pub struct Doorkeeper {
    credentials: OperatorCredentials,
    process_key: hmac::Key,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    /// Used nonces by the time at which they were made.
    used: Mutex<BTreeMap<(Duration, [u8; RANDOM_LENGTH]), ()>>,
}

impl Doorkeeper {
    pub fn new(credentials: OperatorCredentials, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        let mut key = [0; 32];
        random.fill(&mut key);
        let process_key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        Self { credentials, process_key, clock, random, used: Mutex::default() }
    }

    /// A fresh nonce.
    pub fn challenge(&self) -> String {
        let mut nonce = [0; NONCE_LENGTH];
        let (head, tag) = nonce.split_at_mut(RANDOM_LENGTH + TIME_LENGTH);
        self.random.fill(&mut head[..RANDOM_LENGTH]);
        let millis = u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX);
        head[RANDOM_LENGTH..].copy_from_slice(&millis.to_be_bytes());
        tag.copy_from_slice(hmac::sign(&self.process_key, head).as_ref());
        URL_SAFE_NO_PAD.encode(nonce)
    }

    /// Checks the value of an `Authorization` header. A nonce is used up only by a request that proves the secret.
    pub fn admit(&self, authorization: &str, request: SignedRequest<'_>) -> Result<(), Refusal> {
        let (access_key, nonce, proof) = parse(authorization).ok_or(Refusal::NotProven)?;
        let expected = proof_of(self.credentials.secret_key.expose_secret(), nonce, request);
        let same_key = access_key.as_bytes().ct_eq(self.credentials.access_key.as_bytes());
        let same_proof = proof.as_bytes().ct_eq(expected.as_bytes());
        if !bool::from(same_key & same_proof) {
            return Err(Refusal::NotProven);
        }
        self.use_up(nonce)
    }

    fn use_up(&self, nonce: &str) -> Result<(), Refusal> {
        let nonce = URL_SAFE_NO_PAD.decode(nonce).map_err(|_| Refusal::StaleNonce)?;
        let nonce: [u8; NONCE_LENGTH] = nonce.try_into().map_err(|_| Refusal::StaleNonce)?;
        let (head, tag) = nonce.split_at(RANDOM_LENGTH + TIME_LENGTH);
        hmac::verify(&self.process_key, head, tag).map_err(|_| Refusal::StaleNonce)?;
        let (random, time) = head.split_at(RANDOM_LENGTH);
        let made = Duration::from_millis(u64::from_be_bytes(time.try_into().expect("the head ends with the time")));
        let random: [u8; RANDOM_LENGTH] = random.try_into().expect("the head begins with the randomness");
        let oldest = self.clock.monotonic().saturating_sub(NONCE_LIFETIME);
        if made < oldest {
            return Err(Refusal::StaleNonce);
        }
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        *used = used.split_off(&(oldest, [0; RANDOM_LENGTH]));
        if used.len() >= USED_NONCES_MAX {
            return Err(Refusal::TooMany);
        }
        match used.insert((made, random), ()) {
            None => Ok(()),
            Some(()) => Err(Refusal::StaleNonce),
        }
    }
}

/// The value of the `Authorization` header for a request, in answer to a challenge.
pub fn authorization(credentials: &OperatorCredentials, nonce: &str, request: SignedRequest<'_>) -> String {
    let proof = proof_of(credentials.secret_key.expose_secret(), nonce, request);
    format!("{SCHEME} {}:{nonce}:{proof}", credentials.access_key)
}

fn parse(authorization: &str) -> Option<(&str, &str, &str)> {
    let rest = authorization.strip_prefix(SCHEME)?.strip_prefix(' ')?;
    let (access_key, rest) = rest.split_once(':')?;
    let (nonce, proof) = rest.split_once(':')?;
    Some((access_key, nonce, proof))
}

fn proof_of(secret_key: &str, nonce: &str, request: SignedRequest<'_>) -> String {
    let SignedRequest { method, path_and_query, body } = request;
    let body = const_hex::encode(Sha256::digest(body));
    let covered = format!("larder-admin-1\n{nonce}\n{method}\n{path_and_query}\n{body}");
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret_key.as_bytes());
    const_hex::encode(hmac::sign(&key, covered.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        runtime::{ManualClock, SeededRandom},
        types::Timestamp,
    };

    fn credentials(secret: &str) -> OperatorCredentials {
        OperatorCredentials { access_key: "ROOT".into(), secret_key: SecretString::from(secret) }
    }

    fn doorkeeper() -> (Doorkeeper, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::new(Timestamp::from_unix_millis(0)));
        let random = Arc::new(SeededRandom::new(1));
        (Doorkeeper::new(credentials("the secret"), clock.clone(), random), clock)
    }

    const REQUEST: SignedRequest<'_> = SignedRequest { method: "GET", path_and_query: "/admin/v1/status", body: b"" };

    #[test]
    fn who_knows_the_secret_is_admitted_once_per_challenge() {
        let (door, _) = doorkeeper();
        let answer = authorization(&credentials("the secret"), &door.challenge(), REQUEST);
        assert_eq!(door.admit(&answer, REQUEST), Ok(()));
        assert_eq!(door.admit(&answer, REQUEST), Err(Refusal::StaleNonce), "a replay");
        let again = authorization(&credentials("the secret"), &door.challenge(), REQUEST);
        assert_eq!(door.admit(&again, REQUEST), Ok(()));
    }

    #[test]
    fn another_secret_key_or_request_is_refused() {
        let (door, _) = doorkeeper();
        let nonce = door.challenge();
        let good = authorization(&credentials("the secret"), &nonce, REQUEST);
        let wrong_secret = authorization(&credentials("a guess"), &nonce, REQUEST);
        let wrong_key = good.replace("ROOT", "TOOR");
        for answer in
            [wrong_secret.as_str(), &wrong_key, "", "Larder", "Larder ROOT", "Larder ROOT::", "Basic Uk9PVA=="]
        {
            assert_eq!(door.admit(answer, REQUEST), Err(Refusal::NotProven), "{answer}");
        }
        for other in [
            SignedRequest { method: "DELETE", ..REQUEST },
            SignedRequest { path_and_query: "/admin/v1/keys", ..REQUEST },
            SignedRequest { body: b"{}", ..REQUEST },
        ] {
            assert_eq!(door.admit(&good, other), Err(Refusal::NotProven), "{other:?}");
        }
        assert_eq!(door.admit(&good, REQUEST), Ok(()), "failed attempts don't use the challenge up");
    }

    #[test]
    fn a_challenge_of_another_process_or_an_old_one_is_refused() {
        let (door, clock) = doorkeeper();
        let (restarted, _) =
            (Doorkeeper::new(credentials("the secret"), clock.clone(), Arc::new(SeededRandom::new(2))), ());
        let foreign = authorization(&credentials("the secret"), &restarted.challenge(), REQUEST);
        assert_eq!(door.admit(&foreign, REQUEST), Err(Refusal::StaleNonce));
        let old = authorization(&credentials("the secret"), &door.challenge(), REQUEST);
        clock.advance(NONCE_LIFETIME + Duration::from_millis(1));
        assert_eq!(door.admit(&old, REQUEST), Err(Refusal::StaleNonce));
    }

    #[test]
    fn used_challenges_are_forgotten_when_they_have_expired_and_bounded_before() {
        let (door, clock) = doorkeeper();
        let request = || authorization(&credentials("the secret"), &door.challenge(), REQUEST);
        for _ in 0..USED_NONCES_MAX {
            assert_eq!(door.admit(&request(), REQUEST), Ok(()));
        }
        assert_eq!(door.admit(&request(), REQUEST), Err(Refusal::TooMany));
        clock.advance(NONCE_LIFETIME + Duration::from_millis(1));
        assert_eq!(door.admit(&request(), REQUEST), Ok(()));
        assert_eq!(door.used.lock().unwrap().len(), 1);
    }
}
