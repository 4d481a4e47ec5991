//! Bodies of requests on the admin address: small documents, read whole, within a bound of bytes and of time. Who sends
//! his slowly would otherwise hold one of the connections that the nodes need for their heartbeats.

use axum::{
    body::{Body, Bytes, to_bytes},
    http::StatusCode,
};
use std::time::Duration;

/// As long as the head of a request may take.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// The body, or the answer to who sent too much or too slowly.
pub async fn whole(body: Body, length_max: usize, patience: Duration) -> Result<Bytes, StatusCode> {
    match tokio::time::timeout(patience, to_bytes(body, length_max)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;

    #[tokio::test]
    async fn a_body_is_bounded_in_length_and_in_time() {
        assert_eq!(whole(Body::from("four"), 4, BODY_TIMEOUT).await, Ok(Bytes::from("four")));
        assert_eq!(whole(Body::from("four"), 3, BODY_TIMEOUT).await, Err(StatusCode::PAYLOAD_TOO_LARGE));
        let silent = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(whole(silent, 4, Duration::from_millis(1)).await, Err(StatusCode::REQUEST_TIMEOUT));
    }
}
