//! Bodies, made once: every object is one of a few windows into the same random bytes, so that no worker spends time on
//! making or hashing them and every byte that comes back can be compared.

use super::options::Payload;
use bytes::Bytes;
use sha2::{Digest, Sha256};

/// Different enough that one object's bytes in another's place are noticed.
const WINDOWS: u64 = 16;
/// Longer than a disk sector, so that a window is no shift of another within one.
const WINDOW_STEP_BYTES: usize = 4099;

/// The bodies of one size.
#[derive(Debug)]
pub struct Contents {
    bytes: Bytes,
    size: usize,
    piece_length: usize,
    /// Of each window the hash of each piece in lower-case hex; empty when payloads are not signed.
    hashes: Vec<Vec<String>>,
}

impl Contents {
    /// Bodies are sent in pieces of `piece_length` at most. `filler` writes random bytes.
    pub fn new(size: usize, piece_length: usize, payload: Payload, filler: impl FnOnce(&mut [u8])) -> Self {
        let mut bytes = vec![0; size + WINDOWS as usize * WINDOW_STEP_BYTES];
        filler(&mut bytes);
        let mut contents =
            Self { bytes: Bytes::from(bytes), size, piece_length: piece_length.max(1), hashes: Vec::new() };
        if payload == Payload::Signed {
            contents.hashes = (0..WINDOWS).map(|index| contents.hashes_of(index)).collect();
        }
        contents
    }

    fn hashes_of(&self, index: u64) -> Vec<String> {
        (0..self.piece_count()).map(|position| sha256_hex(&self.piece(index, position))).collect()
    }

    /// The body of object `index`. No bytes are copied.
    pub fn body(&self, index: u64) -> Bytes {
        let start = (index % WINDOWS) as usize * WINDOW_STEP_BYTES;
        self.bytes.slice(start..start + self.size)
    }

    /// An empty body is one empty piece.
    pub fn piece_count(&self) -> usize {
        self.size.div_ceil(self.piece_length).max(1)
    }

    /// The piece at `position` of the body of object `index`.
    pub fn piece(&self, index: u64, position: usize) -> Bytes {
        let start = position * self.piece_length;
        self.body(index).slice(start..self.size.min(start + self.piece_length))
    }

    /// What `x-amz-content-sha256` says of that piece.
    pub fn payload_hash(&self, index: u64, position: usize) -> &str {
        match self.hashes.get((index % WINDOWS) as usize) {
            Some(pieces) => &pieces[position],
            None => UNSIGNED_PAYLOAD,
        }
    }
}

/// The value of `x-amz-content-sha256` that leaves the body out of the signature.
pub const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

pub fn sha256_hex(bytes: &[u8]) -> String {
    const_hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::{super::signer::EMPTY_PAYLOAD, *};

    fn contents(size: usize, piece_length: usize, payload: Payload) -> Contents {
        Contents::new(size, piece_length, payload, |bytes| {
            for (index, byte) in bytes.iter_mut().enumerate() {
                *byte = (index / 97) as u8;
            }
        })
    }

    #[test]
    fn bodies_of_neighbours_differ_and_hashes_fit() {
        let signed = contents(100, 1000, Payload::Signed);
        assert_eq!((signed.body(3).len(), signed.piece_count()), (100, 1));
        assert_ne!(signed.body(3), signed.body(4));
        assert_eq!(signed.body(3), signed.body(3 + WINDOWS));
        assert_eq!(signed.payload_hash(3, 0), sha256_hex(&signed.body(3)));
        let empty = contents(0, 5, Payload::Signed);
        assert_eq!((empty.piece_count(), empty.payload_hash(1, 0)), (1, EMPTY_PAYLOAD));
        assert_eq!(contents(100, 1000, Payload::Unsigned).payload_hash(3, 0), UNSIGNED_PAYLOAD);
    }

    #[test]
    fn pieces_make_the_body() {
        let signed = contents(100, 40, Payload::Signed);
        let pieces: Vec<Bytes> = (0..signed.piece_count()).map(|position| signed.piece(2, position)).collect();
        assert_eq!(pieces.iter().map(Bytes::len).collect::<Vec<_>>(), [40, 40, 20]);
        assert_eq!(pieces.concat(), signed.body(2));
        assert_eq!(signed.payload_hash(2, 2), sha256_hex(&pieces[2]));
    }
}
