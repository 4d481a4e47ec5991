//! One peer's connection: who it is, and one request after the other.

use super::{
    chunk_memory::{ChunkMemory, HeldMemory},
    dispatch::{Believed, Reply, dispatch},
    service::NodeService,
};
use crate::{
    node::{
        NodeApi, NodeError,
        authentication::{AuthenticationError, ClusterSecret, Hello, Proof, Responder, Session},
        protocol::{
            CHUNK_LENGTH_MAX, HELLO_LENGTH_MAX_BYTES, REQUEST_HEAD_MAX_BYTES, REQUEST_ID_HEADER,
            body::{BodyError, BodyReader, FrameBody},
            chunk_batch,
            chunk_head::PutHead,
            documents::to_json,
            route::Route,
        },
    },
    runtime::{PIECE_LENGTH_BYTES, PiecePool, Random, RequestScope},
    types::{BLOCK_LENGTH, RequestId, Term},
};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header, request};
use hyper::body::Incoming;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::Semaphore, time::timeout};

/// The one thing that is answered to strangers: see `live`.
const LIVE_PATH: &str = "/health/live";

/// What all connections to a node share.
pub(super) struct Serving {
    pub(super) service: NodeService,
    pub(super) secret: ClusterSecret,
    pub(super) random: Arc<dyn Random>,
    /// Deadline for a request's body to arrive.
    pub(super) body_timeout: Duration,
    /// For chunks from their arrival until they are durable.
    pub(super) receive_memory: ChunkMemory,
    /// For blocks from their reading until they were sent.
    pub(super) send_memory: ChunkMemory,
    /// Where big chunks are received into.
    pub(super) buffers: Arc<PiecePool>,
    /// For long heads of who has not proven the secret yet: anybody can begin to send one, and none is judged before it is
    /// whole.
    pub(super) strangers_heads: Semaphore,
}

/// Long heads of strangers that are received at a time: 4 MiB of memory.
pub(super) const STRANGERS_HEADS_MAX: usize = 16;

/// Heads up to this length are received from everybody: a connection's own buffer is longer.
const STRANGERS_HEAD_BYTES: u32 = 4096;

/// A connection. Nothing is done for it but the hello until it has proven the secret.
pub(super) struct PeerConnection {
    serving: Arc<Serving>,
    session: Mutex<Option<Session>>,
}

/// Why a request gets no proven answer: the sender is a stranger, or may be one.
#[derive(Debug, thiserror::Error)]
enum Stranger {
    #[error(transparent)]
    Unproven(#[from] AuthenticationError),
    #[error(transparent)]
    Unreadable(#[from] BodyError),
    #[error("no such request")]
    UnknownRequest,
    #[error("the request did not arrive in time")]
    TooSlow,
}

/// A request whose head was believed; a chunk's bytes are still on the way.
struct Opened {
    route: Route,
    counter: u64,
    term: Term,
    head: Bytes,
    body: BodyReader<Incoming>,
}

impl PeerConnection {
    pub(super) fn new(serving: Arc<Serving>) -> Self {
        Self { serving, session: Mutex::new(None) }
    }

    /// Whether the peer has proven the secret.
    pub(super) fn is_proven(&self) -> bool {
        self.session().as_ref().is_some_and(Session::is_proven)
    }

    /// Cancelled when the peer hangs up; what was begun then is as after a cancelled call of the service.
    pub(super) async fn handle(&self, request: Request<Incoming>) -> Response<FrameBody> {
        match request_id(&request) {
            Some(id) => RequestScope::new(id).run(self.respond(request)).await,
            None => self.respond(request).await,
        }
    }

    async fn respond(&self, request: Request<Incoming>) -> Response<FrameBody> {
        if request.method() == Method::GET && request.uri() == LIVE_PATH {
            return live();
        }
        let answered = self.answer(request).await;
        answered.unwrap_or_else(|stranger| {
            tracing::debug!(error = %stranger, "a request to the node was not believed");
            refusal(stranger.status())
        })
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<FrameBody>, Stranger> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
        let route = Route::parse(parts.method.as_str(), path).ok_or(Stranger::UnknownRequest)?;
        let body = BodyReader::new(body)?;
        let deadline = self.serving.body_timeout;
        if route == Route::Hello {
            return timeout(deadline, self.hello(body)).await.map_err(|_| Stranger::TooSlow)?;
        }
        let opening = self.open(route, &parts, path, body);
        let opened = timeout(deadline, opening).await.map_err(|_| Stranger::TooSlow)??;
        let counter = opened.counter;
        let (reply, memory) = self.work(opened).await;
        tracing::debug!(%route, status = reply.status, "answered");
        self.seal(counter, reply, memory)
    }

    /// The first request of a connection: both sides' nonces, and this side's proof.
    async fn hello(&self, mut body: BodyReader<Incoming>) -> Result<Response<FrameBody>, Stranger> {
        let length = usize::try_from(body.remaining()).unwrap_or(usize::MAX);
        if length > HELLO_LENGTH_MAX_BYTES {
            return Err(BodyError::TooLong.into());
        }
        let bytes = body.take_contiguous(length).await?;
        let hello: Hello = serde_json::from_slice(&bytes).map_err(|_| Stranger::UnknownRequest)?;
        let Serving { service, secret, random, .. } = &*self.serving;
        let responder = Responder::Node(service.id());
        let (answer, session) = hello.answer(secret, service.cluster(), responder, &**random);
        match &mut *self.session() {
            // A second hello would begin the counters anew.
            Some(_) => return Err(AuthenticationError::WrongCounter.into()),
            none => *none = Some(session),
        }
        Ok(Response::new(FrameBody::new(to_json(&answer).into(), [])))
    }

    /// Reads the head and checks the proof over it.
    async fn open(
        &self,
        route: Route,
        parts: &request::Parts,
        path: &str,
        mut body: BodyReader<Incoming>,
    ) -> Result<Opened, Stranger> {
        let header = parts.headers.get(Proof::HEADER).and_then(|value| value.to_str().ok());
        let proof: Proof = header.and_then(|text| text.parse().ok()).ok_or(AuthenticationError::NoProof)?;
        if proof.head_length > REQUEST_HEAD_MAX_BYTES || self.session().is_none() {
            return Err(AuthenticationError::NoSession.into());
        }
        let body_length = body.remaining();
        let _place = match proof.head_length > STRANGERS_HEAD_BYTES && !self.is_proven() {
            true => self.serving.strangers_heads.acquire().await.ok(),
            false => None,
        };
        let head = body.take_contiguous(proof.head_length as usize).await?;
        let mut session = self.session();
        let session = session.as_mut().ok_or(AuthenticationError::NoSession)?;
        session.open_request(&proof, route.method(), path, &head, body_length)?;
        Ok(Opened { route, counter: proof.counter, term: proof.term, head, body })
    }

    /// Receives what is still to come, and has the service do what is asked. The memory is that of the reply.
    async fn work(&self, opened: Opened) -> (Reply, Option<HeldMemory>) {
        let Opened { route, term, head, body, .. } = opened;
        let receiving = timeout(self.serving.body_timeout, self.receive(route, &head, body));
        let late = NodeError::Unreachable("the node has no memory free, or the chunk came too slowly".to_owned());
        let (pieces, mut memory) = match receiving.await.unwrap_or(Err(late)) {
            Ok(received) => received,
            Err(error) => return (Reply::error(&error), None),
        };
        let reply = dispatch(&self.serving.service, Believed { route, term, head, pieces }).await;
        if let Some(memory) = &mut memory {
            memory.shrink_to(reply.data.len());
        }
        (reply, memory)
    }

    /// Takes the memory for a chunk on its way in or out, and receives the bytes behind the head: those of a chunk that
    /// is put, none with other requests.
    async fn receive(
        &self,
        route: Route,
        head: &[u8],
        mut body: BodyReader<Incoming>,
    ) -> Result<(Vec<Bytes>, Option<HeldMemory>), NodeError> {
        let refused = |reason: &str| NodeError::Refused(reason.to_owned());
        let (length, memory) = match route {
            Route::PutChunk(_) => {
                let head = PutHead::decode(head).ok_or_else(|| refused("the chunk's head can't be read"))?;
                (head.length, Some(self.serving.receive_memory.take(head.length).await?))
            }
            Route::PutChunks => return self.receive_batch(head, body).await,
            Route::GetChunk { block_count, .. } => {
                let length_max = block_count.saturating_mul(BLOCK_LENGTH).min(CHUNK_LENGTH_MAX);
                (0, Some(self.serving.send_memory.take(length_max).await?))
            }
            _ => (0, None),
        };
        if body.remaining() != u64::from(length) {
            return Err(refused("the body is not as long as its head says"));
        }
        let length = length as usize;
        let pieces = match length >= PIECE_LENGTH_BYTES {
            true => body.take_aligned(length, &self.serving.buffers).await,
            false => body.take_pieces(length).await,
        };
        Ok((pieces.map_err(|error| NodeError::Unreachable(error.to_string()))?, memory))
    }

    /// Several small chunks, each as one piece.
    async fn receive_batch(
        &self,
        head: &[u8],
        mut body: BodyReader<Incoming>,
    ) -> Result<(Vec<Bytes>, Option<HeldMemory>), NodeError> {
        let refused = |reason: &str| NodeError::Refused(reason.to_owned());
        let entries = chunk_batch::decode(head).ok_or_else(|| refused("the chunks' heads can't be read"))?;
        let length = entries.iter().map(|entry| entry.head.length).sum();
        let memory = self.serving.receive_memory.take(length).await?;
        if body.remaining() != u64::from(length) {
            return Err(refused("the body is not as long as its head says"));
        }
        let mut chunks = Vec::with_capacity(entries.len());
        for entry in &entries {
            let chunk = body.take_contiguous(entry.head.length as usize).await;
            chunks.push(chunk.map_err(|error| NodeError::Unreachable(error.to_string()))?);
        }
        Ok((chunks, Some(memory)))
    }

    fn seal(&self, counter: u64, reply: Reply, memory: Option<HeldMemory>) -> Result<Response<FrameBody>, Stranger> {
        let body = FrameBody::new(reply.head.clone(), [reply.data]);
        let body = body.holding(memory.map(HeldMemory::into_permit));
        let term = self.serving.service.term();
        let proof = {
            let session = self.session();
            let session = session.as_ref().ok_or(AuthenticationError::NoSession)?;
            session.seal_answer(counter, term, reply.status, &reply.head, body.length()).to_text()
        };
        let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let proof = HeaderValue::try_from(proof).map_err(|_| AuthenticationError::NoProof)?;
        let mut response = Response::new(body);
        *response.status_mut() = status;
        response.headers_mut().insert(Proof::HEADER, proof);
        Ok(response)
    }

    fn session(&self) -> MutexGuard<'_, Option<Session>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stranger {
    fn status(&self) -> StatusCode {
        match self {
            Self::Unproven(_) => StatusCode::UNAUTHORIZED,
            Self::Unreadable(_) => StatusCode::BAD_REQUEST,
            Self::UnknownRequest => StatusCode::NOT_FOUND,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
        }
    }
}

/// The client's request that the peer's is made for, if it says so. No more than a word for the log.
fn request_id(request: &Request<Incoming>) -> Option<RequestId> {
    request.headers().get(REQUEST_ID_HEADER)?.to_str().ok()?.parse().ok()
}

/// For supervisors, who know no secret. Says that the process serves, and nothing else; the connection ends with it.
fn live() -> Response<FrameBody> {
    let mut response = Response::new(FrameBody::new(Bytes::from_static(b"live\n"), []));
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Says nothing but the status, and ends the connection.
fn refusal(status: StatusCode) -> Response<FrameBody> {
    let mut response = Response::new(FrameBody::default());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
