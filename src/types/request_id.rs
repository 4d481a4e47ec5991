//! The id of an S3 request: on its answer, and on every log line of its work, in every process that takes part.

use std::{fmt, str::FromStr};

/// 16 hexadecimal digits in upper case, as S3's own. Whatever is read as one can stand in a log line as it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId([u8; 16]);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a request")]
pub struct InvalidRequestId;

impl RequestId {
    /// Digits.
    pub const LENGTH: usize = 16;

    pub fn from_number(number: u64) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        Self(std::array::from_fn(|i| DIGITS[(number >> (60 - 4 * i) & 0xF) as usize]))
    }

    /// Refuses what are no digits as above.
    pub fn from_bytes(digits: [u8; Self::LENGTH]) -> Result<Self, InvalidRequestId> {
        let are_digits = digits.iter().all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(byte));
        if are_digits { Ok(Self(digits)) } else { Err(InvalidRequestId) }
    }

    pub fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hexadecimal digits are ASCII")
    }
}

impl FromStr for RequestId {
    type Err = InvalidRequestId;

    fn from_str(text: &str) -> Result<Self, InvalidRequestId> {
        Self::from_bytes(text.as_bytes().try_into().map_err(|_| InvalidRequestId)?)
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

    #[test]
    fn an_id_is_sixteen_hexadecimal_digits_and_nothing_else_is_one() {
        let id = RequestId::from_number(0x0123_4567_89AB_CDEF);
        assert_eq!(id.as_str(), "0123456789ABCDEF");
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in
            ["", "0123456789ABCDE", "0123456789ABCDEF0", "0123456789abcdef", "0123456789ABCDE\n", "01234567 9ABCDEF"]
        {
            assert_eq!(text.parse::<RequestId>(), Err(InvalidRequestId), "{text:?}");
        }
    }
}
