//! The routes and the client against each other, over a real socket.

use super::{
    api::{BACKUP_PATH, KEYS_PATH, STATUS_PATH},
    client::{AdminClient, ClientError},
    listener::serve_within,
    places::Places,
    *,
};
use crate::runtime::{Metrics, Shutdown, SystemClock, SystemRandom};
use axum::http::StatusCode;
use std::{
    io::{Seek, Write},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Keeps keys in memory; the rest is constant.
#[derive(Default)]
struct Gateway {
    ready: AtomicBool,
    keys: Mutex<Vec<KeyReport>>,
}

const BACKUP: &[u8] = &[7; 600_000];

impl Readiness for Gateway {
    fn ready(&self) -> Result<(), String> {
        if self.ready.load(Ordering::Relaxed) { Ok(()) } else { Err("2 nodes of 3".into()) }
    }
}

impl NodeCalls for Gateway {
    fn body_length_max(&self) -> usize {
        100
    }

    fn answer(&self, call: NodeCall) -> futures_util::future::BoxFuture<'_, NodeCallAnswer> {
        let body = format!("{} {}", call.path, call.body.len()).into_bytes();
        Box::pin(async { NodeCallAnswer { status: 200, headers: http::HeaderMap::new(), body } })
    }
}

impl Answers for Gateway {
    fn explain(&self, request: explain::ExplainRequest) -> Answer<'_, explain::ExplainReport> {
        Box::pin(async move { Err(OperationError::NotFound(request.key)) })
    }

    fn doctor(&self) -> Answer<'_, doctor::DoctorReport> {
        Box::pin(async { Err(OperationError::Unavailable("not yet".into())) })
    }

    fn holdings(&self, request: holdings::HoldingsRequest) -> Answer<'_, holdings::HoldingsReport> {
        Box::pin(async move { Err(OperationError::NotFound(request.node)) })
    }

    fn preview_lifecycle(
        &self,
        request: lifecycle::LifecyclePreviewRequest,
    ) -> Answer<'_, lifecycle::LifecyclePreviewReport> {
        Box::pin(async move { Err(OperationError::NotFound(request.bucket)) })
    }

    fn what_if(&self, request: what_if::WhatIfRequest) -> Answer<'_, what_if::WhatIfReport> {
        Box::pin(async move { Err(OperationError::NotFound(request.down.join(","))) })
    }
}

impl Operations for Gateway {
    fn status(&self) -> Answer<'_, StatusReport> {
        Box::pin(async { Err(OperationError::Unavailable("not yet".into())) })
    }

    fn nodes(&self) -> Answer<'_, Vec<NodeReport>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn set_node_duty(&self, name: String, _: NodeDuty) -> Answer<'_, ()> {
        Box::pin(async move { Err(OperationError::NotFound(name)) })
    }

    fn order_job(&self, name: String, _: JobOrder) -> Answer<'_, ()> {
        Box::pin(async move { Err(OperationError::NotFound(name)) })
    }

    fn begin_scrubs(&self) -> Answer<'_, Vec<ScrubReport>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn scrubs(&self) -> Answer<'_, Vec<ScrubReport>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn begin_verification(&self, _request: verify::VerifyRequest) -> Answer<'_, verify::VerifyReport> {
        Box::pin(async { Ok(verify::VerifyReport::default()) })
    }

    fn verification(&self) -> Answer<'_, verify::VerifyReport> {
        Box::pin(async { Err(OperationError::NotFound("none yet".into())) })
    }

    fn jobs(&self) -> Answer<'_, Vec<JobReport>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn keys(&self) -> Answer<'_, Vec<KeyReport>> {
        Box::pin(async { Ok(self.keys.lock().unwrap().clone()) })
    }

    fn create_key(&self, name: String) -> Answer<'_, CreatedKey> {
        let access_key = format!("KEY-{name}");
        let created = Some("2026-01-01T00:00:00Z".to_owned());
        self.keys.lock().unwrap().push(KeyReport {
            access_key: access_key.clone(),
            name: name.clone(),
            enabled: true,
            created,
        });
        Box::pin(async { Ok(CreatedKey { access_key, secret_key: "secret".into(), name }) })
    }

    fn set_key_state(&self, access_key: String, state: KeyState) -> Answer<'_, ()> {
        Box::pin(async move {
            let mut keys = self.keys.lock().unwrap();
            let found = keys.iter_mut().find(|key| key.access_key == access_key);
            let key = found.ok_or_else(|| OperationError::NotFound("no such key".into()))?;
            key.enabled = state == KeyState::Enabled;
            Ok(())
        })
    }

    fn delete_key(&self, access_key: String) -> Answer<'_, ()> {
        self.keys.lock().unwrap().retain(|key| key.access_key != access_key);
        Box::pin(async { Ok(()) })
    }

    fn backup_metadata(&self) -> Answer<'_, Backup> {
        Box::pin(async {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(BACKUP).unwrap();
            file.rewind().unwrap();
            let sha256 = const_hex::encode(<sha2::Sha256 as sha2::Digest>::digest(BACKUP));
            Ok(Backup { file, length: BACKUP.len() as u64, sha256 })
        })
    }

    fn count_for_metrics(&self) -> futures_util::future::BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn confirm_metadata(&self) -> Answer<'_, ()> {
        Box::pin(async { Err(OperationError::Conflict("there is nothing to confirm".into())) })
    }
}

struct Served {
    address: String,
    gateway: Arc<Gateway>,
    shutdown: Shutdown,
}

fn credentials(secret: &str) -> OperatorCredentials {
    OperatorCredentials { access_key: "ROOT".into(), secret_key: secret.into() }
}

async fn served() -> Served {
    served_within(Places::new(100, Duration::ZERO)).await
}

async fn served_within(places: Arc<Places>) -> Served {
    let gateway = Arc::new(Gateway::default());
    let doorkeeper = Doorkeeper::new(credentials("s3cret"), Arc::new(SystemClock::new()), Arc::new(SystemRandom));
    let metrics = Metrics::new();
    metrics.counter("starts", "Starts").inc();
    let admin = Admin {
        readiness: gateway.clone(),
        metrics,
        doorkeeper: Arc::new(doorkeeper),
        operations: gateway.clone(),
        answers: gateway.clone(),
        node_calls: gateway.clone(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let shutdown = Shutdown::new();
    tokio::spawn(serve_within(places, listener, router(admin), shutdown.clone()));
    Served { address, gateway, shutdown }
}

impl Served {
    /// Sends a request without any proof; the status and the body.
    async fn plain(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let length = body.len();
        let head =
            format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    fn client(&self, secret: &str) -> AdminClient {
        AdminClient::new(self.address.clone(), credentials(secret))
    }
}

#[tokio::test]
async fn health_and_metrics_are_open() {
    let served = served().await;
    assert_eq!(served.plain("GET", "/health/live", "").await.0, 200);
    let (status, reason) = served.plain("GET", "/health/ready", "").await;
    assert_eq!((status, reason.trim()), (503, "2 nodes of 3"));
    served.gateway.ready.store(true, Ordering::Relaxed);
    assert_eq!(served.plain("GET", "/health/ready", "").await.0, 200);
    let (status, metrics) = served.plain("GET", "/metrics", "").await;
    assert_eq!(status, 200);
    assert!(metrics.contains("larder_starts_total 1"), "{metrics}");
}

#[tokio::test]
async fn everything_for_operators_is_closed_to_who_proves_nothing() {
    let served = served().await;
    for (method, path) in [("GET", STATUS_PATH), ("GET", KEYS_PATH), ("POST", KEYS_PATH), ("POST", BACKUP_PATH)] {
        assert_eq!(served.plain(method, path, "{\"name\":\"mine\"}").await.0, 401, "{method} {path}");
    }
    assert_eq!(served.plain("DELETE", &format!("{KEYS_PATH}/KEY"), "").await.0, 401);
    assert!(served.gateway.keys.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_wrong_secret_is_refused_and_the_right_one_manages_keys() {
    let served = served().await;
    let refused = served.client("guess").create_key("mine".into()).await.unwrap_err();
    assert!(matches!(refused, ClientError::Refused { status: StatusCode::UNAUTHORIZED, .. }), "{refused:?}");
    let client = served.client("s3cret");
    let created = client.create_key("mine".into()).await.unwrap();
    assert_eq!((created.access_key.as_str(), created.secret_key.as_str()), ("KEY-mine", "secret"));
    client.set_key_state("KEY-mine", KeyState::Disabled).await.unwrap();
    assert!(!client.keys().await.unwrap()[0].enabled);
    client.delete_key("KEY-mine").await.unwrap();
    assert!(client.keys().await.unwrap().is_empty());
    for unknown in ["KEY-other", "../status", ""] {
        let error = client.set_key_state(unknown, KeyState::Enabled).await.unwrap_err();
        assert!(matches!(error, ClientError::Refused { status: StatusCode::NOT_FOUND, .. }), "{unknown}: {error:?}");
    }
}

#[tokio::test]
async fn reasons_reach_the_operator() {
    let served = served().await;
    let client = served.client("s3cret");
    assert_eq!(client.status().await.unwrap_err().to_string(), "not yet");
    assert_eq!(client.confirm_metadata().await.unwrap_err().to_string(), "there is nothing to confirm");
    let nobody = AdminClient::new("127.0.0.1:1".into(), credentials("s3cret"));
    assert!(nobody.status().await.unwrap_err().to_string().starts_with("cannot reach the gateway at 127.0.0.1:1"));
}

#[tokio::test]
async fn a_backup_arrives_whole_and_checked() {
    let served = served().await;
    let mut received = Vec::new();
    let length = served.client("s3cret").backup_metadata(&mut received).await.unwrap();
    assert_eq!(length, BACKUP.len() as u64);
    assert!(received == BACKUP);
}

#[tokio::test]
async fn nodes_calls_go_to_their_door_within_their_bound() {
    let served = served().await;
    assert_eq!(served.plain("POST", "/cluster/v1/register", "{}").await, (200, "/cluster/v1/register 2".into()));
    assert_eq!(served.plain("POST", "/cluster/v1/register", &" ".repeat(101)).await.0, 413);
}

/// They held all connections, and nodes fell silent.
#[tokio::test]
async fn strangers_who_hold_all_connections_lose_them_to_whoever_comes() {
    let served = served_within(Places::new(3, Duration::ZERO)).await;
    let mut strangers = Vec::new();
    for _ in 0..3 {
        let mut stranger = TcpStream::connect(&served.address).await.unwrap();
        // Each is there when the next one comes.
        ask(&mut stranger).await.unwrap();
        stranger.write_all(b"GET /health/live HTTP/1.1\r\nhost:").await.unwrap();
        strangers.push(stranger);
    }
    assert_eq!(served.plain("POST", "/cluster/v1/heartbeat", "{}").await.0, 200);
    let mut rest = Vec::new();
    // Nothing is said to him, and an error says the same.
    let _ = strangers[0].read_to_end(&mut rest).await;
    assert_eq!(String::from_utf8_lossy(&rest), "", "the first one was sent away");
    for stranger in &mut strangers[1..] {
        stranger.write_all(b" x\r\n\r\n").await.unwrap();
        read_live(stranger).await.expect("there was a place for the others");
    }
}

/// A request that leaves the connection open.
async fn ask(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n").await?;
    read_live(stream).await
}

async fn read_live(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\nlive\n") {
        answer.push(stream.read_u8().await?);
    }
    Ok(())
}

#[tokio::test]
async fn a_shutdown_ends_idle_connections_and_takes_no_new_ones() {
    let served = served().await;
    let mut idle = TcpStream::connect(&served.address).await.unwrap();
    assert_eq!(served.plain("GET", "/health/live", "").await.0, 200);
    served.shutdown.begin();
    let mut rest = Vec::new();
    assert_eq!(idle.read_to_end(&mut rest).await.unwrap(), 0);
}
