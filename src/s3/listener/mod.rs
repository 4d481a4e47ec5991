//! The S3 address, and that of websites: accepts connections, bounds their number and their time, serves HTTP/1.1 over TCP or TLS, and lets
//! requests end when the process stops.

mod connection;
mod connection_io;
#[cfg(any(test, fuzzing))]
pub(super) mod fuzzing;
mod strict_head;
mod tls;

pub use tls::{TlsError, TlsIdentity};

use super::{
    S3Settings, body::BodyRules, refused_head::RefusedHead, response::Response, service::S3Service, stats::S3Stats,
};
use crate::runtime::Shutdown;
use bytes::Bytes;
use connection_io::ConnectionLimits;
use http::Request;
use hyper::{body::Incoming, service::service_fn};
use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};

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

/// What answers at an address.
pub trait Door: Clone + Send + Sync + 'static {
    /// Always answers.
    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = Response> + Send;
    /// The whole answer to a request that was refused before it became one.
    fn answer_refused_head(&self, refused: RefusedHead) -> Bytes;
    fn body_rules(&self) -> &Arc<BodyRules>;
    fn stats(&self) -> &S3Stats;
}

impl Door for S3Service {
    async fn answer(&self, request: Request<Incoming>) -> Response {
        S3Service::answer(self, request).await
    }

    fn answer_refused_head(&self, refused: RefusedHead) -> Bytes {
        S3Service::answer_refused_head(self, refused)
    }

    fn body_rules(&self) -> &Arc<BodyRules> {
        S3Service::body_rules(self)
    }

    fn stats(&self) -> &S3Stats {
        S3Service::stats(self)
    }
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
    pub async fn serve<D: Door>(self, service: D, shutdown: Shutdown) {
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

    fn begin<D: Door>(&self, stream: TcpStream, place: OwnedSemaphorePermit, service: D, shutdown: &Shutdown) {
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

async fn serve_connection<S, D>(stream: S, limits: ConnectionLimits, service: &D, stop: &Shutdown)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    D: Door,
{
    // hyper keeps room for the answer's future in every connection, idle ones too: boxed, that room is a pointer.
    let answer = service_fn(|request| Box::pin(async { Ok(service.answer(request).await) }));
    let refuse = |refused| service.answer_refused_head(refused);
    connection::serve(stream, limits, service.body_rules().clone(), answer, refuse, stop).await;
}
