//! Every route of the admin address. What lies under `/admin/v1/` but the challenge passes `operators_only`, which is laid
//! over the whole of it: a route added there is closed before anybody thinks of it.

use super::{
    answers::{self, Answers},
    api::CHALLENGE_PATH,
    authentication::{Doorkeeper, Refusal, SignedRequest},
    body::{self, BODY_TIMEOUT},
    health::{self, Readiness},
    node_calls::{self, NodeCalls},
    operations::{self, Operations},
    places::Place,
};
use crate::runtime::Metrics;
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use std::sync::Arc;

/// What the admin address serves.
#[derive(Clone)]
pub struct Admin {
    pub readiness: Arc<dyn Readiness>,
    pub metrics: Metrics,
    pub doorkeeper: Arc<Doorkeeper>,
    pub operations: Arc<dyn Operations>,
    pub answers: Arc<dyn Answers>,
    pub node_calls: Arc<dyn NodeCalls>,
}

/// Longest body of an operator's request: they are small documents.
const OPERATOR_BODY_MAX: usize = 64 << 10;

/// The content type that Prometheus asks for.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub fn router(admin: Admin) -> Router {
    let operators = operations::routes(Arc::clone(&admin.operations))
        .merge(answers::routes(Arc::clone(&admin.answers)))
        .layer(middleware::from_fn_with_state(Arc::clone(&admin.doorkeeper), operators_only));
    Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(async |State(admin): State<Admin>| health::ready(&admin.readiness)))
        .route("/metrics", get(metrics))
        .route(CHALLENGE_PATH, get(async |State(admin): State<Admin>| admin.doorkeeper.challenge()))
        .route("/cluster/v1/{call}", post(node_call))
        .with_state(admin)
        .merge(operators)
}

async fn node_call(State(admin): State<Admin>, request: Request) -> Response {
    node_calls::answer(&*admin.node_calls, request).await
}

async fn metrics(State(admin): State<Admin>) -> Response {
    admin.operations.count_for_metrics().await;
    match admin.metrics.render() {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Lets a request through when it proves the root credentials, its body included.
async fn operators_only(State(doorkeeper): State<Arc<Doorkeeper>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let body = match body::whole(body, OPERATOR_BODY_MAX, BODY_TIMEOUT).await {
        Ok(body) => body,
        Err(status) => return (status, "the body is too long, too slow or was cut\n").into_response(),
    };
    let mut headers = parts.headers.get_all(header::AUTHORIZATION).iter();
    let authorization = match (headers.next(), headers.next()) {
        (Some(only), None) => only.to_str().unwrap_or_default(),
        _ => "",
    };
    let path_and_query = parts.uri.path_and_query().map_or("", |path| path.as_str());
    let signed = SignedRequest { method: parts.method.as_str(), path_and_query, body: &body };
    if let Err(refusal) = doorkeeper.admit(authorization, signed) {
        tracing::info!(path = parts.uri.path(), %refusal, "an operator's request was refused");
        let status = match refusal {
            Refusal::NotProven | Refusal::StaleNonce => StatusCode::UNAUTHORIZED,
            Refusal::TooMany => StatusCode::TOO_MANY_REQUESTS,
        };
        return (status, format!("{refusal}\n")).into_response();
    }
    if let Some(place) = parts.extensions.get::<Arc<Place>>() {
        place.prove();
    }
    next.run(Request::from_parts(parts, Body::from(body))).await
}
