//! Watches the bytes that come in for what makes two HTTP parsers disagree about where a request ends, and keeps it from
//! hyper: both Content-Length and Transfer-Encoding, either of them twice, another coding than `chunked` or any in HTTP/1.0,
//! lines that end with a bare line feed, folded lines, a space before the colon. hyper takes some of these leniently, as
//! RFC 9112 allows; a proxy in front might not take them the same way, and the difference is a smuggled request.
//!
//! A head that is wrong is refused by the connection itself, and so is one beyond `head_rules`. A body that is wrong is
//! spoiled: its bytes are zeros, which no HTTP parser accepts as the end of a line, and the stream ends behind them. The
//! watch follows the framing (RFC 9112,
//! sections 2 to 7) only as far as it needs to know where the next head begins.

use crate::s3::{
    head_rules::{
        HEAD_MAX_BYTES, HEADERS_MAX, HeadFault, REQUEST_LINE_MAX_BYTES, check_bytes, check_request_line, is_token,
    },
    refused_head::RefusedHead,
};

/// Longest start of a line that is looked at: `content-length:` with 20 digits and some space.
const LINE_START_MAX_BYTES: usize = 64;

/// Longest `Content-Length`: far beyond every object, and below the numbers that hyper keeps for other meanings.
const CONTENT_LENGTH_MAX_BYTES: u64 = i64::MAX as u64;

/// Longest line of a chunk's size, with extensions, or of a trailer. Nobody sends them.
const CHUNK_LINE_MAX_BYTES: usize = 4096;

/// Where in the stream of requests the bytes are.
#[derive(Debug)]
enum Phase {
    /// Between requests: no byte of the next one has come.
    Idle,
    Head(Head),
    /// So many bytes of body are to come.
    Length(u64),
    /// In a body of `Transfer-Encoding: chunked`.
    ChunkSize,
    ChunkData(u64),
    ChunkDataEnd,
    Trailers,
    Spoiled,
    Refused(RefusedHead),
}

/// What the head has said so far.
#[derive(Debug, Default)]
struct Head {
    has_request_line: bool,
    /// As far as it has come; bounded by `REQUEST_LINE_MAX_BYTES` and what is read at a time.
    request_line: Vec<u8>,
    is_head_request: bool,
    is_http_1_0: bool,
    /// Bytes of lines that are complete.
    length: usize,
    headers: usize,
    content_length: Option<u64>,
    is_chunked: bool,
}

/// The line that is being read: its start, its length, its last byte.
#[derive(Debug)]
struct Line {
    start: [u8; LINE_START_MAX_BYTES],
    length: usize,
    last: u8,
}

impl Line {
    const EMPTY: Self = Self { start: [0; LINE_START_MAX_BYTES], length: 0, last: 0 };

    fn extend(&mut self, bytes: &[u8]) {
        if let Some(room) = self.start.get_mut(self.length..) {
            let taken = room.len().min(bytes.len());
            room[..taken].copy_from_slice(&bytes[..taken]);
        }
        self.length += bytes.len();
        self.last = bytes.last().copied().unwrap_or(self.last);
    }

    /// What is kept of the line, without the carriage return; `None` when it does not end with one.
    fn content(&self) -> Option<&[u8]> {
        let length = self.length.checked_sub(1).filter(|_| self.last == b'\r')?;
        Some(&self.start[..length.min(LINE_START_MAX_BYTES)])
    }

    fn is_whole(&self) -> bool {
        self.length <= LINE_START_MAX_BYTES
    }

    fn ends_with_return(&self) -> bool {
        self.length > 0 && self.last == b'\r'
    }
}

/// The request breaks a rule that keeps its borders unambiguous.
const AMBIGUOUS: HeadFault = HeadFault::Malformed;

/// What the watch says about the connection, for timeouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// For the first byte of a request.
    Request,
    /// For the rest of a head.
    Head,
    /// For the rest of a body.
    Body,
}

#[derive(Debug)]
pub struct StrictHead {
    phase: Phase,
    line: Line,
}

impl StrictHead {
    pub fn new() -> Self {
        Self { phase: Phase::Idle, line: Line::EMPTY }
    }

    /// The head that was not let through; nothing is looked at behind it.
    pub fn refused(&self) -> Option<RefusedHead> {
        match self.phase {
            Phase::Refused(refused) => Some(refused),
            _ => None,
        }
    }

    /// Whether a body was made ambiguous; nothing is looked at behind that.
    pub fn is_spoiled(&self) -> bool {
        matches!(self.phase, Phase::Spoiled)
    }

    pub fn waiting(&self) -> Waiting {
        match self.phase {
            Phase::Idle => Waiting::Request,
            Phase::Head(_) | Phase::Refused(_) => Waiting::Head,
            Phase::Length(_)
            | Phase::ChunkSize
            | Phase::ChunkData(_)
            | Phase::ChunkDataEnd
            | Phase::Trailers
            | Phase::Spoiled => Waiting::Body,
        }
    }

    /// Looks at the next bytes of the stream; says how many of them pass. From the first one that makes a body ambiguous
    /// they are zeros; those of a head that is refused don't pass.
    pub fn inspect(&mut self, bytes: &mut [u8]) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            match (self.step(&bytes[at..]), &self.phase) {
                (Ok(taken), _) => at += taken,
                (Err(fault), Phase::Head(head)) => {
                    self.phase = Phase::Refused(head.refused(fault));
                    return at;
                }
                (Err(_), Phase::Refused(_)) => return at,
                (Err(_), _) => {
                    self.phase = Phase::Spoiled;
                    bytes[at..].fill(0);
                    return bytes.len();
                }
            }
        }
        at
    }

    /// The head that has begun will not be waited for any longer, if there is one: it is refused as it stands.
    pub fn give_up_head(&mut self) -> bool {
        let Phase::Head(head) = &self.phase else { return false };
        if !head.has_begun() {
            return false;
        }
        self.phase = Phase::Refused(head.refused(HeadFault::TooSlow));
        true
    }

    /// Takes at least one byte; says how many.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, HeadFault> {
        match &mut self.phase {
            Phase::Spoiled | Phase::Refused(_) => return Err(AMBIGUOUS),
            Phase::Idle => self.phase = Phase::Head(Head::default()),
            Phase::Length(remaining) | Phase::ChunkData(remaining) => {
                let taken = usize::try_from(*remaining).unwrap_or(usize::MAX).min(bytes.len());
                *remaining -= taken as u64;
                if *remaining == 0 {
                    let is_chunk = matches!(self.phase, Phase::ChunkData(_));
                    self.phase = if is_chunk { Phase::ChunkDataEnd } else { Phase::Idle };
                }
                return Ok(taken);
            }
            Phase::Head(_) | Phase::ChunkSize | Phase::ChunkDataEnd | Phase::Trailers => {}
        }
        self.step_line(bytes)
    }

    fn step_line(&mut self, bytes: &[u8]) -> Result<usize, HeadFault> {
        let end = bytes.iter().position(|b| *b == b'\n');
        let piece = &bytes[..end.unwrap_or(bytes.len())];
        match &mut self.phase {
            Phase::Head(head) => {
                if !head.has_request_line {
                    // Before the checks: the answer to a head that is refused depends on the method.
                    head.request_line.extend_from_slice(piece);
                }
                head.check_room(self.line.length + piece.len())?;
                check_bytes(piece, self.line.ends_with_return())?;
            }
            _ if self.line.length + piece.len() > CHUNK_LINE_MAX_BYTES => return Err(AMBIGUOUS),
            _ => {}
        }
        self.line.extend(piece);
        let Some(end) = end else { return Ok(bytes.len()) };
        let line = std::mem::replace(&mut self.line, Line::EMPTY);
        let content = line.content().ok_or(AMBIGUOUS)?;
        let next = match &mut self.phase {
            Phase::Head(head) => {
                head.length += line.length + 1;
                head.take_line(content, line.is_whole())?
            }
            Phase::ChunkSize => Some(match parse_chunk_size(content).filter(|_| line.is_whole()).ok_or(AMBIGUOUS)? {
                0 => Phase::Trailers,
                length => Phase::ChunkData(length),
            }),
            Phase::ChunkDataEnd if content.is_empty() => Some(Phase::ChunkSize),
            Phase::ChunkDataEnd => return Err(AMBIGUOUS),
            Phase::Trailers => content.is_empty().then_some(Phase::Idle),
            Phase::Idle | Phase::Length(_) | Phase::ChunkData(_) | Phase::Spoiled | Phase::Refused(_) => None,
        };
        if let Some(next) = next {
            self.phase = next;
        }
        Ok(end + 1)
    }
}

impl Head {
    fn refused(&self, fault: HeadFault) -> RefusedHead {
        RefusedHead { fault, is_head_request: self.is_head_request || self.request_line.starts_with(b"HEAD ") }
    }

    /// Empty lines before a request are none of it: some clients send one behind a body.
    fn has_begun(&self) -> bool {
        self.has_request_line || self.request_line.first().is_some_and(|b| *b != b'\r')
    }

    /// Bounds a line that has `length` bytes so far.
    fn check_room(&self, length: usize) -> Result<(), HeadFault> {
        if !self.has_request_line && length > REQUEST_LINE_MAX_BYTES {
            Err(HeadFault::RequestLineTooLong)
        } else if self.length + length > HEAD_MAX_BYTES {
            Err(HeadFault::TooLarge)
        } else {
            Ok(())
        }
    }

    /// A complete line without its end; `whole`: nothing of it was cut off. Gives the phase behind the head at its end.
    fn take_line(&mut self, line: &[u8], whole: bool) -> Result<Option<Phase>, HeadFault> {
        if !self.has_request_line {
            // Empty lines before a request are skipped by hyper too.
            let request_line = std::mem::take(&mut self.request_line);
            if !line.is_empty() {
                self.has_request_line = true;
                self.is_head_request = line.starts_with(b"HEAD ");
                self.is_http_1_0 = request_line.ends_with(b" HTTP/1.0\r");
                check_request_line(&request_line[..request_line.len() - 1])?;
            }
            return Ok(None);
        }
        if line.is_empty() {
            return Ok(Some(match (self.is_chunked, self.content_length) {
                (true, _) => Phase::ChunkSize,
                (false, Some(length @ 1..)) => Phase::Length(length),
                (false, _) => Phase::Idle,
            }));
        }
        self.headers += 1;
        if self.headers > HEADERS_MAX {
            return Err(HeadFault::TooManyHeaders);
        }
        let Some(colon) = line.iter().position(|b| *b == b':') else {
            // A name longer than what is kept, or no header at all, which hyper refuses.
            return if whole { Err(AMBIGUOUS) } else { Ok(None) };
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if !is_token(name) {
            return Err(AMBIGUOUS);
        }
        let is_length = name.eq_ignore_ascii_case(b"content-length");
        let is_encoding = name.eq_ignore_ascii_case(b"transfer-encoding");
        if !is_length && !is_encoding {
            return Ok(None);
        }
        if !whole || self.content_length.is_some() || self.is_chunked {
            return Err(AMBIGUOUS);
        }
        if is_encoding {
            self.is_chunked = value.eq_ignore_ascii_case(b"chunked") && !self.is_http_1_0;
            return if self.is_chunked { Ok(None) } else { Err(AMBIGUOUS) };
        }
        let length = parse_decimal(value).filter(|length| *length <= CONTENT_LENGTH_MAX_BYTES);
        self.content_length = Some(length.ok_or(AMBIGUOUS)?);
        Ok(None)
    }
}

fn parse_decimal(digits: &[u8]) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()
}

/// The size before any extension.
fn parse_chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|b| *b == b';').next()?.trim_ascii_end();
    let is_hex = (1..=16).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok().filter(|_| is_hex)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Whether the bytes pass, fed in pieces of `cut` bytes, and what is waited for behind them.
    fn watch(text: &str, cut: usize) -> (bool, Waiting) {
        let mut watch = StrictHead::new();
        let mut passed = true;
        for piece in text.as_bytes().chunks(cut) {
            let mut seen = piece.to_vec();
            let length = watch.inspect(&mut seen);
            passed &= seen == piece && length == piece.len();
        }
        (passed, watch.waiting())
    }

    #[test]
    fn honest_requests_pass_however_they_are_torn() {
        let long = "x".repeat(300);
        for (text, waiting) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Waiting::Request),
            ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Waiting::Request),
            ("PUT / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab\n", Waiting::Request),
            ("PUT / HTTP/1.1\r\nContent-Length:3\r\n\r\nab", Waiting::Body),
            ("PUT / HTTP/1.1\r\nContent-Length: 3\r\n\r\n\n\n\nGET / HTTP/1.1\r\n", Waiting::Head),
            ("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n\n\n\r\n0\r\n\r\n", Waiting::Request),
            ("PUT / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n2;a=b\r\nab\r\n0\r\nX: y\r\n\r\n", Waiting::Request),
            (&format!("GET /{long} HTTP/1.1\r\nX-{long}: {long}\r\n\r\n"), Waiting::Request),
        ] {
            for cut in [1, 2, 7, 1000] {
                assert_eq!(watch(text, cut), (true, waiting), "{text:?} in pieces of {cut}");
            }
        }
    }

    #[test]
    fn ambiguous_requests_are_spoiled_however_they_are_torn() {
        let long = "0".repeat(100);
        for headers in [
            "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
            "Content-Length: 3\r\nContent-Length: 3\r\n",
            "Content-Length: 3\r\ncontent-length: 4\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: identity\r\n",
            "Transfer-Encoding : chunked\r\n",
            "Content-Length : 3\r\n",
            "Content-Length: +3\r\n",
            "Content-Length: 3, 3\r\n",
            "Content-Length:\r\n",
            "Content-Length: 18446744073709551615\r\n",
            "Content-Length: 18446744073709551616\r\n",
            "Content-Length: 3\n",
            "Host: a\n",
            " Folded: x\r\n",
            "X: a\r\n\tfolded\r\n",
            "no colon\r\n",
            &format!("Content-Length: {long}3\r\n"),
        ] {
            let text = format!("PUT / HTTP/1.1\r\nHost: a\r\n{headers}\r\nabc");
            for cut in [1, 3, 1000] {
                assert!(!watch(&text, cut).0, "{headers:?} in pieces of {cut}");
            }
        }
        for body in ["2\nab\r\n", "g\r\n", "-2\r\n", "2\r\nabc\r\n0\r\n\r\n", "11111111111111111\r\n"] {
            let text = format!("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
            assert!(!watch(&text, 1000).0, "{body:?}");
        }
    }

    #[test]
    fn a_transfer_encoding_has_no_place_in_http_1_0() {
        assert!(!watch("PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 1000).0);
        assert!(watch("PUT / HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc", 1000).0);
    }

    #[test]
    fn a_head_request_is_known_as_one_wherever_it_is_refused() {
        let long = "x".repeat(REQUEST_LINE_MAX_BYTES);
        for rest in [" /\0 HTTP/1.1\r\n", &format!(" /{long}"), " / HTTP/2.0\r\n", " / HTTP/1.1\r\nno header\r\n"] {
            for (method, is_head_request) in [("HEAD", true), ("GET", false), ("HEADS", false)] {
                for cut in [1, 3, 100_000] {
                    let mut watch = StrictHead::new();
                    for piece in format!("{method}{rest}").as_bytes().chunks(cut) {
                        watch.inspect(&mut piece.to_vec());
                    }
                    assert_eq!(watch.refused().unwrap().is_head_request, is_head_request, "{method}, cut at {cut}");
                }
            }
        }
    }

    #[test]
    fn only_a_head_that_has_begun_is_given_up() {
        for (text, refused) in [
            ("", None),
            ("\r\n\r", None),
            ("\r\nG", Some(HeadFault::TooSlow)),
            ("GET / HT", Some(HeadFault::TooSlow)),
            ("PUT / HTTP/1.1\r\nContent-Length: 3\r\n\r\na", None),
            ("G@T / HTTP/1.1\r\n", Some(HeadFault::Malformed)),
        ] {
            let mut watch = StrictHead::new();
            watch.inspect(&mut text.to_owned().into_bytes());
            assert_eq!(watch.give_up_head(), refused == Some(HeadFault::TooSlow), "{text:?}");
            assert_eq!(watch.refused().map(|refused| refused.fault), refused, "{text:?}");
        }
    }

    #[test]
    fn the_request_behind_a_body_is_watched_too() {
        let text = "PUT / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: a\n\r\n";
        assert!(!watch(text, 1000).0);
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(
            text in "(GET / HTTP/1.1|Host: a|Content-Length: 3|Transfer-Encoding: chunked|\r\n|\n|abc|2|0| ){0,20}",
            cut in 1_usize..10,
        ) {
            prop_assert_eq!(watch(&text, cut), watch(&text, 10_000));
        }
    }
}
