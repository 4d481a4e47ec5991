//! The node's side of the calls: a session with the gateway, kept across connections.

use super::{
    CALL_LENGTH_MAX_BYTES, HEARTBEAT_PATH, HELLO_PATH, Heartbeat, HeartbeatAnswer, REGISTER_PATH, Registration,
    RegistrationAnswer, SESSION_HEADER, door::HelloReply,
};
use crate::{
    node::{
        authentication::{AuthenticationError, ClusterSecret, Hello, Proof, Responder, Session},
        protocol::body::{BodyReader, FrameBody},
    },
    runtime::Random,
    types::{ClusterId, Term},
};
use bytes::Bytes;
use http::{Request, header};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt::Display, sync::Arc, time::Duration};
use tokio::{net::TcpStream, time::timeout};
use uuid::Uuid;

/// Why a call came to nothing. Calling again may help, except where it says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The setting is wrong: calling again does not help.
    #[error("`{0}` is no gateway address: write http://HOST:PORT, its admin address")]
    Address(String),
    /// The two sides have different secrets, or belong to different clusters.
    #[error(transparent)]
    Authentication(#[from] AuthenticationError),
    #[error("the gateway did not answer: {0}")]
    Unreachable(String),
    #[error("the gateway refused the call with status {0}")]
    Refused(u16),
}

pub struct GatewayClientParts {
    /// The gateway's admin address: `http://host:port`, or `host:port`.
    pub gateway: String,
    pub secret: ClusterSecret,
    /// `None` until the node learned its cluster.
    pub cluster: Option<ClusterId>,
    /// Deadline of one call.
    pub deadline: Duration,
    pub random: Arc<dyn Random>,
}

/// Calls to the gateway, one at a time, each on a connection of its own: there is one every few seconds.
pub struct GatewayClient {
    parts: GatewayClientParts,
    authority: String,
    session: Option<(Uuid, Session)>,
}

impl GatewayClient {
    pub fn new(parts: GatewayClientParts) -> Result<Self, CallError> {
        let authority = authority_of(&parts.gateway).ok_or_else(|| CallError::Address(parts.gateway.clone()))?;
        Ok(Self { parts, authority, session: None })
    }

    /// The gateway proves the secret and with it names the cluster, which is expected from then on.
    pub async fn learn_cluster(&mut self) -> Result<ClusterId, CallError> {
        let (id, session) = self.hello().await?;
        let cluster = session.cluster();
        self.parts.cluster = Some(cluster);
        self.session = Some((id, session));
        Ok(cluster)
    }

    /// `term`: the newest that the node has seen.
    pub async fn register(&mut self, term: Term, registration: &Registration) -> Result<RegistrationAnswer, CallError> {
        self.call(term, REGISTER_PATH, registration).await
    }

    pub async fn heartbeat(&mut self, term: Term, heartbeat: &Heartbeat) -> Result<HeartbeatAnswer, CallError> {
        self.call(term, HEARTBEAT_PATH, heartbeat).await
    }

    /// A session that the gateway forgot (it was restarted) is begun anew, once. After a failure or when the future is
    /// dropped the session is gone: its counter may have moved on one side only.
    async fn call<Answer: DeserializeOwned>(
        &mut self,
        term: Term,
        path: &str,
        document: &impl Serialize,
    ) -> Result<Answer, CallError> {
        let body = Bytes::from(serde_json::to_vec(document).map_err(unreachable)?);
        if let Some((id, session)) = self.session.take() {
            match self.call_in_session(id, session, term, path, body.clone()).await {
                Err(CallError::Refused(401)) => {}
                other => return other,
            }
        }
        let (id, session) = self.hello().await?;
        self.call_in_session(id, session, term, path, body).await
    }

    async fn call_in_session<Answer: DeserializeOwned>(
        &mut self,
        id: Uuid,
        mut session: Session,
        term: Term,
        path: &str,
        body: Bytes,
    ) -> Result<Answer, CallError> {
        let proof = session.seal_request(term, "POST", path, &body, body.len() as u64).to_string();
        let headers = [(SESSION_HEADER, id.to_string()), (Proof::HEADER, proof)];
        let (status, proof, answer) = self.post(path, &headers, body).await?;
        let Some(proof) = proof else { return Err(CallError::Refused(status)) };
        session.open_answer(&proof, status, &answer, answer.len() as u64)?;
        if status != 200 {
            return Err(CallError::Refused(status));
        }
        let answer = serde_json::from_slice(&answer).map_err(unreachable)?;
        self.session = Some((id, session));
        Ok(answer)
    }

    async fn hello(&self) -> Result<(Uuid, Session), CallError> {
        let hello = Hello::new(&*self.parts.random);
        let body = serde_json::to_vec(&hello).map_err(unreachable)?;
        let (status, _, answer) = self.post(HELLO_PATH, &[], body.into()).await?;
        if status != 200 {
            return Err(CallError::Refused(status));
        }
        let reply: HelloReply = serde_json::from_slice(&answer).map_err(unreachable)?;
        let session = hello.accept(&reply.answer, &self.parts.secret, self.parts.cluster, Responder::Gateway)?;
        Ok((reply.session, session))
    }

    async fn post(
        &self,
        path: &str,
        headers: &[(&str, String)],
        body: Bytes,
    ) -> Result<(u16, Option<Proof>, Bytes), CallError> {
        let posting = post(&self.authority, path, headers, body);
        timeout(self.parts.deadline, posting).await.map_err(|_| unreachable("no answer in time"))?
    }
}

/// `host:port` of `http://host:port`; a path, a query or another scheme is a mistake.
fn authority_of(gateway: &str) -> Option<String> {
    let rest = gateway.strip_prefix("http://").unwrap_or(gateway);
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let authority: http::uri::Authority = rest.parse().ok()?;
    (authority.port_u16().is_some() && !rest.contains('@')).then(|| rest.to_owned())
}

/// Status, proof if there is one, and body of the answer.
async fn post(
    authority: &str,
    path: &str,
    headers: &[(&str, String)],
    body: Bytes,
) -> Result<(u16, Option<Proof>, Bytes), CallError> {
    let stream = TcpStream::connect(authority).await.map_err(unreachable)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(unreachable)?;
    let mut request = Request::post(path)
        .header(header::HOST, authority)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONNECTION, "close");
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let request = request.body(FrameBody::new(body, [])).map_err(unreachable)?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(unreachable)?;
        let status = response.status().as_u16();
        let proof = response.headers().get(Proof::HEADER).and_then(|value| value.to_str().ok()?.parse().ok());
        let mut body = BodyReader::new(response.into_body()).map_err(unreachable)?;
        let length = body.remaining();
        if length > CALL_LENGTH_MAX_BYTES as u64 {
            return Err(unreachable("the answer is too long"));
        }
        Ok((status, proof, body.take_contiguous(length as usize).await.map_err(unreachable)?))
    };
    // The connection's own future moves the bytes; it lives only as long as the exchange.
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        answer = &mut exchange => answer,
        ended = connection => match ended {
            Ok(()) => exchange.await,
            Err(error) => Err(unreachable(error)),
        },
    }
}

fn unreachable(reason: impl Display) -> CallError {
    CallError::Unreachable(reason.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_address_is_a_host_and_a_port() {
        assert_eq!(authority_of("http://gateway:9001").as_deref(), Some("gateway:9001"));
        assert_eq!(authority_of("http://127.0.0.1:9001/").as_deref(), Some("127.0.0.1:9001"));
        assert_eq!(authority_of("[::1]:9001").as_deref(), Some("[::1]:9001"));
        for wrong in ["", "http://", "gateway", "https://gateway:9001", "http://gateway:9001/x", "http://a@b:1", "g:x"]
        {
            assert_eq!(authority_of(wrong), None, "{wrong}");
        }
    }
}
