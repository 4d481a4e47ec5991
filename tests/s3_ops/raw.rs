//! Requests signed by hand and sent byte for byte, for what no SDK sends: malformed bodies, odd headers, wrong digests.

use super::fixture::Fixture;
use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
        SigningInstructions, SigningSettings, UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A request in the making. The target is a path with its query, already percent-encoded.
pub struct RawRequest<'a> {
    fixture: &'a Fixture,
    method: &'static str,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    payload: Payload,
}

/// What `x-amz-content-sha256` says.
enum Payload {
    Hash,
    Named(String),
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct RawResponse {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl RawResponse {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The `<Code>` of an error body; empty when there is none.
    pub fn code(&self) -> String {
        element(&self.text(), "Code").unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// The text inside the first element of this name.
pub fn element(document: &str, name: &str) -> Option<String> {
    let (_, rest) = document.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(inner, _)| inner.to_owned())
}

/// The names of the document's elements as they begin, those of `wanted` alone.
pub fn order<'a>(document: &'a str, wanted: &[&str]) -> Vec<&'a str> {
    let names = document.split('<').filter_map(|rest| rest.split_once('>').map(|(name, _)| name));
    names.filter(|name| wanted.contains(name)).collect()
}

impl<'a> RawRequest<'a> {
    pub fn new(fixture: &'a Fixture, method: &'static str, target: impl Into<String>) -> Self {
        Self { fixture, method, target: target.into(), headers: Vec::new(), body: Vec::new(), payload: Payload::Hash }
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Says this instead of the body's hash.
    pub fn content_sha256(mut self, value: impl Into<String>) -> Self {
        self.payload = Payload::Named(value.into());
        self
    }

    pub async fn send(self) -> RawResponse {
        let head = self.signed_head();
        exchange(&self.fixture.authority(), &head, &self.body).await
    }

    /// As a presigned URL: the signature covers what the target's query says already.
    pub async fn send_presigned(self) -> RawResponse {
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(Duration::from_secs(60));
        let authority = self.fixture.authority();
        let headers = [("host".to_owned(), authority.clone())];
        let signed = self.sign(&headers, settings, SignableBody::UnsignedPayload);
        let mut url =
            http::Request::builder().uri(format!("http://{authority}{}", self.target)).body(()).expect("a URL");
        signed.apply_to_request_http1x(&mut url);
        let target = url.uri().path_and_query().expect("a URL has a path");
        let (method, length) = (self.method, self.body.len());
        let head = format!(
            "{method} {target} HTTP/1.1\r\nhost: {authority}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        );
        exchange(&authority, head.as_bytes(), &self.body).await
    }

    fn sign(
        &self,
        headers: &[(String, String)],
        mut settings: SigningSettings,
        payload: SignableBody<'_>,
    ) -> SigningInstructions {
        let authority = self.fixture.authority();
        let identity =
            Credentials::new(self.fixture.access_key(), self.fixture.secret_key(), None, None, "test").into();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name("s3")
            .time(SystemTime::now())
            .settings(settings)
            .build()
            .expect("every parameter is set")
            .into();
        let url = format!("http://{authority}{}", self.target);
        let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let signable = SignableRequest::new(self.method, url, pairs, payload).expect("the request can be signed");
        sign(signable, &params).expect("the request can be signed").into_parts().0
    }

    fn signed_head(&self) -> Vec<u8> {
        let mut headers = vec![("host".to_owned(), self.fixture.authority())];
        headers.extend(self.headers.iter().cloned());
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let payload = match &self.payload {
            Payload::Hash => SignableBody::Bytes(&self.body),
            Payload::Named(name) => SignableBody::Precomputed(name.clone()),
        };
        let instructions = self.sign(&headers, settings, payload);
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in &headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        for (name, value) in instructions.headers() {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !headers.iter().any(|(name, _)| name == "content-length" || name == "transfer-encoding") {
            head.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        head.push_str("connection: close\r\n\r\n");
        head.into_bytes()
    }
}

/// Sends the bytes on a connection of their own and reads the answer.
pub async fn exchange(authority: &str, head: &[u8], body: &[u8]) -> RawResponse {
    let mut stream = TcpStream::connect(authority).await.expect("the server listens");
    stream.write_all(head).await.expect("the head is sent");
    // A server that refuses early may close before it read the body: its answer is what counts.
    let _ = stream.write_all(body).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    parse(&answer)
}

fn parse(answer: &[u8]) -> RawResponse {
    let split = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("the answer has a whole head");
    let head = String::from_utf8_lossy(&answer[..split]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut body = answer[split + 4..].to_vec();
    if headers.get("transfer-encoding").is_some_and(|value| value == "chunked") {
        body = dechunk(&body);
    }
    RawResponse { status: status.expect("the answer has a status"), headers, body }
}

fn dechunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = bytes.windows(2).position(|window| window == b"\r\n") {
        let length = usize::from_str_radix(String::from_utf8_lossy(&bytes[..end]).trim(), 16).unwrap_or(0);
        if length == 0 {
            break;
        }
        whole.extend_from_slice(&bytes[end + 2..end + 2 + length]);
        bytes = &bytes[end + 2 + length + 2..];
    }
    whole
}
