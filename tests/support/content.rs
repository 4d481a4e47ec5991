//! Bodies that say who they are: the head names the write, everything behind it follows from head and key. So any body
//! that is read shows which write it is of, and every wrong byte is seen.

use larder::runtime::{Random, SeededRandom};

const MAGIC: &[u8; 8] = b"larder!\n";
/// Magic, seed, length.
pub const HEAD_LENGTH: usize = 24;

/// One write of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Write {
    pub seed: u64,
    /// At least `HEAD_LENGTH`.
    pub length: usize,
}

impl Write {
    pub fn body(self, key: &str) -> Vec<u8> {
        let mut body = vec![0; self.length];
        body[..8].copy_from_slice(MAGIC);
        body[8..16].copy_from_slice(&self.seed.to_le_bytes());
        body[16..HEAD_LENGTH].copy_from_slice(&(self.length as u64).to_le_bytes());
        let stream = key.bytes().fold(self.seed, |sum, byte| sum.rotate_left(7) ^ u64::from(byte));
        SeededRandom::new(stream).fill(&mut body[HEAD_LENGTH..]);
        body
    }

    /// The write whose body this is; an error names the first wrong byte.
    pub fn recognise(key: &str, body: &[u8]) -> Result<Self, String> {
        let Some((head, _)) = body.split_at_checked(HEAD_LENGTH) else {
            return Err(format!("{} bytes, shorter than any body", body.len()));
        };
        let word = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("eight bytes"));
        if &head[..8] != MAGIC {
            return Err(format!("the head is not of any write: {head:02x?}"));
        }
        let write = Self { seed: word(8), length: word(16) as usize };
        if write.length != body.len() {
            return Err(format!("{} bytes of a write of {}", body.len(), write.length));
        }
        let expected = write.body(key);
        match body.iter().zip(&expected).position(|(found, expected)| found != expected) {
            None => Ok(write),
            Some(at) => Err(format!("byte {at} of {} is wrong", body.len())),
        }
    }
}
