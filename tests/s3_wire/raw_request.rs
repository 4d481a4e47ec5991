//! Requests that are signed by hand and written byte by byte, so that nothing repairs what is wrong with them.

use crate::support::Server;
use aws_lc_rs::hmac;
use sha2::{Digest, Sha256};
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};
use time::{OffsetDateTime, macros::format_description};

/// Long enough for any answer; a test that needs it has failed.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// A request to be signed. The path is sent and signed as it stands.
#[derive(Clone, Debug)]
pub struct RawRequest {
    pub method: &'static str,
    pub path: String,
    /// In place of the server's own address.
    pub host: Option<String>,
    /// Signed with the request.
    pub headers: Vec<(String, String)>,
    /// Sent, not signed: whole lines with their ends.
    pub unsigned_lines: String,
    pub payload: String,
    pub body: Vec<u8>,
}

/// The signature of a request, for what follows in its body.
#[derive(Clone, Debug)]
pub struct Seed {
    pub time: String,
    pub scope: String,
    pub signature: String,
    pub key: Vec<u8>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// The text of `<Code>`.
    pub fn code(&self) -> &str {
        let inner = self.body.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
        inner.map_or("", |(code, _)| code)
    }
}

impl RawRequest {
    pub fn new(method: &'static str, path: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            host: None,
            headers: Vec::new(),
            unsigned_lines: String::new(),
            payload: "UNSIGNED-PAYLOAD".to_owned(),
            body: Vec::new(),
        }
    }

    pub fn host(mut self, host: &str) -> Self {
        self.host = Some(host.to_owned());
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn line(mut self, line: &str) -> Self {
        self.unsigned_lines.push_str(line);
        self
    }

    pub fn body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self.line(&format!("Content-Length: {}\r\n", body.len()))
    }

    /// The head with its signature.
    pub fn signed_head(&self, server: &Server) -> (String, Seed) {
        let now = OffsetDateTime::now_utc();
        let time = now.format(format_description!("[year][month][day]T[hour][minute][second]Z")).unwrap();
        let date = &time[..8];
        let mut headers = vec![
            ("host".to_owned(), self.host.clone().unwrap_or_else(|| server.authority())),
            ("x-amz-content-sha256".to_owned(), self.payload.clone()),
            ("x-amz-date".to_owned(), time.clone()),
        ];
        headers.extend(self.headers.iter().cloned());
        headers.sort();
        let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(";");
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let canonical = format!("{}\n{}\n\n{lines}\n{names}\n{}", self.method, self.path, self.payload);
        let scope = format!("{date}/us-east-1/s3/aws4_request");
        let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", sha256_hex(canonical.as_bytes()));
        let first = format!("AWS4{}", server.secret_key());
        let parts = [date, "us-east-1", "s3", "aws4_request"];
        let key = parts.iter().fold(first.into_bytes(), |key, part| hmac_sha256(&key, part));
        let signature = const_hex::encode(hmac_sha256(&key, &to_sign));
        let credential = format!("{}/{scope}", server.access_key());
        let sent: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!(
            "{} {} HTTP/1.1\r\n{sent}authorization: AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, \
             Signature={signature}\r\n{}\r\n",
            self.method, self.path, self.unsigned_lines
        );
        (head, Seed { time, scope, signature, key })
    }

    /// Sends the request on a connection of its own and reads the answer.
    pub fn send(&self, server: &Server) -> Answer {
        let (head, _) = self.signed_head(server);
        exchange(server, &[head.as_bytes(), &self.body].concat())
    }
}

impl Seed {
    /// The signature of the next chunk, which becomes the seed.
    pub fn sign_chunk(&mut self, chunk: &[u8]) -> String {
        let to_sign = format!(
            "AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{}\n{}\n{}",
            self.time,
            self.scope,
            self.signature,
            sha256_hex(b""),
            sha256_hex(chunk)
        );
        self.signature = const_hex::encode(hmac_sha256(&self.key, &to_sign));
        self.signature.clone()
    }
}

pub fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.authority()).unwrap();
    stream.set_read_timeout(Some(ANSWER_TIMEOUT)).unwrap();
    stream
}

pub fn exchange(server: &Server, bytes: &[u8]) -> Answer {
    let mut stream = connect(server);
    stream.write_all(bytes).unwrap();
    read_answer(&mut stream)
}

/// Reads one answer with a body of known length.
pub fn read_answer(stream: &mut impl Read) -> Answer {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "the connection ended inside a head");
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.trim().parse().unwrap())];
    stream.read_exact(&mut body).unwrap();
    Answer { status, head, body: String::from_utf8(body).unwrap() }
}

/// Whether the server closes the connection and sends nothing more.
pub fn is_closed(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0]), Ok(0))
}

fn sha256_hex(bytes: &[u8]) -> String {
    const_hex::encode(Sha256::digest(bytes))
}

fn hmac_sha256(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}
