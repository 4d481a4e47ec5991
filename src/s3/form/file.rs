//! The file of a form as a body: its bytes, and its end only after the form's own end has come and the length is one that the
//! policy allows. Fields behind the file are passed over, as S3 does.

use super::multipart::{MultipartDecoder, Step};
use crate::objects::BodyError;
use bytes::Bytes;
use std::ops::RangeInclusive;

/// What may stand behind the file: as much as before it.
const REST_MAX_BYTES: u64 = 20 << 10;

#[derive(Debug)]
pub struct FormFile {
    decoder: MultipartDecoder,
    allowed: RangeInclusive<u64>,
    length: u64,
    /// Where the form was taken apart to when its file ended.
    ended_at: Option<u64>,
}

#[derive(Debug)]
pub enum FileStep {
    NeedInput,
    Data(Bytes),
}

impl FormFile {
    pub(super) fn new(decoder: MultipartDecoder) -> Self {
        Self { decoder, allowed: 0..=u64::MAX, length: 0, ended_at: None }
    }

    /// By `content-length-range` of the policy.
    #[must_use]
    pub fn within(mut self, allowed: RangeInclusive<u64>) -> Self {
        self.allowed = allowed;
        self
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.decoder.push(bytes);
    }

    pub fn step(&mut self) -> Result<FileStep, BodyError> {
        loop {
            let step = self.decoder.step()?;
            let Some(ended_at) = self.ended_at else {
                match step {
                    Step::NeedInput => return Ok(FileStep::NeedInput),
                    Step::Data(bytes) => return self.data(bytes).map(FileStep::Data),
                    Step::PartEnd => {
                        self.check_least()?;
                        self.ended_at = Some(self.decoder.passed_bytes());
                        continue;
                    }
                    Step::Part(_) | Step::End => return Err(BodyError::MalformedForm),
                }
            };
            if self.decoder.passed_bytes() - ended_at > REST_MAX_BYTES {
                return Err(BodyError::MalformedForm);
            }
            match step {
                Step::NeedInput | Step::End => return Ok(FileStep::NeedInput),
                Step::Part(_) | Step::Data(_) | Step::PartEnd => {}
            }
        }
    }

    /// The request has no more bytes: was it all?
    pub fn finish(&mut self) -> Result<(), BodyError> {
        match (self.ended_at, self.decoder.step()?) {
            (Some(_), Step::End) => Ok(()),
            _ => Err(BodyError::MalformedForm),
        }
    }

    fn data(&mut self, bytes: Bytes) -> Result<Bytes, BodyError> {
        self.length += bytes.len() as u64;
        let most = *self.allowed.end();
        if self.length > most { Err(BodyError::TooLong { length: self.length, most }) } else { Ok(bytes) }
    }

    fn check_least(&self) -> Result<(), BodyError> {
        let least = *self.allowed.start();
        if self.length < least { Err(BodyError::TooShort { length: self.length, least }) } else { Ok(()) }
    }
}
