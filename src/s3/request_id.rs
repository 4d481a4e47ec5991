//! The id of a request: on every answer (`x-amz-request-id`), in error bodies, and on every log line of the request.

use crate::runtime::Random;
use http::{HeaderName, HeaderValue};
use std::fmt;

pub const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-amz-request-id");

/// 16 hexadecimal digits in upper case, as S3's own.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId([u8; 16]);

impl RequestId {
    pub fn new(random: &dyn Random) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        let number = random.next_u64();
        Self(std::array::from_fn(|i| DIGITS[(number >> (60 - 4 * i) & 0xF) as usize]))
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hexadecimal digits are ASCII")
    }

    pub fn header_value(&self) -> HeaderValue {
        HeaderValue::from_bytes(&self.0).expect("hexadecimal digits may stand in a header")
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::SeededRandom;

    #[test]
    fn ids_are_sixteen_hexadecimal_digits_and_differ() {
        let random = SeededRandom::new(1);
        let (first, second) = (RequestId::new(&random), RequestId::new(&random));
        assert_eq!(first.as_str().len(), 16);
        assert!(first.as_str().bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b)));
        assert_ne!(first, second);
    }
}
