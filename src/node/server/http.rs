//! The listener of a node process: serves the node to gateways and peers that prove the cluster secret.

use super::{
    chunk_memory::ChunkMemory,
    connection::{PeerConnection, STRANGERS_HEADS_MAX, Serving},
    service::NodeService,
    write_deadline::WriteDeadline,
};
use crate::{
    node::{ClusterSecret, NodeSettings},
    runtime::{Random, Shutdown},
};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};

/// Who has not proven the secret by then is turned away: a handshake takes one round trip.
const STRANGER_TIMEOUT: Duration = Duration::from_secs(5);

/// Bound of a request's line and headers, and of the read buffer: a request has a few hundred bytes of headers.
const BUFFER_LENGTH_MAX_BYTES: usize = 128 * 1024;

/// A request of ours has four headers; other senders are strangers.
const HEADERS_MAX: usize = 16;

/// After a failed accept, such as when descriptors ran out: soon enough, and not a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

pub struct ServeParts {
    pub service: NodeService,
    pub secret: ClusterSecret,
    pub settings: Arc<NodeSettings>,
    pub random: Arc<dyn Random>,
}

/// Serves until the shutdown begins. Connections with a request under way then end after its answer; `Shutdown::drained`
/// waits for them.
pub async fn serve(listener: TcpListener, parts: ServeParts, shutdown: Shutdown) {
    let settings = parts.settings;
    let serving = Arc::new(Serving {
        service: parts.service,
        secret: parts.secret,
        random: parts.random,
        body_timeout: settings.node_request_timeout.0,
        receive_memory: ChunkMemory::new(settings.node_receive_memory),
        send_memory: ChunkMemory::new(settings.node_send_memory),
        buffers: Arc::default(),
        strangers_heads: Semaphore::new(STRANGERS_HEADS_MAX),
    });
    // Longer than a client keeps it, so that it is the client who ends it, not we in the middle of its next request.
    let idle_timeout = settings.node_idle_timeout.0.saturating_mul(2);
    let places = Arc::new(Semaphore::new(settings.node_listen_connections as usize));
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => return,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((stream, place)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (serving, ending) = (Arc::clone(&serving), shutdown.clone());
        shutdown.spawn(async move {
            serve_connection(stream, serving, idle_timeout, ending).await;
            drop(place);
        });
    }
}

/// The next connection, when there is a place for it.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, place)),
        Err(error) => {
            tracing::warn!(%error, "a connection to the node could not be accepted");
            None
        }
    }
}

async fn serve_connection(stream: TcpStream, serving: Arc<Serving>, idle_timeout: Duration, shutdown: Shutdown) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection to the node ended at once");
        return;
    }
    let write_patience = serving.body_timeout;
    let peer = Arc::new(PeerConnection::new(serving));
    let handler = service_fn({
        let peer = Arc::clone(&peer);
        move |request| {
            let peer = Arc::clone(&peer);
            async move { Ok::<_, Infallible>(peer.handle(request).await) }
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle_timeout)
        .auto_date_header(false)
        .max_buf_size(BUFFER_LENGTH_MAX_BYTES)
        .max_headers(HEADERS_MAX)
        .writev(true)
        .serve_connection(TokioIo::new(WriteDeadline::new(stream, write_patience)), handler);
    let mut connection = pin!(connection);
    let mut stranger_timeout = pin!(sleep(STRANGER_TIMEOUT));
    let (mut is_known, mut is_ending) = (false, false);
    loop {
        tokio::select! {
            // An error here is the peer's hanging up, or bytes that are no HTTP.
            _ended = &mut connection => return,
            () = &mut stranger_timeout, if !is_known => {
                if !peer.is_proven() {
                    return;
                }
                is_known = true;
            }
            () = shutdown.cancelled(), if !is_ending => {
                connection.as_mut().graceful_shutdown();
                is_ending = true;
            }
        }
    }
}
