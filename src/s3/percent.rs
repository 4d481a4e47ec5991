//! Percent-encoding as S3 uses it: everything but `A-Z a-z 0-9 - . _ ~` is encoded, in upper-case hexadecimal.
//! Source: AWS Signature Version 4, "UriEncode()".

/// What a `+` means: itself in a path, a space in a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlusSign {
    IsPlus,
    IsSpace,
}

/// Whether `/` is encoded: it is in a query, it is not in a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slash {
    Encoded,
    Kept,
}

/// Not percent-encoded UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not percent-encoded UTF-8")]
pub struct InvalidEncoding;

/// Decodes once. A `%` without two hexadecimal digits behind it is an error, never taken as it stands.
pub fn decode(text: &str, plus: PlusSign) -> Result<String, InvalidEncoding> {
    let is_plain = !text.bytes().any(|b| b == b'%' || (b == b'+' && plus == PlusSign::IsSpace));
    if is_plain {
        return Ok(text.to_owned());
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes().iter();
    while let Some(&byte) = rest.next() {
        decoded.push(match byte {
            b'%' => {
                let high = rest.next().copied().and_then(hex_digit).ok_or(InvalidEncoding)?;
                let low = rest.next().copied().and_then(hex_digit).ok_or(InvalidEncoding)?;
                high << 4 | low
            }
            b'+' if plus == PlusSign::IsSpace => b' ',
            other => other,
        });
    }
    String::from_utf8(decoded).map_err(|_| InvalidEncoding)
}

fn hex_digit(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).map(|digit| digit as u8)
}

/// Appends the encoded form of `bytes`.
pub fn encode_into(out: &mut Vec<u8>, bytes: &[u8], slash: Slash) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in bytes {
        let is_kept = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'_' | b'~')
            || (byte == b'/' && slash == Slash::Kept);
        if is_kept {
            out.push(byte);
        } else {
            out.extend([b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 0xF)]]);
        }
    }
}

/// The encoded form as text.
pub fn encode(text: &str, slash: Slash) -> String {
    let mut out = Vec::with_capacity(text.len());
    encode_into(&mut out, text.as_bytes(), slash);
    String::from_utf8(out).expect("the encoded form is ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_plus_is_a_space_only_in_a_query() {
        assert_eq!(decode("a+b", PlusSign::IsPlus).unwrap(), "a+b");
        assert_eq!(decode("a+b%2B", PlusSign::IsSpace).unwrap(), "a b+");
    }

    #[test]
    fn broken_encodings_are_errors() {
        for text in ["%", "%1", "%g1", "%1g", "%+1", "%ff", "%c3%28"] {
            assert_eq!(decode(text, PlusSign::IsPlus), Err(InvalidEncoding), "{text}");
        }
    }

    #[test]
    fn only_unreserved_characters_stay() {
        assert_eq!(encode("a/Z 9-._~+ü", Slash::Kept), "a/Z%209-._~%2B%C3%BC");
        assert_eq!(encode("a/b", Slash::Encoded), "a%2Fb");
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(text in ".*") {
            for slash in [Slash::Kept, Slash::Encoded] {
                for plus in [PlusSign::IsPlus, PlusSign::IsSpace] {
                    prop_assert_eq!(decode(&encode(&text, slash), plus).unwrap(), text.clone());
                }
            }
        }

        #[test]
        fn decoding_never_panics(text in ".*") {
            let _ = decode(&text, PlusSign::IsPlus);
        }
    }
}
