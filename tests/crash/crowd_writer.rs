//! One of the crowd: changes and reads keys of its own. Of its requests that race for a key one wins, and the ledger knows
//! which. A key whose outcome is open is left alone from then on, since what was sent may still happen.

use crate::{
    checker::BUCKET,
    crowd::Counts,
    ledger::{Ledger, State},
    support::content::{HEAD_LENGTH, Write},
};
use aws_sdk_s3::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    primitives::ByteStream,
    types::{CompletedMultipartUpload, CompletedPart},
};
use futures_util::future::join_all;
use larder::runtime::{Random, SeededRandom};
use std::{fmt::Debug, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// Requests that race for one key.
const RACERS: usize = 3;
/// Keys that a writer still changes; older ones are read at the checks alone.
const KEYS_IN_USE: usize = 300;
/// Of a body, behind its head.
pub const LENGTH_MAX: u64 = 4000;
/// After a failure, before the next try.
const PAUSE: Duration = Duration::from_millis(20);

/// What came of a request.
pub enum Outcome<T> {
    Done(T),
    /// A 4xx.
    Refused(u16),
    /// Nothing, or a 5xx: it may have happened, and may still happen.
    Unanswered,
}

pub fn outcome<T, E: Debug + ProvideErrorMetadata>(answer: Result<T, SdkError<E>>) -> Outcome<T> {
    match answer {
        Ok(answer) => Outcome::Done(answer),
        Err(SdkError::ServiceError(error)) if error.raw().status().as_u16() < 500 => {
            Outcome::Refused(error.raw().status().as_u16())
        }
        Err(_) => Outcome::Unanswered,
    }
}

/// `None`: no answer came.
pub async fn read(client: &Client, key: &str) -> Option<State> {
    match outcome(client.get_object().bucket(BUCKET).key(key).send().await) {
        Outcome::Done(answer) => {
            let body = answer.body.collect().await.ok()?.into_bytes();
            Some(Some(Write::recognise(key, &body).unwrap_or_else(|wrong| panic!("{key}: {wrong}"))))
        }
        Outcome::Refused(404) => Some(None),
        Outcome::Refused(status) => panic!("a read of {key} was refused with {status}"),
        Outcome::Unanswered => None,
    }
}

/// A key whose state is known.
#[derive(Clone)]
struct Settled {
    key: String,
    shows: Option<(Write, String)>,
}

pub struct Writer {
    /// Of its keys.
    prefix: String,
    client: Client,
    random: SeededRandom,
    ledger: Arc<Ledger>,
    /// Number of the newest key.
    newest: u64,
    settled: Vec<Settled>,
    counts: Counts,
}

/// Which condition a request has.
#[derive(Clone, Copy)]
enum Condition<'a> {
    None,
    IfAbsent,
    IfMatch(&'a str),
}

impl Writer {
    pub fn new(prefix: String, client: Client, random: SeededRandom, ledger: Arc<Ledger>) -> Self {
        Self { prefix, client, random, ledger, newest: 0, settled: Vec::new(), counts: Counts::default() }
    }

    pub async fn run(mut self, stop: CancellationToken) -> Counts {
        while !stop.is_cancelled() {
            let before = self.choose();
            let after = match (self.random.below(20), &before.shows) {
                (0..3, _) => self.read(&before).await,
                (3..6, _) => self.delete(&before).await,
                (6..8, Some((_, etag))) => self.race(&before, Condition::IfMatch(etag)).await,
                (6..10, None) => self.race(&before, Condition::IfAbsent).await,
                (10, _) => self.upload(&before).await,
                _ => self.put(&before).await,
            };
            match after {
                Some(settled) => self.settled.push(settled),
                None => self.rest().await,
            }
        }
        self.counts
    }

    /// Something was not answered.
    async fn rest(&mut self) {
        self.counts.unanswered += 1;
        tokio::time::sleep(PAUSE).await;
    }

    /// A new key, or one that is in use, which it no longer is.
    fn choose(&mut self) -> Settled {
        if self.settled.len() > KEYS_IN_USE {
            self.settled.remove(0);
        }
        if self.settled.is_empty() || self.random.below(3) == 0 {
            self.newest += 1;
            return Settled { key: format!("{}{}", self.prefix, self.newest), shows: None };
        }
        let chosen = self.random.below(self.settled.len() as u64) as usize;
        self.settled.swap_remove(chosen)
    }

    fn new_write(&self, key: &str) -> Write {
        let length = HEAD_LENGTH + self.random.below(LENGTH_MAX) as usize;
        let write = Write { seed: self.random.next_u64(), length };
        self.ledger.may_become(key, Some(write));
        write
    }

    /// From now on the key shows this and nothing else.
    fn settle(&self, key: &str, shows: Option<(Write, String)>) -> Option<Settled> {
        self.ledger.is(key, shows.as_ref().map(|(write, _)| *write));
        Some(Settled { key: key.to_owned(), shows })
    }

    async fn read(&mut self, before: &Settled) -> Option<Settled> {
        match read(&self.client, &before.key).await {
            Some(shown) => {
                assert_eq!(shown, before.shows.as_ref().map(|(write, _)| *write), "{} under load", before.key);
                self.counts.reads += 1;
            }
            None => self.rest().await,
        }
        Some(before.clone())
    }

    async fn delete(&mut self, before: &Settled) -> Option<Settled> {
        self.ledger.may_become(&before.key, None);
        match outcome(self.client.delete_object().bucket(BUCKET).key(&before.key).send().await) {
            Outcome::Done(_) => {
                self.counts.acknowledged += 1;
                self.counts.deletes += u64::from(before.shows.is_some());
                self.settle(&before.key, None)
            }
            Outcome::Refused(status) => panic!("a delete of {} was refused with {status}", before.key),
            Outcome::Unanswered => None,
        }
    }

    /// The ETag of what was written.
    async fn send(&self, key: &str, write: Write, condition: Condition<'_>) -> Outcome<String> {
        let request = self.client.put_object().bucket(BUCKET).key(key).body(ByteStream::from(write.body(key)));
        let request = match condition {
            Condition::None => request,
            Condition::IfAbsent => request.if_none_match("*"),
            Condition::IfMatch(etag) => request.if_match(etag),
        };
        match outcome(request.send().await) {
            Outcome::Done(answer) => Outcome::Done(answer.e_tag().expect("an object has an ETag").to_owned()),
            Outcome::Refused(status) => Outcome::Refused(status),
            Outcome::Unanswered => Outcome::Unanswered,
        }
    }

    async fn put(&mut self, before: &Settled) -> Option<Settled> {
        let write = self.new_write(&before.key);
        match self.send(&before.key, write, Condition::None).await {
            Outcome::Done(etag) => {
                self.counts.acknowledged += 1;
                self.settle(&before.key, Some((write, etag)))
            }
            Outcome::Refused(status) => panic!("a put of {} was refused with {status}", before.key),
            Outcome::Unanswered => None,
        }
    }

    /// Of several that meet under a condition that holds exactly one wins.
    async fn race(&mut self, before: &Settled, condition: Condition<'_>) -> Option<Settled> {
        let key = &before.key;
        let writes: Vec<Write> = (0..RACERS).map(|_| self.new_write(key)).collect();
        let answers = join_all(writes.iter().map(|write| self.send(key, *write, condition))).await;
        let (mut winners, mut is_open) = (Vec::new(), false);
        for (write, answer) in writes.into_iter().zip(answers) {
            match answer {
                Outcome::Done(etag) => winners.push((write, etag)),
                Outcome::Unanswered => is_open = true,
                // Another has won.
                Outcome::Refused(412) => {}
                Outcome::Refused(status) => panic!("a conditional put of {key} was refused with {status}"),
            }
        }
        assert!(winners.len() < 2, "{key}: {} requests won one race", winners.len());
        match winners.pop() {
            Some(winner) => {
                self.counts.acknowledged += 1;
                self.counts.races += 1;
                self.settle(key, Some(winner))
            }
            None if is_open => None,
            None => panic!("{key}: all lost a race that nobody won"),
        }
    }

    /// One part, completed twice at once, or completed and aborted.
    async fn upload(&mut self, before: &Settled) -> Option<Settled> {
        let key = &before.key;
        let write = self.new_write(key);
        let Some(upload) = Upload::begin(&self.client, key, write).await else {
            self.rest().await;
            // What was not completed never shows.
            return self.settle(key, before.shows.clone());
        };
        let (completed, aborted) = match self.random.below(2) {
            0 => match tokio::join!(upload.complete(), upload.complete()) {
                (Outcome::Refused(status), _) | (_, Outcome::Refused(status)) => {
                    panic!("{key}: a completion beside another was refused with {status}")
                }
                (done @ Outcome::Done(_), _) | (_, done) => (done, Outcome::Unanswered),
            },
            _ => tokio::join!(upload.complete(), upload.abort()),
        };
        match (completed, aborted) {
            (Outcome::Done(_), Outcome::Done(())) => panic!("{key}: an upload was both completed and aborted"),
            (Outcome::Refused(_), Outcome::Refused(_)) => panic!("{key}: an upload was neither completed nor aborted"),
            (Outcome::Done(etag), _) => {
                self.counts.acknowledged += 1;
                self.counts.uploads += 1;
                self.settle(key, Some((write, etag)))
            }
            (Outcome::Refused(404), _) | (Outcome::Unanswered, Outcome::Done(())) => {
                self.counts.uploads += 1;
                self.settle(key, before.shows.clone())
            }
            (Outcome::Refused(status), _) => panic!("{key}: a completion was refused with {status}"),
            (Outcome::Unanswered, _) => None,
        }
    }
}

/// An upload of one part.
struct Upload<'a> {
    client: &'a Client,
    key: &'a str,
    id: String,
    parts: CompletedMultipartUpload,
}

impl<'a> Upload<'a> {
    /// `None`: some answer did not come.
    async fn begin(client: &'a Client, key: &'a str, write: Write) -> Option<Self> {
        let created = done(client.create_multipart_upload().bucket(BUCKET).key(key).send().await)?;
        let id = created.upload_id().expect("an upload has an id").to_owned();
        let part = client.upload_part().bucket(BUCKET).key(key).upload_id(&id).part_number(1);
        let sent = done(part.body(ByteStream::from(write.body(key))).send().await)?;
        let part = CompletedPart::builder().part_number(1).e_tag(sent.e_tag().expect("a part has an ETag")).build();
        Some(Self { client, key, id, parts: CompletedMultipartUpload::builder().parts(part).build() })
    }

    /// The object's ETag.
    async fn complete(&self) -> Outcome<String> {
        let request = self.client.complete_multipart_upload().bucket(BUCKET).key(self.key).upload_id(&self.id);
        match outcome(request.multipart_upload(self.parts.clone()).send().await) {
            Outcome::Done(answer) => Outcome::Done(answer.e_tag().expect("an object has an ETag").to_owned()),
            Outcome::Refused(status) => Outcome::Refused(status),
            Outcome::Unanswered => Outcome::Unanswered,
        }
    }

    async fn abort(&self) -> Outcome<()> {
        let request = self.client.abort_multipart_upload().bucket(BUCKET).key(self.key).upload_id(&self.id);
        match outcome(request.send().await) {
            Outcome::Done(_) => Outcome::Done(()),
            Outcome::Refused(status) if status != 404 => panic!("{}: an abort was refused with {status}", self.key),
            Outcome::Refused(status) => Outcome::Refused(status),
            Outcome::Unanswered => Outcome::Unanswered,
        }
    }
}

/// What can't be refused.
fn done<T, E: Debug + ProvideErrorMetadata>(answer: Result<T, SdkError<E>>) -> Option<T> {
    match outcome(answer) {
        Outcome::Done(answer) => Some(answer),
        Outcome::Refused(status) => panic!("refused with {status}"),
        Outcome::Unanswered => None,
    }
}
