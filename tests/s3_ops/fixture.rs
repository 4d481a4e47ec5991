//! One server for all tests that run at the same time, and a bucket of its own for each test.

use super::raw::RawRequest;
use crate::support::{Options, Server};
use aws_sdk_s3::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    primitives::ByteStream,
};
use std::{
    fmt::Debug,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicU32, Ordering},
    },
};
use tokio::sync::Mutex;

/// A running server and an empty bucket.
pub struct Fixture {
    server: Arc<Server>,
    pub client: Client,
    pub bucket: String,
}

/// The server that is running now, if a test still holds it.
async fn shared_server() -> Arc<Server> {
    static RUNNING: OnceLock<Mutex<Weak<Server>>> = OnceLock::new();
    let mut running = RUNNING.get_or_init(Mutex::default).lock().await;
    if let Some(server) = running.upgrade() {
        return server;
    }
    // Forms are signed in Version 2 too.
    let server = Arc::new(Server::start_with(Options::default().with("LARDER_SIGNATURE_V2", "true")).await);
    *running = Arc::downgrade(&server);
    server
}

/// A bucket name that no other test uses.
pub fn new_bucket_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("bucket-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

impl Fixture {
    pub async fn new() -> Self {
        let server = shared_server().await;
        let client = server.client();
        let bucket = new_bucket_name();
        client.create_bucket().bucket(&bucket).send().await.expect("the bucket is created");
        Self { server, client, bucket }
    }

    pub fn authority(&self) -> String {
        self.server.authority()
    }

    pub fn access_key(&self) -> &str {
        self.server.access_key()
    }

    pub fn secret_key(&self) -> &str {
        self.server.secret_key()
    }

    pub async fn put(&self, key: &str, body: impl Into<Vec<u8>>) -> String {
        let put = self.client.put_object().bucket(&self.bucket).key(key).body(ByteStream::from(body.into()));
        put.send().await.expect("the object is stored").e_tag().expect("an ETag is answered").to_owned()
    }

    pub async fn get(&self, key: &str) -> Vec<u8> {
        let got = self.client.get_object().bucket(&self.bucket).key(key).send().await.expect("the object is there");
        got.body.collect().await.expect("the body arrives whole").to_vec()
    }

    pub async fn keys(&self) -> Vec<String> {
        let listed = self.client.list_objects_v2().bucket(&self.bucket).send().await.expect("the bucket is listed");
        listed.contents().iter().map(|object| object.key().unwrap_or_default().to_owned()).collect()
    }

    /// A hand-signed request to `/bucket` + `rest`.
    pub fn raw(&self, method: &'static str, rest: &str) -> RawRequest<'_> {
        RawRequest::new(self, method, format!("/{}{rest}", self.bucket))
    }

    /// An upload with the given parts, numbered from 1; answers its id and the parts' ETags.
    pub async fn upload(&self, key: &str, parts: &[Vec<u8>]) -> (String, Vec<String>) {
        let created = self.client.create_multipart_upload().bucket(&self.bucket).key(key).send().await;
        let upload = created.expect("the upload is created").upload_id().expect("an id is answered").to_owned();
        let mut tags = Vec::new();
        for (number, part) in (1..).zip(parts) {
            tags.push(self.part(key, &upload, number, part.clone()).await);
        }
        (upload, tags)
    }

    pub async fn part(&self, key: &str, upload: &str, number: i32, body: Vec<u8>) -> String {
        let part = self.client.upload_part().bucket(&self.bucket).key(key).upload_id(upload).part_number(number);
        let sent = part.body(ByteStream::from(body)).send().await.expect("the part is stored");
        sent.e_tag().expect("an ETag is answered").to_owned()
    }
}

/// Code of a refusal, for `assert_eq!`; the HTTP status where there is no body (HEAD).
pub fn code<T: Debug, E: ProvideErrorMetadata + Debug>(
    result: Result<T, SdkError<E, aws_sdk_s3::config::http::HttpResponse>>,
) -> String {
    match result {
        Ok(answer) => panic!("not refused: {answer:?}"),
        Err(SdkError::ServiceError(error)) => {
            let status = error.raw().status().as_u16();
            error.err().code().map_or_else(|| status.to_string(), str::to_owned)
        }
        Err(other) => panic!("no answer from the server: {other:?}"),
    }
}

/// Bytes that are different at every place, so that a shifted answer is seen.
pub fn pattern(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// The smallest part that need not be the last.
pub const PART_LENGTH_MIN: usize = 5 * 1024 * 1024;
