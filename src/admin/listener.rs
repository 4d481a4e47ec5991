//! The listener of the admin address: HTTP/1.1, bounded in connections and in how long a head may take. Who loses his place
//! to a newcomer is told by `places`.

use super::places::{Place, Places};
use crate::runtime::Shutdown;
use axum::Router;
use hyper::{Request, body::Incoming, server::conn::http1, service::Service};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};

/// Connections at a time: many more than nodes begin a heartbeat within `PATIENCE`.
const CONNECTIONS_MAX: usize = 1100;

/// A request of somebody who means it comes sooner behind his connection, also over a slow link.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long the head of a request may take: a slow link, not a client that only holds the connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);

/// Pause after a failed accept: without descriptors the next one fails as well.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until the shutdown begins; requests under way are finished.
pub async fn serve(listener: TcpListener, router: Router, shutdown: Shutdown) {
    serve_within(Places::new(CONNECTIONS_MAX, PATIENCE), listener, router, shutdown).await;
}

pub(super) async fn serve_within(places: Arc<Places>, listener: TcpListener, router: Router, shutdown: Shutdown) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.cancelled() => return,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection on the admin address");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let place = tokio::select! {
            place = places.enter() => place,
            () = shutdown.cancelled() => return,
        };
        shutdown.spawn(serve_connection(stream, router.clone(), Arc::new(place), shutdown.clone()));
    }
}

async fn serve_connection(stream: TcpStream, router: Router, place: Arc<Place>, shutdown: Shutdown) {
    let service = Watched { router: TowerToHyperService::new(router), place: Arc::clone(&place) };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = place.sent_away() => return,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // A client that went away in the middle: nothing to do about it.
        tracing::debug!(%error, "a connection on the admin address ended badly");
    }
}

/// The router, with each request a sign of life of its connection's holder.
struct Watched {
    router: TowerToHyperService<Router>,
    place: Arc<Place>,
}

impl Service<Request<Incoming>> for Watched {
    type Response = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Response;
    type Error = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Error;
    type Future = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        self.place.heard();
        request.extensions_mut().insert(Arc::clone(&self.place));
        self.router.call(request)
    }
}
