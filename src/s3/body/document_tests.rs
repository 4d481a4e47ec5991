//! What documents may cost together.

use super::{room::Room, *};
use http_body_util::{BodyExt, Full};
use std::{sync::Arc, time::Duration};

const LONG_BYTES: usize = 150 << 10;

fn body(length: usize, rules: &Arc<BodyRules>) -> RequestBody {
    let bytes = Full::new(Bytes::from(vec![b' '; length])).map_err(|never| match never {}).boxed();
    let source = BodySource::new(bytes, Expectation::None, rules.clone());
    RequestBody::new(Operation::DeleteObjects, &HeaderMap::new(), Payload::Unsigned, source).unwrap()
}

#[tokio::test]
async fn long_documents_share_a_room_for_as_long_as_they_are_kept() {
    let pace =
        PaceLimits { window: Duration::from_secs(20), bytes_per_second_min: 1, silence_max: Duration::from_secs(60) };
    let mut rules = BodyRules::new(pace, |_| false);
    rules.document_room = Room::new(400, Duration::from_millis(1));
    let rules = Arc::new(rules);
    let read = async |length, limit| body(length, &rules).read_document(limit).await.map_err(|error| error.code());
    // Without a Content-Length a document may become as long as it is allowed to.
    let first = read(LONG_BYTES, 300 << 10).await.unwrap();
    assert_eq!(first.len(), LONG_BYTES);
    assert_eq!(read(LONG_BYTES, 300 << 10).await.err(), Some(S3Code::SlowDown));
    let short: Vec<Document> = vec![read(SHORT_DOCUMENT_BYTES, 8 << 20).await.unwrap(), read(1, 1).await.unwrap()];
    assert_eq!(short.iter().map(|document| document.len()).sum::<usize>(), SHORT_DOCUMENT_BYTES + 1);
    drop(first);
    assert!(read(LONG_BYTES, 300 << 10).await.is_ok());
    assert_eq!(read(11, 10).await.err(), Some(S3Code::MaxMessageLengthExceeded));
}
