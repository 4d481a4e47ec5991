//! The S3 address: accepts connections, bounds their number and their time, serves HTTP/1.1 over TCP or TLS, and lets
//! requests end when the process stops.

mod connection_io;
mod exchanges;
mod strict_head;
mod tls;

pub use tls::{TlsError, TlsIdentity};

use super::{S3Settings, head_rules::HEADERS_MAX, service::S3Service};
use crate::runtime::Shutdown;
use connection_io::{ConnectionIo, ConnectionLimits};
use exchanges::Answered;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{convert::Infallible, future::poll_fn, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};

/// hyper's buffer of one connection: bounds the head of a request, and how much of a body is read at a time. A connection
/// that once received a large body keeps a buffer of this size, idle or stalled; larger ones made no upload cheaper
/// (docs/performance.md, "Memory").
const BUFFER_MAX_BYTES: usize = 64 << 10;

/// What a client still sends of a request whose head was refused is read and forgotten, up to so much and so long: bytes that
/// nobody reads when the connection closes would take the answer with them.
const LINGER_MAX_BYTES: u64 = 1 << 20;
const LINGER_MAX: Duration = Duration::from_secs(2);

/// Pause after `accept` failed for a reason that passes (no descriptors left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound address.
#[derive(Debug)]
pub struct S3Listener {
    listener: TcpListener,
    tls: Option<TlsIdentity>,
    limits: ConnectionLimits,
    places: Arc<Semaphore>,
}

#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("can't listen on {address}: {error}")]
    Bind { address: SocketAddr, error: io::Error },
}

impl S3Listener {
    /// With an identity, what comes there is TLS.
    pub async fn bind(
        address: SocketAddr,
        tls: Option<TlsIdentity>,
        settings: &S3Settings,
    ) -> Result<Self, ListenError> {
        let listener = TcpListener::bind(address).await.map_err(|error| ListenError::Bind { address, error })?;
        let limits =
            ConnectionLimits { header_timeout: settings.header_timeout.0, idle_timeout: settings.idle_timeout.0 };
        Ok(Self { listener, tls, limits, places: Arc::new(Semaphore::new(settings.connections as usize)) })
    }

    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until the shutdown begins; connections are tasks of `shutdown`, which waits for them.
    pub async fn serve(self, service: S3Service, shutdown: Shutdown) {
        loop {
            let place = self.places.clone().acquire_owned();
            let accepted = async { (place.await, self.listener.accept().await) };
            let (place, accepted) = tokio::select! {
                () = shutdown.cancelled() => return,
                accepted = accepted => accepted,
            };
            let Ok(place) = place else { return };
            match accepted {
                Ok((stream, _)) => self.begin(stream, place, service.clone(), &shutdown),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn begin(&self, stream: TcpStream, place: OwnedSemaphorePermit, service: S3Service, shutdown: &Shutdown) {
        // Without it a small answer may wait 40 ms for the client's delayed acknowledgement.
        let _ = stream.set_nodelay(true);
        let (tls, limits, stop) = (self.tls.clone(), self.limits, shutdown.clone());
        shutdown.spawn(async move {
            service.stats().connection_began();
            match tls {
                None => serve_connection(stream, limits, &service, &stop).await,
                Some(tls) => {
                    let handshake = tls.acceptor().accept(stream);
                    match tokio::time::timeout(limits.header_timeout, handshake).await {
                        Ok(Ok(stream)) => serve_connection(stream, limits, &service, &stop).await,
                        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                        Err(_) => tracing::debug!("a TLS handshake took too long"),
                    }
                }
            }
            service.stats().connection_ended();
            drop(place);
        });
    }
}

async fn serve_connection<S>(stream: S, limits: ConnectionLimits, service: &S3Service, stop: &Shutdown)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let answered = Answered::default();
    let io = TokioIo::new(ConnectionIo::new(stream, limits, service.body_rules().clone(), answered.clone()));
    // hyper keeps room for the answer's future in every connection, idle ones too: boxed, that room is a pointer.
    let answered = &answered;
    let answer = service_fn(move |request| {
        Box::pin(async move { Ok::<_, Infallible>(service.answer(request).await.map(|body| answered.body(body))) })
    });
    let mut connection = http1::Builder::new()
        .max_buf_size(BUFFER_MAX_BYTES)
        .max_headers(HEADERS_MAX)
        // The head's time is bounded by ConnectionIo, which tells a head that has begun from an idle connection.
        .header_read_timeout(None)
        .serve_connection(io, answer);
    // The stream is shut down below, after the answer to a head that hyper did not see.
    let result = tokio::select! {
        result = poll_fn(|cx| connection.poll_without_shutdown(cx)) => result,
        () = stop.cancelled() => {
            std::pin::Pin::new(&mut connection).graceful_shutdown();
            poll_fn(|cx| connection.poll_without_shutdown(cx)).await
        }
    };
    let io = connection.into_parts().io.into_inner();
    let ending = async {
        match (io.refused(), result) {
            (Some(refused), _) => say_and_linger(io.into_stream(), &service.answer_refused_head(refused)).await,
            // That the client is gone meanwhile is no news.
            (None, Ok(())) => drop(io.into_stream().shutdown().await),
            (None, Err(error)) => tracing::debug!(%error, "a connection ended early"),
        }
    };
    if tokio::time::timeout(LINGER_MAX, ending).await.is_err() {
        tracing::debug!("a client did not let its connection be closed");
    }
}

/// That the client is gone meanwhile is no news.
async fn say_and_linger<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, answer: &[u8]) {
    if stream.write_all(answer).await.is_ok() && stream.shutdown().await.is_ok() {
        let _ = tokio::io::copy(&mut stream.take(LINGER_MAX_BYTES), &mut tokio::io::sink()).await;
    }
}
