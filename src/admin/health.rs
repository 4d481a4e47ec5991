//! `GET /health/live` and `GET /health/ready`, for supervisors and load balancers. Open to everybody: they say yes or no.

use axum::http::StatusCode;
use std::sync::Arc;

/// Whether writes can be served now; the text says what is missing.
pub trait Readiness: Send + Sync {
    fn ready(&self) -> Result<(), String>;
}

/// The process answers: that is all that this says.
pub async fn live() -> &'static str {
    "live\n"
}

/// 200 when a write would be taken, else 503 with the reason.
pub fn ready(readiness: &Arc<dyn Readiness>) -> (StatusCode, String) {
    match readiness.ready() {
        Ok(()) => (StatusCode::OK, "ready\n".into()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}
