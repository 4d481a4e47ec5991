//! `multipart/form-data`, taken apart as it arrives: bytes in, heads and contents of parts out. No I/O, and it holds no more
//! than the last bytes that it was given and what may be the beginning of a boundary.
//!
//! A boundary stands on a line of its own with `--` before it, the last one with `--` behind it too. What stands before the
//! first and behind the last is passed over. White space between a boundary and its line end, which no browser writes, is
//! refused. Source: RFC 7578; RFC 2046, section 5.1.1.

use super::disposition::Disposition;
use crate::objects::BodyError;
use bytes::{Buf as _, Bytes, BytesMut};

/// The head of one part: browsers write two lines.
const HEAD_MAX_BYTES: usize = 4 << 10;

/// What a part says about itself.
#[derive(Debug, PartialEq, Eq)]
pub struct PartHead {
    pub name: String,
    pub file_name: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    NeedInput,
    Part(PartHead),
    /// Of the part that began last; never empty.
    Data(Bytes),
    PartEnd,
    /// The last boundary was passed.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the first boundary.
    Preamble,
    /// Right behind a boundary.
    Boundary,
    Head,
    Content,
    /// Behind the last boundary.
    Epilogue,
}

#[derive(Debug)]
pub struct MultipartDecoder {
    /// The line end before a boundary belongs to it.
    delimiter: Vec<u8>,
    buffer: BytesMut,
    state: State,
    /// Bytes that were taken apart so far.
    passed: u64,
}

impl MultipartDecoder {
    pub fn new(boundary: &str) -> Self {
        // The first boundary may stand at the very beginning, without a line end before it.
        let buffer = BytesMut::from(&b"\r\n"[..]);
        Self { delimiter: format!("\r\n--{boundary}").into_bytes(), buffer, state: State::Preamble, passed: 0 }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// How much was taken apart so far: boundaries, heads and contents.
    pub fn passed_bytes(&self) -> u64 {
        self.passed
    }

    pub fn step(&mut self) -> Result<Step, BodyError> {
        loop {
            match self.state {
                State::Preamble => match find(&self.buffer, &self.delimiter) {
                    Some(at) => self.pass(at + self.delimiter.len(), State::Boundary),
                    None => {
                        self.pass(self.sure_bytes(), State::Preamble);
                        return Ok(Step::NeedInput);
                    }
                },
                State::Boundary => match self.buffer.get(..2) {
                    None => return Ok(Step::NeedInput),
                    Some(b"--") => self.pass(2, State::Epilogue),
                    // It stays: a head without a line would end with it.
                    Some(b"\r\n") => self.state = State::Head,
                    Some(_) => return Err(BodyError::MalformedForm),
                },
                State::Head => return self.head(),
                State::Content => return Ok(self.content()),
                State::Epilogue => {
                    self.pass(self.buffer.len(), State::Epilogue);
                    return Ok(Step::End);
                }
            }
        }
    }

    fn head(&mut self) -> Result<Step, BodyError> {
        let searched = &self.buffer[..self.buffer.len().min(HEAD_MAX_BYTES)];
        let Some(end) = find(searched, b"\r\n\r\n") else {
            return if self.buffer.len() < HEAD_MAX_BYTES {
                Ok(Step::NeedInput)
            } else {
                Err(BodyError::MalformedForm)
            };
        };
        // The line end of the boundary stands before the head; right behind it there may be no head at all.
        let head = parse_head(&self.buffer[2..end.max(2)]).ok_or(BodyError::MalformedForm)?;
        self.pass(end + 4, State::Content);
        Ok(Step::Part(head))
    }

    fn content(&mut self) -> Step {
        match find(&self.buffer, &self.delimiter) {
            Some(0) => {
                self.pass(self.delimiter.len(), State::Boundary);
                Step::PartEnd
            }
            Some(at) => self.data(at),
            None => match self.sure_bytes() {
                0 => Step::NeedInput,
                sure => self.data(sure),
            },
        }
    }

    fn data(&mut self, length: usize) -> Step {
        self.passed += length as u64;
        Step::Data(self.buffer.split_to(length).freeze())
    }

    fn pass(&mut self, length: usize, state: State) {
        self.buffer.advance(length);
        self.passed += length as u64;
        self.state = state;
    }

    /// Bytes at the front that can't be the beginning of a delimiter, when none is in the buffer whole.
    fn sure_bytes(&self) -> usize {
        self.buffer.len().saturating_sub(self.delimiter.len() - 1)
    }
}

/// Where `needle` begins, which begins with a line end.
fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == b'\r') {
        if bytes[from + at..].starts_with(needle) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

/// The lines of a head, of which one says what the part is.
fn parse_head(bytes: &[u8]) -> Option<PartHead> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut found = None;
    for line in text.split("\r\n").filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        let is_wanted = name.eq_ignore_ascii_case("content-disposition");
        if is_wanted && found.replace(Disposition::parse(value)?).is_some() {
            return None;
        }
    }
    let disposition = found.filter(|found| found.kind == "form-data")?;
    let name = disposition.get("name").filter(|name| !name.is_empty())?.to_owned();
    Some(PartHead { name, file_name: disposition.get("filename").map(str::to_owned) })
}
