//! What an operator can ask, and the routes to it.

use super::{
    api::{
        BACKUP_PATH, BACKUP_SHA256_HEADER, CONFIRM_PATH, CreatedKey, JOBS_PATH, JobChange, JobOrder, JobReport,
        KEYS_PATH, KeyChange, KeyReport, KeyState, NODES_PATH, NewKey, NodeChange, NodeDuty, NodeReport, SCRUB_PATH,
        STATUS_PATH, ScrubReport, StatusReport,
    },
    download::file_body,
    verify::{VERIFY_PATH, VerifyReport, VerifyRequest},
};
use axum::{
    Json, Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// Carried out by the gateway.
pub trait Operations: Send + Sync {
    fn status(&self) -> Answer<'_, StatusReport>;
    fn nodes(&self) -> Answer<'_, Vec<NodeReport>>;
    fn set_node_duty(&self, name: String, duty: NodeDuty) -> Answer<'_, ()>;
    /// Begins a scrub at full pace on every node that can be reached.
    fn begin_scrubs(&self) -> Answer<'_, Vec<ScrubReport>>;
    fn scrubs(&self) -> Answer<'_, Vec<ScrubReport>>;
    fn begin_verification(&self, request: VerifyRequest) -> Answer<'_, VerifyReport>;
    fn verification(&self) -> Answer<'_, VerifyReport>;
    fn jobs(&self) -> Answer<'_, Vec<JobReport>>;
    fn order_job(&self, name: String, order: JobOrder) -> Answer<'_, ()>;
    fn keys(&self) -> Answer<'_, Vec<KeyReport>>;
    fn create_key(&self, name: String) -> Answer<'_, CreatedKey>;
    fn set_key_state(&self, access_key: String, state: KeyState) -> Answer<'_, ()>;
    fn delete_key(&self, access_key: String) -> Answer<'_, ()>;
    /// Makes a verified backup of the metadata in a file of its own, which goes when the value goes.
    fn backup_metadata(&self) -> Answer<'_, Backup>;
    /// After a restore: reclaiming may go on.
    fn confirm_metadata(&self) -> Answer<'_, ()>;
    /// Called before the metrics are rendered: what only a query can tell is counted, if that was long ago.
    fn count_for_metrics(&self) -> BoxFuture<'_, ()>;
}

pub type Answer<'a, T> = BoxFuture<'a, Result<T, OperationError>>;

/// A backup that is ready to be sent.
#[derive(Debug)]
pub struct Backup {
    /// Already unlinked: its space comes back when the file is closed.
    pub file: std::fs::File,
    pub length: u64,
    /// Hexadecimal digits.
    pub sha256: String,
}

/// What the operator can do about it is in the variant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OperationError {
    #[error("{0}")]
    NotFound(String),
    #[error("{0}")]
    Invalid(String),
    /// The state of things does not allow it.
    #[error("{0}")]
    Conflict(String),
    /// Later perhaps.
    #[error("{0}")]
    Unavailable(String),
}

impl IntoResponse for OperationError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        (status, format!("{self}\n")).into_response()
    }
}

type Handle = State<Arc<dyn Operations>>;
type Reply<T> = Result<Json<T>, OperationError>;

/// The routes, not yet guarded: `router` lays the guard over them.
pub fn routes(operations: Arc<dyn Operations>) -> Router {
    Router::new()
        .route(STATUS_PATH, get(async |State(operations): Handle| reply(operations.status().await)))
        .route(NODES_PATH, get(async |State(operations): Handle| reply(operations.nodes().await)))
        .route(&format!("{NODES_PATH}/{{name}}"), put(change_node))
        .route(JOBS_PATH, get(async |State(operations): Handle| reply(operations.jobs().await)))
        .route(&format!("{JOBS_PATH}/{{name}}"), put(change_job))
        .route(SCRUB_PATH, get(list_scrubs).post(begin_scrubs))
        .route(VERIFY_PATH, get(show_verification).post(begin_verification))
        .route(KEYS_PATH, get(list_keys).post(create_key))
        .route(&format!("{KEYS_PATH}/{{access_key}}"), put(change_key).delete(delete_key))
        .route(BACKUP_PATH, post(backup_metadata))
        .route(CONFIRM_PATH, post(async |State(operations): Handle| reply(operations.confirm_metadata().await)))
        .with_state(operations)
}

fn reply<T>(answer: Result<T, OperationError>) -> Reply<T> {
    answer.map(Json)
}

async fn change_node(State(operations): Handle, Path(name): Path<String>, Json(change): Json<NodeChange>) -> Reply<()> {
    reply(operations.set_node_duty(name, change.duty).await)
}

async fn change_job(State(operations): Handle, Path(name): Path<String>, Json(change): Json<JobChange>) -> Reply<()> {
    reply(operations.order_job(name, change.order).await)
}

async fn list_scrubs(State(operations): Handle) -> Reply<Vec<ScrubReport>> {
    reply(operations.scrubs().await)
}

async fn begin_scrubs(State(operations): Handle) -> Reply<Vec<ScrubReport>> {
    reply(operations.begin_scrubs().await)
}

async fn show_verification(State(operations): Handle) -> Reply<VerifyReport> {
    reply(operations.verification().await)
}

async fn begin_verification(State(operations): Handle, Json(request): Json<VerifyRequest>) -> Reply<VerifyReport> {
    reply(operations.begin_verification(request).await)
}

async fn list_keys(State(operations): Handle) -> Reply<Vec<KeyReport>> {
    reply(operations.keys().await)
}

async fn create_key(State(operations): Handle, Json(new): Json<NewKey>) -> Reply<CreatedKey> {
    reply(operations.create_key(new.name).await)
}

async fn change_key(
    State(operations): Handle,
    Path(access_key): Path<String>,
    Json(change): Json<KeyChange>,
) -> Reply<()> {
    reply(operations.set_key_state(access_key, change.state).await)
}

async fn delete_key(State(operations): Handle, Path(access_key): Path<String>) -> Reply<()> {
    reply(operations.delete_key(access_key).await)
}

async fn backup_metadata(State(operations): Handle) -> Result<Response, OperationError> {
    let backup = operations.backup_metadata().await?;
    let headers = [
        (header::CONTENT_TYPE.as_str(), "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH.as_str(), backup.length.to_string()),
        (BACKUP_SHA256_HEADER, backup.sha256),
    ];
    Ok((headers, file_body(backup.file)).into_response())
}
