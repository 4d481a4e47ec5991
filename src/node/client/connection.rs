//! One connection to a node: the hello, then one exchange after the other.

use super::RemoteParts;
use crate::{
    node::{
        NodeError,
        authentication::{AuthenticationError, ClusterSecret, Hello, HelloAnswer, Proof, Responder, Session},
        protocol::{
            ANSWER_HEAD_MAX_BYTES, CHUNK_LENGTH_MAX, HELLO_LENGTH_MAX_BYTES, REQUEST_ID_HEADER,
            body::{BodyReader, FrameBody},
            route::Route,
        },
    },
    runtime::{Random, RequestScope},
    types::{ClusterId, NodeId, Term},
};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, Uri, header};
use hyper::{
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use socket2::{SockRef, TcpKeepalive};
use std::{fmt::Display, io, time::Duration};
use tokio::{net::TcpStream, task::JoinHandle};

/// After so long without a byte the peer is asked whether it is there, so often, so many times.
const IDLE: Duration = Duration::from_secs(10);
const PROBE_INTERVAL: Duration = Duration::from_secs(5);
const PROBES: u32 = 3;

/// What a call sends.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub(super) route: Route,
    pub(super) term: Term,
    pub(super) head: Bytes,
    /// A chunk's bytes, or nothing.
    pub(super) pieces: Vec<Bytes>,
}

/// What came back; its proof was right.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: Bytes,
    /// A chunk's blocks, or nothing.
    pub(super) data: Bytes,
}

/// An authenticated connection. After a failed or abandoned exchange it must not be used again: nobody knows what the
/// other side read. Dropping it closes it.
pub(super) struct Connection {
    sender: SendRequest<FrameBody>,
    session: Session,
    host: HeaderValue,
    driver: Driver,
}

/// The task that moves the connection's bytes; it ends with the connection.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A machine that has lost power, or a firewall that forgot the connection, says nothing: a pull would wait for as long as it may
/// take. So the system asks an idle peer, and gives up on one that does not confirm what it was sent.
fn notice_a_dead_peer(stream: &TcpStream) -> io::Result<()> {
    let socket = SockRef::from(stream);
    let asked = TcpKeepalive::new().with_time(IDLE).with_interval(PROBE_INTERVAL).with_retries(PROBES);
    socket.set_tcp_keepalive(&asked)?;
    socket.set_tcp_user_timeout(Some(IDLE + PROBE_INTERVAL * PROBES))
}

/// A connection on which nothing was said yet.
struct Line {
    sender: SendRequest<FrameBody>,
    host: HeaderValue,
    driver: Driver,
}

impl Line {
    async fn open(address: &str) -> Result<Self, NodeError> {
        let stream = TcpStream::connect(address).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        notice_a_dead_peer(&stream).map_err(unreachable)?;
        let (sender, connection) =
            http1::Builder::new().writev(true).handshake(TokioIo::new(stream)).await.map_err(unreachable)?;
        let driver = Driver(tokio::spawn(async move {
            // Its end is seen by whoever sends next; an error in it is reported there.
            let _ = connection.await;
        }));
        Ok(Self { sender, host: HeaderValue::from_str(address).map_err(unreachable)?, driver })
    }
}

/// Which node answers at the address, and of which cluster it is; both are proven. The caller sets the deadline.
pub(super) async fn ask_who(
    address: &str,
    secret: &ClusterSecret,
    random: &dyn Random,
) -> Result<(NodeId, ClusterId), NodeError> {
    let mut line = Line::open(address).await?;
    let (hello, answer) = say_hello(&mut line, random).await?;
    let refused = |reason: &str| NodeError::Refused(reason.to_owned());
    hello.accept(&answer, secret, None, answer.responder).map_err(|error| refused(&error.to_string()))?;
    match answer.responder {
        Responder::Node(node) => Ok((node, answer.cluster)),
        Responder::Gateway => Err(refused("a gateway answers there, not a node")),
    }
}

impl Connection {
    /// Connects and proves both sides to each other. The caller sets the deadline.
    pub(super) async fn open(address: &str, node: NodeId, parts: &RemoteParts) -> Result<Self, NodeError> {
        let mut line = Line::open(address).await?;
        let (hello, answer) = say_hello(&mut line, &*parts.random).await?;
        let session = hello
            .accept(&answer, &parts.secret, Some(parts.cluster), Responder::Node(node))
            .map_err(|error| NodeError::Refused(error.to_string()))?;
        let Line { sender, host, driver } = line;
        Ok(Self { sender, session, host, driver })
    }

    /// Whether another exchange can be tried.
    pub(super) fn is_open(&self) -> bool {
        !self.sender.is_closed() && !self.driver.0.is_finished()
    }

    /// Sends a request and reads its answer. The caller sets the deadline, and drops the connection after an error.
    pub(super) async fn exchange(&mut self, outgoing: Outgoing) -> Result<Answer, NodeError> {
        let request = self.seal(outgoing)?;
        self.sender.ready().await.map_err(unreachable)?;
        let response = self.sender.send_request(request).await.map_err(unreachable)?;
        self.open_answer(response).await
    }

    fn seal(&mut self, outgoing: Outgoing) -> Result<Request<FrameBody>, NodeError> {
        let (method, path) = (outgoing.route.method(), outgoing.route.to_path());
        let body = FrameBody::new(outgoing.head.clone(), outgoing.pieces);
        let proof = self.session.seal_request(outgoing.term, method, &path, &outgoing.head, body.length());
        // Set one by one: a builder moves the whole request with every field.
        let mut request = Request::new(body);
        *request.method_mut() = Method::from_bytes(method.as_bytes()).map_err(unreachable)?;
        *request.uri_mut() = Uri::try_from(path).map_err(unreachable)?;
        let headers = request.headers_mut();
        headers.insert(header::HOST, self.host.clone());
        headers.insert(Proof::HEADER, HeaderValue::try_from(proof.to_text()).map_err(unreachable)?);
        if let Some(id) = RequestScope::current_id() {
            headers.insert(REQUEST_ID_HEADER, HeaderValue::from_str(id.as_str()).map_err(unreachable)?);
        }
        Ok(request)
    }

    async fn open_answer(&self, response: Response<Incoming>) -> Result<Answer, NodeError> {
        let status = response.status().as_u16();
        let proof: Proof = response
            .headers()
            .get(Proof::HEADER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .ok_or_else(|| unreachable(AuthenticationError::NoProof))?;
        let mut body = BodyReader::new(response.into_body()).map_err(unreachable)?;
        let body_length = body.remaining();
        let data_length = body_length.checked_sub(u64::from(proof.head_length));
        let data_length = data_length.filter(|length| *length <= u64::from(CHUNK_LENGTH_MAX));
        let (true, Some(data_length)) = (proof.head_length <= ANSWER_HEAD_MAX_BYTES, data_length) else {
            return Err(unreachable("an answer of a length that none has"));
        };
        let head = body.take_contiguous(proof.head_length as usize).await.map_err(unreachable)?;
        self.session.open_answer(&proof, status, &head, body_length).map_err(unreachable)?;
        let data = body.take_contiguous(data_length as usize).await.map_err(unreachable)?;
        Ok(Answer { status, head, data })
    }
}

/// Nothing of the answer is believed yet.
async fn say_hello(line: &mut Line, random: &dyn Random) -> Result<(Hello, HelloAnswer), NodeError> {
    let hello = Hello::new(random);
    let body = serde_json::to_vec(&hello).map_err(unreachable)?;
    let request = Request::builder()
        .method(Route::Hello.method())
        .uri(Route::Hello.to_string())
        .header(header::HOST, &line.host)
        .body(FrameBody::new(body.into(), []))
        .map_err(unreachable)?;
    let response = line.sender.send_request(request).await.map_err(unreachable)?;
    let status = response.status();
    let mut body = BodyReader::new(response.into_body()).map_err(unreachable)?;
    let length = body.remaining();
    if !status.is_success() || length > HELLO_LENGTH_MAX_BYTES as u64 {
        return Err(unreachable(format_args!("the hello was answered with status {status}")));
    }
    let bytes = body.take_contiguous(length as usize).await.map_err(unreachable)?;
    Ok((hello, serde_json::from_slice(&bytes).map_err(unreachable)?))
}

/// Nothing that could be believed came back.
pub(super) fn unreachable(reason: impl Display) -> NodeError {
    NodeError::Unreachable(reason.to_string())
}
