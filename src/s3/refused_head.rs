//! The answer to a head that hyper never sees to its end: S3's document as for every other refusal, and the connection is
//! closed, because where the next request begins is not known.

use super::head_rules::{HEAD_MAX_BYTES, HeadFault};
use crate::{
    s3::{
        error::{S3Code, S3Error},
        request_id::REQUEST_ID_HEADER,
    },
    types::{RequestId, Timestamp},
};
use bytes::Bytes;
use http::header;

/// What is known of a head that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedHead {
    pub fault: HeadFault,
    /// Its answer has no body.
    pub is_head_request: bool,
}

impl RefusedHead {
    pub fn error(self) -> S3Error {
        match self.fault {
            HeadFault::Malformed => {
                S3Error::with_message(S3Code::BadRequest, "An error occurred when parsing the HTTP request.")
            }
            HeadFault::Uri => S3Code::InvalidURI.into(),
            HeadFault::RequestLineTooLong => {
                S3Error::with_message(S3Code::InvalidURI, "The URI that you specified is too long.")
            }
            HeadFault::TooManyHeaders => {
                S3Error::with_message(S3Code::RequestHeaderSectionTooLarge, "Your request has too many headers.")
            }
            HeadFault::TooLarge => {
                S3Error::new(S3Code::RequestHeaderSectionTooLarge).field("MaxSizeAllowed", HEAD_MAX_BYTES.to_string())
            }
            HeadFault::TooSlow => S3Code::RequestTimeout.into(),
        }
    }

    /// As it goes over the wire.
    pub fn answer(self, error: &S3Error, id: &RequestId, now: Timestamp) -> Bytes {
        let body = error.document("/", id);
        let (status, reason) = (error.status(), error.status().canonical_reason().unwrap_or_default());
        let mut answer = format!(
            "HTTP/1.1 {} {reason}\r\n{}: application/xml\r\n{}: {}\r\n{}: {}\r\n{REQUEST_ID_HEADER}: {}\r\n{}: close\r\n\r\n",
            status.as_u16(),
            header::CONTENT_TYPE,
            header::CONTENT_LENGTH,
            body.len(),
            header::DATE,
            now.to_http_date(),
            id.as_str(),
            header::CONNECTION,
        )
        .into_bytes();
        if !self.is_head_request {
            answer.extend_from_slice(&body);
        }
        answer.into()
    }
}
