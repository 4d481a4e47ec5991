//! What a request is refused with: the only place that knows S3's codes. `S3Error` is made where a request is refused
//! and turned into a response in one place (`service.rs`), which also logs what is the server's own fault.

mod code;
mod from_identity;
mod from_objects;
mod render;

pub use code::S3Code;
pub use render::render;

use super::operation::Operation;
use crate::types::{BucketName, ObjectKey};
use http::{HeaderName, HeaderValue, StatusCode};
use std::{borrow::Cow, fmt};

/// A refusal: code, message, further fields of the XML body and headers. One pointer wide, so that results stay small.
pub struct S3Error(Box<Refusal>);

struct Refusal {
    code: S3Code,
    message: Cow<'static, str>,
    fields: Vec<(&'static str, String)>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// What went wrong inside, for the log and never for the client.
    cause: Option<String>,
}

impl S3Error {
    pub fn new(code: S3Code) -> Self {
        Self::with_message(code, code.default_message())
    }

    pub fn with_message(code: S3Code, message: impl Into<Cow<'static, str>>) -> Self {
        let message = message.into();
        Self(Box::new(Refusal { code, message, fields: Vec::new(), headers: Vec::new(), cause: None }))
    }

    /// An operation that S3 has and we don't have yet.
    pub fn not_implemented(operation: Operation) -> Self {
        Self::with_message(S3Code::NotImplemented, format!("{} is not implemented.", operation.name()))
    }

    /// An argument that S3 would refuse, as S3 names it.
    pub fn invalid_argument(name: &str, value: &str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::with_message(S3Code::InvalidArgument, message).field("ArgumentName", name).field("ArgumentValue", value)
    }

    pub fn invalid_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::with_message(S3Code::InvalidRequest, message)
    }

    /// The server's own fault. `cause` goes to the log, the client sees a general text.
    pub fn internal(cause: impl fmt::Display) -> Self {
        let mut error = Self::new(S3Code::InternalError);
        error.0.cause = Some(cause.to_string());
        error
    }

    /// Adds an element to the XML body, behind Code and Message.
    #[must_use]
    pub fn field(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.fields.push((name, value.into()));
        self
    }

    /// What goes into the response beside the body.
    pub fn headers(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.0.headers.iter().map(|(name, value)| (name, value))
    }

    /// Adds a header to the response.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    pub fn code(&self) -> S3Code {
        self.0.code
    }

    pub fn status(&self) -> StatusCode {
        self.0.code.status()
    }

    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Names what was not there, as S3's documents do.
    #[must_use]
    pub fn about(self, bucket: Option<&BucketName>, key: Option<&ObjectKey>) -> Self {
        match (self.code(), bucket, key) {
            (S3Code::NoSuchBucket, Some(bucket), _) => self.field("BucketName", bucket.as_str()),
            (S3Code::NoSuchKey, _, Some(key)) => self.field("Key", key.as_str()),
            _ => self,
        }
    }

    pub fn fields(&self) -> &[(&'static str, String)] {
        &self.0.fields
    }

    /// For the log.
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }
}

impl From<S3Code> for S3Error {
    fn from(code: S3Code) -> Self {
        Self::new(code)
    }
}

impl fmt::Debug for S3Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for S3Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code.name(), self.0.message)?;
        match &self.0.cause {
            Some(cause) => write!(f, " ({cause})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for S3Error {}
