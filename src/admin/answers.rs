//! What an operator can ask about the data: where an object is, what would be lost, whether the metadata is sound. Answers
//! may take long: they walk over metadata or ask nodes, and end when the client goes away.

use super::{
    doctor::{DOCTOR_PATH, DoctorReport},
    explain::{EXPLAIN_PATH, ExplainReport, ExplainRequest},
    holdings::{HOLDINGS_PATH, HoldingsReport, HoldingsRequest},
    lifecycle::{LIFECYCLE_PREVIEW_PATH, LifecyclePreviewReport, LifecyclePreviewRequest},
    operations::{Answer, OperationError},
    what_if::{WHAT_IF_PATH, WhatIfReport, WhatIfRequest},
};
use axum::{Json, Router, extract::State, routing::post};
use std::sync::Arc;

/// Given by the gateway.
pub trait Answers: Send + Sync {
    fn explain(&self, request: ExplainRequest) -> Answer<'_, ExplainReport>;
    fn what_if(&self, request: WhatIfRequest) -> Answer<'_, WhatIfReport>;
    fn doctor(&self) -> Answer<'_, DoctorReport>;
    fn holdings(&self, request: HoldingsRequest) -> Answer<'_, HoldingsReport>;
    fn preview_lifecycle(&self, request: LifecyclePreviewRequest) -> Answer<'_, LifecyclePreviewReport>;
}

type Handle = State<Arc<dyn Answers>>;
type Reply<T> = Result<Json<T>, OperationError>;

/// The routes, not yet guarded: `router` lays the guard over them.
pub fn routes(answers: Arc<dyn Answers>) -> Router {
    Router::new()
        .route(EXPLAIN_PATH, post(explain))
        .route(WHAT_IF_PATH, post(what_if))
        .route(DOCTOR_PATH, post(doctor))
        .route(HOLDINGS_PATH, post(holdings))
        .route(LIFECYCLE_PREVIEW_PATH, post(preview_lifecycle))
        .with_state(answers)
}

async fn explain(State(answers): Handle, Json(request): Json<ExplainRequest>) -> Reply<ExplainReport> {
    answers.explain(request).await.map(Json)
}

async fn what_if(State(answers): Handle, Json(request): Json<WhatIfRequest>) -> Reply<WhatIfReport> {
    answers.what_if(request).await.map(Json)
}

async fn doctor(State(answers): Handle) -> Reply<DoctorReport> {
    answers.doctor().await.map(Json)
}

async fn holdings(State(answers): Handle, Json(request): Json<HoldingsRequest>) -> Reply<HoldingsReport> {
    answers.holdings(request).await.map(Json)
}

async fn preview_lifecycle(
    State(answers): Handle,
    Json(request): Json<LifecyclePreviewRequest>,
) -> Reply<LifecyclePreviewReport> {
    answers.preview_lifecycle(request).await.map(Json)
}
