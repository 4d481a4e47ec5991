//! `POST /cluster/v1/...`: nodes register and send heartbeats. The calls prove the cluster secret themselves (the node
//! layer's door checks it), so this only carries path, headers and body to it.

use super::body::{self, BODY_TIMEOUT};
use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::future::BoxFuture;

/// A call as it arrived.
#[derive(Clone, Debug)]
pub struct NodeCall {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// JSON with a proof, where there is one.
#[derive(Clone, Debug)]
pub struct NodeCallAnswer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// Who answers the nodes' calls.
pub trait NodeCalls: Send + Sync {
    /// Longest body that makes sense.
    fn body_length_max(&self) -> usize;

    fn answer(&self, call: NodeCall) -> BoxFuture<'_, NodeCallAnswer>;
}

pub async fn answer(node_calls: &dyn NodeCalls, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let body = match body::whole(body, node_calls.body_length_max(), BODY_TIMEOUT).await {
        Ok(body) => body,
        Err(status) => return status.into_response(),
    };
    let call = NodeCall { path: parts.uri.path().to_owned(), headers: parts.headers, body: body.into() };
    let answer = node_calls.answer(call).await;
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "application/json")], answer.headers, answer.body).into_response()
}
