//! One writer: changes and reads its own keys until it is stopped. It survives every failure of the server; what was
//! not acknowledged stays open in the ledger, and its key rests until the checker has looked.

use crate::{
    checker::BUCKET,
    ledger::{Ledger, State},
    processes::KEYS,
    support::{
        content::{HEAD_LENGTH, Write},
        sdk::{Retries, client},
    },
};
use aws_sdk_s3::{
    Client,
    error::SdkError,
    primitives::ByteStream,
    types::{CompletedMultipartUpload, CompletedPart},
};
use larder::runtime::{Random, SeededRandom};
use std::{fmt::Debug, sync::Arc, time::Duration};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// Keys of a worker: few, so that they are overwritten and deleted often.
const KEY_COUNT: u64 = 12;
/// S3's least length of a part that is not the last.
const PART_LENGTH: usize = 5 << 20;
/// Between two looks whether somebody listens again. Without waiting, every key would be open within milliseconds of a
/// kill, and nothing would be left to do when the server is back.
const LISTENER_PAUSE: Duration = Duration::from_millis(20);

pub struct Worker {
    index: u64,
    client: Client,
    /// `host:port`
    address: String,
    random: SeededRandom,
    ledger: Arc<Ledger>,
    report: WorkerReport,
}

/// How much of the load got through.
#[derive(Debug, Default)]
pub struct WorkerReport {
    pub acknowledged: u64,
    pub unanswered: u64,
    pub read: u64,
}

impl WorkerReport {
    pub fn add(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        self.unanswered += other.unanswered;
        self.read += other.read;
    }
}

/// Why there is no acknowledgement: a change may have happened or not.
#[derive(Clone, Copy, Debug)]
struct Unanswered;

impl Worker {
    pub fn new(index: u64, endpoint: &str, seed: u64, ledger: Arc<Ledger>) -> Self {
        let client = client(endpoint, KEYS, Retries::None);
        let address = endpoint.trim_start_matches("http://").to_owned();
        Self { index, client, address, random: SeededRandom::new(seed), ledger, report: WorkerReport::default() }
    }

    /// Ends after the request under way, so that every outcome is either acknowledged or open.
    pub async fn run(mut self, stop: CancellationToken) -> WorkerReport {
        while !stop.is_cancelled() {
            let key = format!("worker {}/ä+{}", self.index, self.random.below(KEY_COUNT));
            let allowed = self.ledger.allowed(&key);
            let [state] = allowed[..] else {
                tokio::task::yield_now().await;
                if self.all_keys_rest() {
                    stop.cancelled().await;
                }
                continue;
            };
            let answered = match self.random.below(4) {
                0 => self.read(&key, state).await,
                _ => self.change(&key).await,
            };
            if answered.is_err() {
                self.wait_for_a_listener(&stop).await;
            }
        }
        self.report
    }

    async fn wait_for_a_listener(&self, stop: &CancellationToken) {
        while TcpStream::connect(&self.address).await.is_err() && !stop.is_cancelled() {
            tokio::time::sleep(LISTENER_PAUSE).await;
        }
    }

    fn all_keys_rest(&self) -> bool {
        (0..KEY_COUNT).all(|number| self.ledger.allowed(&format!("worker {}/ä+{number}", self.index)).len() > 1)
    }

    async fn change(&mut self, key: &str) -> Result<(), Unanswered> {
        let kind = self.random.below(20);
        let state = if kind < 4 { None } else { Some(self.write_of(kind)) };
        self.ledger.may_become(key, state);
        let outcome = match state {
            None => self.delete(key).await,
            Some(write) if write.length > PART_LENGTH => self.upload_in_parts(key, write).await,
            Some(write) => self.put(key, write).await,
        };
        match outcome {
            Ok(()) => {
                self.report.acknowledged += 1;
                self.ledger.is(key, state);
            }
            Err(Unanswered) => self.report.unanswered += 1,
        }
        outcome
    }

    /// Mostly small; some of several chunks; one kind in parts.
    fn write_of(&self, kind: u64) -> Write {
        let length = match kind {
            19 => PART_LENGTH + 1 + self.random.below(200_000) as usize,
            16..=18 => HEAD_LENGTH + self.random.below(3_000_000) as usize,
            _ => HEAD_LENGTH + self.random.below(60_000) as usize,
        };
        Write { seed: self.random.next_u64(), length }
    }

    async fn put(&self, key: &str, write: Write) -> Result<(), Unanswered> {
        let body = ByteStream::from(write.body(key));
        let answer = self.client.put_object().bucket(BUCKET).key(key).body(body).send().await;
        answered(answer).map(drop)
    }

    async fn delete(&self, key: &str) -> Result<(), Unanswered> {
        answered(self.client.delete_object().bucket(BUCKET).key(key).send().await).map(drop)
    }

    async fn upload_in_parts(&self, key: &str, write: Write) -> Result<(), Unanswered> {
        let created = answered(self.client.create_multipart_upload().bucket(BUCKET).key(key).send().await)?;
        let upload = created.upload_id().expect("an upload has an id");
        let mut completed = CompletedMultipartUpload::builder();
        for (position, bytes) in write.body(key).chunks(PART_LENGTH).enumerate() {
            let number = position as i32 + 1;
            let part = self.client.upload_part().bucket(BUCKET).key(key).upload_id(upload).part_number(number);
            let sent = answered(part.body(ByteStream::from(bytes.to_vec())).send().await)?;
            let etag = sent.e_tag().expect("a part has an ETag");
            completed = completed.parts(CompletedPart::builder().part_number(number).e_tag(etag).build());
        }
        let complete = self.client.complete_multipart_upload().bucket(BUCKET).key(key).upload_id(upload);
        answered(complete.multipart_upload(completed.build()).send().await).map(drop)
    }

    /// Under load too, an answer that comes is the right one. One that doesn't come says nothing.
    async fn read(&mut self, key: &str, expected: State) -> Result<(), Unanswered> {
        let found = match self.client.get_object().bucket(BUCKET).key(key).send().await {
            Ok(answer) => match answer.body.collect().await {
                Ok(body) => Some(Write::recognise(key, &body.into_bytes())),
                Err(_cut_off) => return Err(Unanswered),
            },
            Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => None,
            Err(_) => return Err(Unanswered),
        };
        let found = found.transpose().unwrap_or_else(|wrong| panic!("{key} under load: {wrong}"));
        assert_eq!(found, expected, "{key} under load");
        self.report.read += 1;
        Ok(())
    }
}

/// A 4xx is no answer that this load can get: it would hide what happened.
fn answered<T, E: Debug>(answer: Result<T, SdkError<E>>) -> Result<T, Unanswered> {
    match answer {
        Ok(answer) => Ok(answer),
        Err(SdkError::ServiceError(error)) if error.raw().status().as_u16() < 500 => {
            panic!("refused: {:?}", error.into_err())
        }
        Err(_) => Err(Unanswered),
    }
}
