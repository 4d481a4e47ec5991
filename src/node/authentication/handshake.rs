//! The hello: fresh nonces both ways, the responder's proof, the keys that follow from them.

use super::{AuthenticationError, ClusterSecret, Session};
use crate::{
    runtime::Random,
    types::{ClusterId, NodeId},
};
use aws_lc_rs::{hkdf, hmac};
use serde::{Deserialize, Serialize};
use std::fmt;
use subtle::ConstantTimeEq;

/// Goes into every derived key: a later version of the protocol has other keys.
const PROTOCOL: &[u8] = b"larder insider protocol 1";

/// 32 random bytes, used once.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nonce([u8; 32]);

impl Nonce {
    pub fn random(random: &dyn Random) -> Self {
        let mut bytes = [0; 32];
        random.fill(&mut bytes);
        Self(bytes)
    }
}

/// Who answers a hello: part of the proof, so that one node's answer is not taken for another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Responder {
    Node(NodeId),
    Gateway,
}

impl Responder {
    /// A kind and an id: 17 bytes, the same number for all.
    fn to_bytes(self) -> [u8; 17] {
        let mut bytes = [0; 17];
        if let Self::Node(node) = self {
            bytes[0] = 1;
            bytes[1..].copy_from_slice(node.as_bytes());
        }
        bytes
    }
}

/// The first message of a connection or session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    pub nonce: Nonce,
}

/// The answer to it. It proves the secret and says whom it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HelloAnswer {
    pub nonce: Nonce,
    pub cluster: ClusterId,
    pub responder: Responder,
    pub(super) proof: Mac,
}

impl Hello {
    pub fn new(random: &dyn Random) -> Self {
        Self { nonce: Nonce::random(random) }
    }

    /// The responder's side: the answer to send and the session that it begins.
    pub fn answer(
        &self,
        secret: &ClusterSecret,
        cluster: ClusterId,
        responder: Responder,
        random: &dyn Random,
    ) -> (HelloAnswer, Session) {
        let nonce = Nonce::random(random);
        let derived = Derived::new(secret, self.nonce, nonce, cluster, responder);
        let proof = Mac(derived.proof);
        (HelloAnswer { nonce, cluster, responder, proof }, derived.into_session(cluster, Role::Responder))
    }

    /// The caller's side: checks who answered. `None` expects nothing: a node that joins learns its cluster here.
    pub fn accept(
        &self,
        answer: &HelloAnswer,
        secret: &ClusterSecret,
        cluster: Option<ClusterId>,
        responder: Responder,
    ) -> Result<Session, AuthenticationError> {
        let derived = Derived::new(secret, self.nonce, answer.nonce, answer.cluster, answer.responder);
        if !bool::from(derived.proof.ct_eq(&answer.proof.0)) {
            return Err(AuthenticationError::WrongProof);
        }
        if cluster.is_some_and(|expected| expected != answer.cluster) {
            return Err(AuthenticationError::OtherCluster);
        }
        if responder != answer.responder {
            return Err(AuthenticationError::OtherResponder);
        }
        Ok(derived.into_session(answer.cluster, Role::Caller))
    }
}

/// Which end of a session this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Caller,
    Responder,
}

/// What follows from the secret and both nonces.
struct Derived {
    proof: [u8; 32],
    requests: hmac::Key,
    answers: hmac::Key,
}

impl Derived {
    fn new(secret: &ClusterSecret, caller: Nonce, responding: Nonce, cluster: ClusterId, responder: Responder) -> Self {
        let nonces = [caller.0, responding.0].concat();
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, &nonces).extract(secret.expose());
        let named = |purpose: &'static [u8]| -> hmac::Key {
            let info = [PROTOCOL, cluster.as_bytes(), &responder.to_bytes(), purpose];
            root.expand(&info, hmac::HMAC_SHA256).expect("32 bytes are within HKDF's limit").into()
        };
        let mut proof = [0; 32];
        proof.copy_from_slice(hmac::sign(&named(b"hello"), &nonces).as_ref());
        Self { proof, requests: named(b"requests"), answers: named(b"answers") }
    }

    fn into_session(self, cluster: ClusterId, role: Role) -> Session {
        Session::new(cluster, role, self.requests, self.answers)
    }
}

/// A MAC as it travels in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mac([u8; 32]);

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nonce({})", const_hex::encode(self.0))
    }
}

macro_rules! hex_in_json {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&const_hex::encode(self.0))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                let mut bytes = [0; 32];
                const_hex::decode_to_slice(text.as_ref(), &mut bytes).map_err(serde::de::Error::custom)?;
                Ok(Self(bytes))
            }
        }
    };
}

hex_in_json!(Nonce);
hex_in_json!(Mac);
