//! What an operator can ask about the data: where an object is, what would be lost, whether the metadata is sound. Answers
//! may take long: they walk over metadata or ask nodes, and end when the client goes away.

use super::{
    explain::{EXPLAIN_PATH, ExplainReport, ExplainRequest},
    operations::{Answer, OperationError},
    what_if::{WHAT_IF_PATH, WhatIfReport, WhatIfRequest},
};
use axum::{Json, Router, extract::State, routing::post};
use std::sync::Arc;

/// Given by the gateway.
pub trait Answers: Send + Sync {
    fn explain(&self, request: ExplainRequest) -> Answer<'_, ExplainReport>;
    fn what_if(&self, request: WhatIfRequest) -> Answer<'_, WhatIfReport>;
}

type Handle = State<Arc<dyn Answers>>;
type Reply<T> = Result<Json<T>, OperationError>;

/// The routes, not yet guarded: `router` lays the guard over them.
pub fn routes(answers: Arc<dyn Answers>) -> Router {
    Router::new().route(EXPLAIN_PATH, post(explain)).route(WHAT_IF_PATH, post(what_if)).with_state(answers)
}

async fn explain(State(answers): Handle, Json(request): Json<ExplainRequest>) -> Reply<ExplainReport> {
    answers.explain(request).await.map(Json)
}

async fn what_if(State(answers): Handle, Json(request): Json<WhatIfRequest>) -> Reply<WhatIfReport> {
    answers.what_if(request).await.map(Json)
}
