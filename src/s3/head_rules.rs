//! What a head must be before hyper sees it. hyper refuses the same with a bare status; found here, it gets S3's own answer
//! (`refused_head`).

use http::Uri;

/// hyper keeps at most 64 KiB of a head: below that the answer is ours.
pub const HEAD_MAX_BYTES: usize = 60 << 10;

/// Method, target and version. A key takes 3 KiB at most; the rest is for presigned parameters and tokens in them.
pub const REQUEST_LINE_MAX_BYTES: usize = 32 << 10;

/// Lines of one head. Real requests have under 40, but 2 KiB of metadata may be that many small headers: S3's own limit
/// (8 KiB of head, where each of them stands a second time among the signed ones) leaves room for about 290, and ours
/// (`head.rs`) for 560. hyper needs 64 bytes for each while it parses, so 32 KiB for a moment.
pub const HEADERS_MAX: usize = 512;

/// Why a head is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadFault {
    /// No HTTP/1 head, or one that two parsers could read differently.
    Malformed,
    Uri,
    RequestLineTooLong,
    TooManyHeaders,
    TooLarge,
    /// It did not come to its end in time.
    TooSlow,
}

/// A part of a line, without its line feed; `follows_return`: the part before ended with a carriage return. A control
/// character has no place in a head but for tabs, and the carriage return at a line's end.
pub fn check_bytes(piece: &[u8], follows_return: bool) -> Result<(), HeadFault> {
    let Some((last, rest)) = piece.split_last() else { return Ok(()) };
    let is_control = |b: u8| (b < b' ' && b != b'\t') || b == 0x7f;
    let is_wrong = follows_return || rest.iter().any(|b| is_control(*b)) || (is_control(*last) && *last != b'\r');
    if is_wrong { Err(HeadFault::Malformed) } else { Ok(()) }
}

/// A whole request line: a method, a target and a version with one space between them.
pub fn check_request_line(line: &[u8]) -> Result<(), HeadFault> {
    let mut parts = line.split(|b| *b == b' ');
    let (Some(method), Some(target), Some(version), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(HeadFault::Malformed);
    };
    // hyper would leave a fragment out, and take the request for one about what stands before it (RFC 9112, 3.2, has none).
    let is_target = !target.is_empty() && !target.contains(&b'#');
    if !is_token(method) || !is_target || !matches!(version, b"HTTP/1.1" | b"HTTP/1.0") {
        return Err(HeadFault::Malformed);
    }
    let is_plain = |b: &u8| b.is_ascii_alphanumeric() || b"/-_.~%?&=+:;,@!$'()*".contains(b);
    if (target.starts_with(b"/") && target.iter().all(is_plain)) || Uri::try_from(target).is_ok() {
        Ok(())
    } else {
        Err(HeadFault::Uri)
    }
}

/// Whether it may be a method or the name of a header (RFC 9110, 5.6.2).
pub fn is_token(name: &[u8]) -> bool {
    let is_allowed = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    !name.is_empty() && name.iter().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_line_has_three_parts() {
        for line in ["GET / HTTP/1.1", "PUT /b/k?x=%20&y=a+b HTTP/1.0", "OPTIONS * HTTP/1.1", "GET http://a/b HTTP/1.1"]
        {
            assert_eq!(check_request_line(line.as_bytes()), Ok(()), "{line}");
        }
        for line in [
            "GET /",
            "GET  / HTTP/1.1",
            "GET / HTTP/1.1 ",
            "GET / HTTP/2.0",
            "G@T / HTTP/1.1",
            " / HTTP/1.1",
            "hello",
            "DELETE /b/k#draft HTTP/1.1",
            "GET /b#?versions HTTP/1.1",
            "GET /b?prefix=# HTTP/1.1",
            "GET http://a/b#c HTTP/1.1",
            "GET # HTTP/1.1",
        ] {
            assert_eq!(check_request_line(line.as_bytes()), Err(HeadFault::Malformed), "{line}");
        }
        for line in ["GET /<b> HTTP/1.1", "GET b HTTP/1.1?", "GET :/// HTTP/1.1"] {
            assert!(check_request_line(line.as_bytes()).is_err(), "{line}");
        }
        assert_eq!(check_request_line(b"GET /<b> HTTP/1.1"), Err(HeadFault::Uri));
    }

    #[test]
    fn control_characters_have_no_place_in_a_head() {
        for (piece, follows_return, is_fine) in [
            (&b"a: b\tc\xc3\xa4\r"[..], false, true),
            (b"", true, true),
            (b"\r", false, true),
            (b"a", true, false),
            (b"a\rb", false, false),
            (b"a\0b\r", false, false),
            (b"a\x7f", false, false),
        ] {
            assert_eq!(check_bytes(piece, follows_return).is_ok(), is_fine, "{piece:?}");
        }
    }
}
