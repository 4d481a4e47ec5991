//! The proof that a request or an answer carries: one header, one MAC.

use crate::{
    node::spelling::{is_spelled, spell},
    types::{ClusterId, Term},
};
use aws_lc_rs::hmac;
use std::{fmt, str::FromStr};
use subtle::ConstantTimeEq;

/// What the MAC speaks of beside the proof's own fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    Request { method: &'a str, path_and_query: &'a str },
    Answer { status: u16 },
}

/// Travels in the header `larder-proof` as `counter term head-length mac`: decimal numbers and hexadecimal digits with
/// single spaces between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Number of the request on its connection, from 0; an answer repeats its request's.
    pub counter: u64,
    /// Of a request: the gateway's term. Of an answer: the newest term that the answering side has seen.
    pub term: Term,
    /// Length in bytes of the message's head: the part of the body that the MAC covers.
    pub head_length: u32,
    pub(super) mac: [u8; 32],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a proof")]
pub struct InvalidProof;

/// Room for what the MAC covers beside the head: a request's fields and the path of a chunk are at most 160 bytes.
const FIELDS_LENGTH_USUAL: usize = 160;

impl Proof {
    pub const HEADER: &'static str = "larder-proof";

    /// Two numbers of 20 digits, one of 10, 64 digits of the MAC, three spaces.
    const TEXT_LENGTH_MAX: usize = 117;

    /// The header's value.
    pub fn to_text(&self) -> String {
        spell(self, Self::TEXT_LENGTH_MAX)
    }

    pub(super) fn make(
        key: &hmac::Key,
        cluster: ClusterId,
        counter: u64,
        term: Term,
        subject: Subject<'_>,
        head: &[u8],
        body_length: u64,
    ) -> Self {
        // A head is bounded far below 4 GiB where it is made.
        let head_length = u32::try_from(head.len()).unwrap_or(u32::MAX);
        let mut proof = Self { counter, term, head_length, mac: [0; 32] };
        proof.mac = proof.mac_over(key, cluster, subject, head, body_length);
        proof
    }

    pub(super) fn is_right(
        &self,
        key: &hmac::Key,
        cluster: ClusterId,
        subject: Subject<'_>,
        head: &[u8],
        body_length: u64,
    ) -> bool {
        let expected = self.mac_over(key, cluster, subject, head, body_length);
        self.head_length as usize == head.len() && bool::from(expected.ct_eq(&self.mac))
    }

    /// Every field has a fixed length or its length before it, so no two messages give the same bytes.
    fn mac_over(
        &self,
        key: &hmac::Key,
        cluster: ClusterId,
        subject: Subject<'_>,
        head: &[u8],
        body_length: u64,
    ) -> [u8; 32] {
        let mut fields = Vec::with_capacity(FIELDS_LENGTH_USUAL);
        fields.extend_from_slice(&self.counter.to_le_bytes());
        fields.extend_from_slice(cluster.as_bytes());
        fields.extend_from_slice(&self.term.0.to_le_bytes());
        fields.extend_from_slice(&body_length.to_le_bytes());
        match subject {
            Subject::Request { method, path_and_query } => {
                for text in [method, path_and_query] {
                    fields.extend_from_slice(&(text.len() as u64).to_le_bytes());
                    fields.extend_from_slice(text.as_bytes());
                }
            }
            Subject::Answer { status } => fields.extend_from_slice(&status.to_le_bytes()),
        }
        fields.extend_from_slice(&(head.len() as u64).to_le_bytes());
        let mut context = hmac::Context::with_key(key);
        context.update(&fields);
        context.update(head);
        let mut mac = [0; 32];
        mac.copy_from_slice(context.sign().as_ref());
        mac
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut hex = const_hex::Buffer::<32>::new();
        write!(f, "{} {} {} {}", self.counter, self.term, self.head_length, hex.format(&self.mac))
    }
}

impl FromStr for Proof {
    type Err = InvalidProof;

    fn from_str(text: &str) -> Result<Self, InvalidProof> {
        let mut words = text.split(' ');
        let mut word = || words.next().ok_or(InvalidProof);
        let (counter, term, head_length, hex) = (word()?, word()?, word()?, word()?);
        let mut mac = [0; 32];
        const_hex::decode_to_slice(hex, &mut mac).map_err(|_| InvalidProof)?;
        let proof = Self {
            counter: counter.parse().map_err(|_| InvalidProof)?,
            term: Term(term.parse().map_err(|_| InvalidProof)?),
            head_length: head_length.parse().map_err(|_| InvalidProof)?,
            mac,
        };
        // One spelling only: no sign, no leading zero, no prefix, nothing behind.
        if is_spelled(&proof, text) { Ok(proof) } else { Err(InvalidProof) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_proof_prints_and_parses_back(counter: u64, term: u64, head_length: u32, mac: [u8; 32]) {
            let proof = Proof { counter, term: Term(term), head_length, mac };
            prop_assert_eq!(proof.to_text().parse::<Proof>().unwrap(), proof);
            prop_assert!(proof.to_text().len() <= Proof::TEXT_LENGTH_MAX);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,200}") {
            if let Ok(proof) = text.parse::<Proof>() {
                prop_assert_eq!(proof.to_string(), text);
            }
        }
    }

    #[test]
    fn other_spellings_of_a_proof_are_refused() {
        let mac = "ab".repeat(32);
        assert!(format!("1 2 3 {mac}").parse::<Proof>().is_ok());
        for text in [
            format!("01 2 3 {mac}"),
            format!("+1 2 3 {mac}"),
            format!("1  2 3 {mac}"),
            format!("1 2 3 {mac} "),
            format!("1 2 3 {mac} 4"),
            format!("1 2 3 0x{mac}"),
            format!("1 2 3 {}", mac.to_uppercase()),
            "1 2 3".to_owned(),
        ] {
            assert_eq!(text.parse::<Proof>(), Err(InvalidProof), "{text}");
        }
    }
}
