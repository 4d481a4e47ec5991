//! One request and the check of its answer.

use super::{
    connection::{Connection, innermost},
    signer::{EMPTY_PAYLOAD, Signer, ToSign},
    target::Target,
};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Longer than any healthy answer takes: what hangs is an error, not the end of the run.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// A page of 1000 long keys is about 1.5 MiB; a server that sends more is wrong.
const DOCUMENT_MAX_BYTES: usize = 8 << 20;

/// Sends the requests of one worker over one connection.
pub struct Exchange {
    target: Arc<Target>,
    signer: Signer,
    connection: Option<Connection>,
}

/// A request. The key and the query are in canonical form already.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    pub method: Method,
    pub key: &'a str,
    pub query: &'a str,
    /// First and last byte.
    pub range: Option<(u64, u64)>,
    pub body: Bytes,
    /// The body's `x-amz-content-sha256`.
    pub payload_hash: &'a str,
}

impl<'a> Ask<'a> {
    pub fn new(method: Method, key: &'a str, query: &'a str) -> Self {
        Self { method, key, query, range: None, body: Bytes::new(), payload_hash: EMPTY_PAYLOAD }
    }
}

/// What the body of a right answer is.
#[derive(Clone, Debug)]
pub enum Expected {
    /// Of no interest.
    Anything,
    /// As many bytes as these.
    Length(Bytes),
    /// Exactly these bytes.
    Content(Bytes),
    /// A document, given back.
    Document,
}

/// Why an answer doesn't count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    #[error("cannot connect: {0}")]
    Unreachable(String),
    #[error("the connection broke: {0}")]
    Broken(String),
    #[error("no answer within {} s", REQUEST_TIMEOUT.as_secs())]
    TimedOut,
    #[error("status {status}: {body}")]
    Status { status: u16, body: String },
    #[error("{found} bytes instead of {expected}")]
    Length { expected: usize, found: usize },
    #[error("other bytes than were written")]
    Content,
    #[error("the answer has no {0}")]
    Missing(&'static str),
    #[error("{found} keys listed instead of {expected}")]
    Keys { expected: usize, found: usize },
}

impl Exchange {
    pub fn new(target: Arc<Target>) -> Self {
        let signer = Signer::new(target.identity.clone());
        Self { target, signer, connection: None }
    }

    /// Opens the connection ahead of the first request.
    pub async fn connect(&mut self) -> Result<(), Wrong> {
        let opened = Connection::open(&self.target.address, self.target.tls.as_ref()).await;
        self.connection = Some(opened.map_err(|error| Wrong::Unreachable(error.to_string()))?);
        Ok(())
    }

    /// The answer's head, and its body when that is a document. After an error the next request opens a new
    /// connection, so that a late answer is never taken for another request's.
    pub async fn ask(
        &mut self,
        ask: Ask<'_>,
        status: StatusCode,
        expected: Expected,
    ) -> Result<Response<Bytes>, Wrong> {
        let outcome = tokio::time::timeout(REQUEST_TIMEOUT, self.attempt(ask, status, expected)).await;
        let outcome = outcome.unwrap_or(Err(Wrong::TimedOut));
        if outcome.is_err() {
            self.connection = None;
        }
        outcome
    }

    async fn attempt(
        &mut self,
        ask: Ask<'_>,
        status: StatusCode,
        expected: Expected,
    ) -> Result<Response<Bytes>, Wrong> {
        if !self.connection.as_ref().is_some_and(Connection::is_open) {
            self.connect().await?;
        }
        let request = self.request(ask);
        let connection = self.connection.as_mut().ok_or(Wrong::Unreachable("no connection".to_owned()))?;
        let answer = connection.send(request).await.map_err(|error| Wrong::Broken(innermost(&error)))?;
        let (head, body) = answer.into_parts();
        if head.status != status {
            let body = read_document(body).await.unwrap_or_default();
            let body = String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned();
            return Err(Wrong::Status { status: head.status.as_u16(), body });
        }
        let document = match expected {
            Expected::Anything | Expected::Document => read_document(body).await?,
            Expected::Length(bytes) => compare(body, &bytes, |_, _| true).await?,
            Expected::Content(bytes) => compare(body, &bytes, |found, expected| found == expected).await?,
        };
        Ok(Response::from_parts(head, document))
    }

    fn request(&mut self, ask: Ask<'_>) -> Request<Full<Bytes>> {
        let path = format!("{}{}", self.target.bucket_path, ask.key);
        let to_sign = ToSign {
            method: ask.method.as_str(),
            host: &self.target.host,
            path: &path,
            query: ask.query,
            payload_hash: ask.payload_hash,
        };
        let signature = self.signer.sign(to_sign, SystemTime::now());
        let uri = if ask.query.is_empty() { path } else { format!("{path}?{}", ask.query) };
        let mut request = Request::builder()
            .method(ask.method)
            .uri(uri)
            .header(header::HOST, &self.target.host)
            .header("x-amz-content-sha256", ask.payload_hash)
            .header("x-amz-date", signature.amz_date)
            .header(header::AUTHORIZATION, signature.authorization);
        if let Some(token) = self.signer.session_token() {
            request = request.header("x-amz-security-token", token);
        }
        if let Some((first, last)) = ask.range {
            request = request.header(header::RANGE, format!("bytes={first}-{last}"));
        }
        // What stands in the headers was checked with the first request of the run's preparation, which fails early.
        request.body(Full::new(ask.body)).expect("keys, hosts and credentials fit into an HTTP request")
    }
}

async fn read_document(body: Incoming) -> Result<Bytes, Wrong> {
    let limited = http_body_util::Limited::new(body, DOCUMENT_MAX_BYTES);
    let collected = limited.collect().await.map_err(|error| Wrong::Broken(error.to_string()))?;
    Ok(collected.to_bytes())
}

/// Looks at the body as it comes, so that no object is kept in memory once more.
async fn compare(mut body: Incoming, expected: &Bytes, same: fn(&[u8], &[u8]) -> bool) -> Result<Bytes, Wrong> {
    let mut found = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Wrong::Broken(innermost(&error)))?;
        let Ok(data) = frame.into_data() else { continue };
        if let Some(slice) = expected.get(found..found + data.len())
            && !same(&data, slice)
        {
            return Err(Wrong::Content);
        }
        found += data.len();
    }
    if found == expected.len() { Ok(Bytes::new()) } else { Err(Wrong::Length { expected: expected.len(), found }) }
}

/// The value of a header that a right answer has.
pub fn required_header<'a>(answer: &'a Response<Bytes>, name: &'static str) -> Result<&'a HeaderValue, Wrong> {
    answer.headers().get(name).ok_or(Wrong::Missing(name))
}
