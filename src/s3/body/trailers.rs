//! Trailers behind the last chunk: `name:value` lines, and in a signed body a last one with their signature.
//!
//! Lines end with `\r\n`, or with `\n` alone as minio-go and AWS's own example have it. A signed body may have an empty
//! line between the trailers and their signature; the empty line behind the signature is the end.

use crate::objects::BodyError;
use bytes::{Buf, Bytes};

const SIGNATURE_NAME: &str = "x-amz-trailer-signature";

/// All trailers together: one checksum and one signature have less than 300 bytes.
const TRAILERS_MAX_BYTES: usize = 4096;

const MALFORMED: BodyError = BodyError::MalformedTrailers("The trailers are malformed.");

/// Complete trailers, not yet believed.
#[derive(Debug, Default)]
pub struct Trailers {
    /// `name:value\n` of each, in ascending order of names: what is signed.
    pub canonical: String,
    pub signature: Option<String>,
    /// Names in lower case.
    pub values: Vec<(String, String)>,
}

/// Reads trailers as they come in.
#[derive(Debug)]
pub struct TrailerReader {
    is_signed: bool,
    line: Vec<u8>,
    length: usize,
    trailers: Trailers,
}

impl TrailerReader {
    pub fn signed() -> Self {
        Self { is_signed: true, line: Vec::new(), length: 0, trailers: Trailers::default() }
    }

    pub fn unsigned() -> Self {
        Self { is_signed: false, ..Self::signed() }
    }

    /// Takes lines from `input`; says whether the empty line that ends the trailers was among them.
    pub fn read(&mut self, input: &mut Bytes) -> Result<bool, BodyError> {
        while !input.is_empty() {
            let end = input.iter().position(|b| *b == b'\n').map(|at| at + 1);
            let taken = end.unwrap_or(input.len());
            self.length += taken;
            if self.length > TRAILERS_MAX_BYTES {
                return Err(BodyError::MalformedTrailers("The trailers are too long."));
            }
            self.line.extend_from_slice(&input[..taken]);
            input.advance(taken);
            if end.is_some() && self.take_line()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A complete line is in `line`. Says whether it ends the trailers.
    fn take_line(&mut self) -> Result<bool, BodyError> {
        let line = std::mem::take(&mut self.line);
        let text = std::str::from_utf8(&line).map_err(|_| MALFORMED)?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        let waits_for_signature = self.is_signed && self.trailers.signature.is_none();
        if text.is_empty() {
            return Ok(!waits_for_signature);
        }
        let (name, value) = text.split_once(':').ok_or(MALFORMED)?;
        let (name, value) = (name.to_ascii_lowercase(), value.trim().to_owned());
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !is_name || !value.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(MALFORMED);
        }
        if name == SIGNATURE_NAME {
            if !waits_for_signature {
                return Err(BodyError::TrailerMismatch);
            }
            self.trailers.signature = Some(value);
        } else {
            if self.trailers.signature.is_some() {
                return Err(MALFORMED);
            }
            self.trailers.values.push((name, value));
        }
        Ok(false)
    }

    pub fn finish(mut self) -> Trailers {
        let mut sorted: Vec<_> = self.trailers.values.iter().collect();
        sorted.sort();
        self.trailers.canonical = sorted.into_iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        self.trailers
    }
}
