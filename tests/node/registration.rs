//! A node process makes itself known to a gateway: the door behind a plain HTTP listener, the reporter before it.

use crate::harness::{CLUSTER, NODE, Node, TERM, node_settings, remote_parts, secret, witness};
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use larder::{
    node::{
        ClusterSecret, NodeApi, NodeSettings, Peers,
        api::PeerAddress,
        authentication::Proof,
        registration::{
            Call, CallError, GatewayClient, GatewayClientParts, GatewayNews, Heartbeat, HeartbeatAnswer, Registrar,
            Registration, RegistrationAnswer, RegistrationDoor, Reporter, SESSION_HEADER,
        },
    },
    runtime::{Shutdown, SystemRandom},
    types::{HumanDuration, NodeId, Term},
};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    sync::{Mutex, mpsc},
};

/// What the gateway saw, in order.
#[derive(Debug)]
enum Seen {
    Registration(Box<Registration>),
    Heartbeat(Box<Heartbeat>),
}

/// Knows a node for three heartbeats and then forgets it.
struct Forgetful {
    seen: mpsc::UnboundedSender<Seen>,
    heartbeats: Mutex<u32>,
}

fn news() -> GatewayNews {
    let peer = PeerAddress { node: NodeId::from_bytes([9; 16]), address: Some("10.0.0.9:7000".to_owned()) };
    GatewayNews { term: Term(42), witness: Some(witness(1, 17)), peers: vec![peer] }
}

impl Registrar for Forgetful {
    fn register(&self, registration: Registration) -> BoxFuture<'_, RegistrationAnswer> {
        let _ = self.seen.send(Seen::Registration(Box::new(registration)));
        Box::pin(async { RegistrationAnswer::Welcome(news()) })
    }

    fn heartbeat(&self, heartbeat: Heartbeat) -> BoxFuture<'_, HeartbeatAnswer> {
        let _ = self.seen.send(Seen::Heartbeat(Box::new(heartbeat)));
        Box::pin(async {
            let mut heartbeats = self.heartbeats.lock().await;
            *heartbeats += 1;
            if *heartbeats == 3 { HeartbeatAnswer::Unknown } else { HeartbeatAnswer::Noted(news()) }
        })
    }

    fn term(&self) -> Term {
        Term(42)
    }
}

/// A gateway's admin listener, as far as nodes see it.
async fn gateway(shutdown: &Shutdown) -> (String, mpsc::UnboundedReceiver<Seen>) {
    let (seen, receiver) = mpsc::unbounded_channel();
    let registrar = Arc::new(Forgetful { seen, heartbeats: Mutex::new(0) });
    let door = Arc::new(RegistrationDoor::new(secret(), CLUSTER, Arc::new(SystemRandom), registrar));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let ending = shutdown.clone();
    shutdown.spawn(async move {
        loop {
            let stream = tokio::select! {
                () = ending.cancelled() => return,
                accepted = listener.accept() => accepted.unwrap().0,
            };
            let door = Arc::clone(&door);
            let handler = service_fn(move |request| {
                let door = Arc::clone(&door);
                async move { Ok::<_, Infallible>(answer(&door, request).await) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), handler));
        }
    });
    (address, receiver)
}

async fn answer(door: &RegistrationDoor, request: http::Request<Incoming>) -> http::Response<Full<bytes::Bytes>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let call =
        Call { path: parts.uri.path(), session: header(SESSION_HEADER), proof: header(Proof::HEADER), body: &body };
    let answer = door.answer(call).await;
    let mut response = http::Response::builder().status(answer.status);
    if let Some(proof) = answer.proof {
        response = response.header(Proof::HEADER, proof);
    }
    response.body(Full::from(answer.body)).unwrap()
}

fn client(gateway: &str, secret: ClusterSecret) -> GatewayClient {
    let parts = GatewayClientParts {
        gateway: gateway.to_owned(),
        secret,
        cluster: None,
        deadline: Duration::from_secs(10),
        random: Arc::new(SystemRandom),
    };
    GatewayClient::new(parts).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_registers_heartbeats_and_registers_again_when_it_was_forgotten() {
    let shutdown = Shutdown::new();
    let (gateway, mut seen) = gateway(&shutdown).await;
    let node = Node::embedded().await;
    let settings = NodeSettings { heartbeat_interval: HumanDuration::from_millis(20), ..node_settings() };
    let mut client = client(&gateway, secret());
    assert_eq!(client.learn_cluster().await, Ok(CLUSTER));
    let reporter = Reporter {
        client,
        node: Arc::clone(&node.api),
        peers: Peers::new(remote_parts(settings.clone())),
        cluster: CLUSTER,
        name: "node-1".to_owned(),
        address: "127.0.0.1:7001".to_owned(),
        zone: "a".to_owned(),
        settings: Arc::new(settings),
        random: Arc::new(SystemRandom),
    };
    let running = tokio::spawn(reporter.run(shutdown.clone()));
    for round in 0..2 {
        let Some(Seen::Registration(registration)) = seen.recv().await else { panic!("a registration comes first") };
        assert_eq!((registration.node, registration.cluster), (NODE, CLUSTER));
        assert_eq!((registration.name.as_str(), registration.zone.as_str()), ("node-1", "a"));
        assert_eq!(registration.status.volumes.len(), 1);
        // The first registration is made before anything was learned from the gateway.
        assert_eq!(registration.status.term, if round == 0 { Term(0) } else { Term(42) });
        for _ in 0..3 {
            let Some(Seen::Heartbeat(heartbeat)) = seen.recv().await else { panic!("heartbeats follow") };
            assert_eq!((heartbeat.status.term, heartbeat.status.witness), (Term(42), Some(witness(1, 17))));
        }
    }
    assert_eq!(node.service.term(), Term(42));
    shutdown.begin();
    running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_with_another_secret_is_not_believed() {
    let shutdown = Shutdown::new();
    let (gateway, _seen) = gateway(&shutdown).await;
    let other = ClusterSecret::new(b"the secret of another cluster").unwrap();
    let refused = client(&gateway, other).learn_cluster().await;
    assert!(matches!(refused, Err(CallError::Authentication(_))), "{refused:?}");
    shutdown.begin();
}

/// By this a second gateway of a cluster sees that the first one is alive.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_says_when_a_gateway_asked_how_it_is_and_nothing_else_counts_as_that() {
    let node = Node::over_http().await;
    let seen = async || node.api.reign_seen().await.unwrap();
    assert_eq!(seen().await.term, Term(0));
    // As a node does for its heartbeats, whether or not a gateway is there.
    node.service.status(TERM, None).await.unwrap();
    assert!(node.api.status(Term(TERM.0 - 1), None).await.is_err());
    assert_eq!((seen().await.term, seen().await.heard_ms), (TERM, None));
    node.api.status(TERM, None).await.unwrap();
    assert!(seen().await.heard_ms.is_some());
}
