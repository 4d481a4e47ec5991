//! The client of the operator's API: what `larder admin` speaks.

use super::{
    api::{
        BACKUP_PATH, BACKUP_SHA256_HEADER, CHALLENGE_PATH, CONFIRM_PATH, CreatedKey, JOBS_PATH, JobChange, JobOrder,
        JobReport, KEYS_PATH, KeyChange, KeyReport, KeyState, NODES_PATH, NewKey, NodeChange, NodeDuty, NodeReport,
        SCRUB_PATH, STATUS_PATH, ScrubReport, StatusReport,
    },
    authentication::{OperatorCredentials, SignedRequest, authorization},
    doctor::{DOCTOR_PATH, DoctorReport},
    explain::{EXPLAIN_PATH, ExplainReport, ExplainRequest},
    holdings::{HOLDINGS_PATH, HoldingsReport, HoldingsRequest},
    lifecycle::{LIFECYCLE_PREVIEW_PATH, LifecyclePreviewReport, LifecyclePreviewRequest},
    verify::{VERIFY_PATH, VerifyReport, VerifyRequest},
    what_if::{WHAT_IF_PATH, WhatIfReport, WhatIfRequest},
};
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client as HttpClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use std::{io::Write, time::Duration};

/// Longest answer that is read into memory: a report of 1000 nodes has half a megabyte.
const ANSWER_LENGTH_MAX: usize = 16 << 20;

/// How long the gateway may take to answer: a status asks the database a few things.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long an answer may take for which nodes are asked or the whole metadata is gone through.
const LONG_ANSWER_TIMEOUT: Duration = Duration::from_secs(3600);

/// How long a backup may take before its first byte: the whole database is copied and read back.
const BACKUP_TIMEOUT: Duration = Duration::from_secs(3600);

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("cannot reach the gateway at {address}: {reason}")]
    Unreachable { address: String, reason: String },
    #[error("the gateway did not answer within {0:?}")]
    TimedOut(Duration),
    /// The answer's text is the gateway's reason.
    #[error("{reason}")]
    Refused { status: StatusCode, reason: String },
    #[error("the gateway's answer is not understood: {0}")]
    Odd(String),
    #[error("cannot write the backup: {0}")]
    Write(#[from] std::io::Error),
    #[error("the backup arrived damaged: try again")]
    Damaged,
}

/// A gateway's admin address and the proof that one may use it.
#[derive(Debug)]
pub struct AdminClient {
    /// `host:port`.
    address: String,
    credentials: OperatorCredentials,
    http: HttpClient<HttpConnector, Full<Bytes>>,
}

impl AdminClient {
    pub fn new(address: String, credentials: OperatorCredentials) -> Self {
        Self { address, credentials, http: HttpClient::builder(TokioExecutor::new()).build_http() }
    }

    pub async fn status(&self) -> Result<StatusReport, ClientError> {
        self.ask(Method::GET, STATUS_PATH, &()).await
    }

    pub async fn nodes(&self) -> Result<Vec<NodeReport>, ClientError> {
        self.ask(Method::GET, NODES_PATH, &()).await
    }

    pub async fn set_node_duty(&self, name: &str, duty: NodeDuty) -> Result<(), ClientError> {
        // Before a removal all metadata is gone through, and nodes are asked, for whether it would lose anything.
        let timeout = match duty {
            NodeDuty::Removed => LONG_ANSWER_TIMEOUT,
            NodeDuty::Serving | NodeDuty::Draining => ANSWER_TIMEOUT,
        };
        self.ask_within(timeout, Method::PUT, &under(NODES_PATH, name), &NodeChange { duty }).await
    }

    pub async fn begin_scrubs(&self) -> Result<Vec<ScrubReport>, ClientError> {
        self.ask(Method::POST, SCRUB_PATH, &()).await
    }

    pub async fn scrubs(&self) -> Result<Vec<ScrubReport>, ClientError> {
        self.ask(Method::GET, SCRUB_PATH, &()).await
    }

    pub async fn begin_verification(&self, request: &VerifyRequest) -> Result<VerifyReport, ClientError> {
        self.ask(Method::POST, VERIFY_PATH, request).await
    }

    pub async fn verification(&self) -> Result<VerifyReport, ClientError> {
        self.ask(Method::GET, VERIFY_PATH, &()).await
    }

    pub async fn order_job(&self, name: &str, order: JobOrder) -> Result<(), ClientError> {
        self.ask(Method::PUT, &under(JOBS_PATH, name), &JobChange { order }).await
    }

    pub async fn jobs(&self) -> Result<Vec<JobReport>, ClientError> {
        self.ask(Method::GET, JOBS_PATH, &()).await
    }

    pub async fn keys(&self) -> Result<Vec<KeyReport>, ClientError> {
        self.ask(Method::GET, KEYS_PATH, &()).await
    }

    pub async fn create_key(&self, name: String) -> Result<CreatedKey, ClientError> {
        self.ask(Method::POST, KEYS_PATH, &NewKey { name }).await
    }

    pub async fn set_key_state(&self, access_key: &str, state: KeyState) -> Result<(), ClientError> {
        self.ask(Method::PUT, &key_path(access_key)?, &KeyChange { state }).await
    }

    pub async fn delete_key(&self, access_key: &str) -> Result<(), ClientError> {
        self.ask(Method::DELETE, &key_path(access_key)?, &()).await
    }

    pub async fn confirm_metadata(&self) -> Result<(), ClientError> {
        self.ask(Method::POST, CONFIRM_PATH, &()).await
    }

    pub async fn explain(&self, request: &ExplainRequest) -> Result<ExplainReport, ClientError> {
        self.ask_long(EXPLAIN_PATH, request).await
    }

    pub async fn what_if(&self, request: &WhatIfRequest) -> Result<WhatIfReport, ClientError> {
        self.ask_long(WHAT_IF_PATH, request).await
    }

    pub async fn preview_lifecycle(
        &self,
        request: &LifecyclePreviewRequest,
    ) -> Result<LifecyclePreviewReport, ClientError> {
        self.ask_long(LIFECYCLE_PREVIEW_PATH, request).await
    }

    pub async fn doctor(&self) -> Result<DoctorReport, ClientError> {
        self.ask_long(DOCTOR_PATH, &()).await
    }

    /// What the node lists when it is asked now.
    pub async fn holdings(&self, node: &str) -> Result<HoldingsReport, ClientError> {
        self.ask_long(HOLDINGS_PATH, &HoldingsRequest { node: node.to_owned() }).await
    }

    /// Writes a backup of the metadata to `to` and returns its length. On an error `to` holds an unusable part.
    pub async fn backup_metadata(&self, to: &mut (dyn Write + Send)) -> Result<u64, ClientError> {
        let answer = self.send(Method::POST, BACKUP_PATH, Bytes::new(), BACKUP_TIMEOUT).await?;
        let expected = answer.headers().get(BACKUP_SHA256_HEADER).map(|value| value.as_bytes().to_vec());
        let (mut hash, mut length, mut body) = (Sha256::new(), 0, answer.into_body());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| ClientError::Odd(error.to_string()))?;
            if let Ok(piece) = frame.into_data() {
                hash.update(&piece);
                length += piece.len() as u64;
                to.write_all(&piece)?;
            }
        }
        if expected.as_deref() == Some(const_hex::encode(hash.finalize()).as_bytes()) {
            Ok(length)
        } else {
            Err(ClientError::Damaged)
        }
    }

    /// Sends `body` as JSON (nothing for `()`) and reads the answer's JSON.
    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        self.ask_within(ANSWER_TIMEOUT, method, path, body).await
    }

    /// A question of which the answer may take long.
    async fn ask_long<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ClientError> {
        self.ask_within(LONG_ANSWER_TIMEOUT, Method::POST, path, body).await
    }

    async fn ask_within<T: DeserializeOwned>(
        &self,
        timeout: Duration,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| ClientError::Odd(error.to_string()))?;
        let body = if body == b"null" { Bytes::new() } else { Bytes::from(body) };
        let answer = self.send(method, path, body, timeout).await?;
        let answer = read(answer.into_body()).await?;
        serde_json::from_slice(&answer).map_err(|error| ClientError::Odd(error.to_string()))
    }

    /// Asks for a challenge, answers it with the request, and turns a refusal into an error.
    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        timeout: Duration,
    ) -> Result<http::Response<Incoming>, ClientError> {
        let challenge = self.request(Method::GET, CHALLENGE_PATH, Bytes::new(), None, ANSWER_TIMEOUT).await?;
        let nonce = read(challenge.into_body()).await?;
        let nonce = String::from_utf8(nonce.to_vec()).map_err(|error| ClientError::Odd(error.to_string()))?;
        let signed = SignedRequest { method: method.as_str(), path_and_query: path, body: &body };
        let proof = authorization(&self.credentials, &nonce, signed);
        self.request(method, path, body, Some(proof), timeout).await
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        authorization: Option<String>,
        timeout: Duration,
    ) -> Result<http::Response<Incoming>, ClientError> {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let request = request.body(Full::new(body)).map_err(|error| self.unreachable(&error))?;
        let answer = tokio::time::timeout(timeout, self.http.request(request));
        let answer = answer.await.map_err(|_| ClientError::TimedOut(timeout))?;
        let answer = answer.map_err(|error| self.unreachable(&error))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let reason = String::from_utf8_lossy(&read(answer.into_body()).await?).trim().to_owned();
        Err(ClientError::Refused { status, reason })
    }

    fn unreachable(&self, error: &(dyn std::error::Error + 'static)) -> ClientError {
        let mut innermost = error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        ClientError::Unreachable { address: self.address.clone(), reason: innermost.to_string() }
    }
}

/// The path of what has this name, whatever characters it is made of.
fn under(path: &str, name: &str) -> String {
    format!("{path}/{}", percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC))
}

/// Access keys have no characters that a path would have to escape; anything else names no key.
fn key_path(access_key: &str) -> Result<String, ClientError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if access_key.is_empty() || !access_key.chars().all(plain) {
        return Err(ClientError::Refused {
            status: StatusCode::NOT_FOUND,
            reason: format!("`{access_key}` is no access key"),
        });
    }
    Ok(format!("{KEYS_PATH}/{access_key}"))
}

async fn read(body: Incoming) -> Result<Bytes, ClientError> {
    let body = Limited::new(body, ANSWER_LENGTH_MAX).collect().await;
    body.map(|collected| collected.to_bytes()).map_err(|error| ClientError::Odd(error.to_string()))
}
