//! One client's requests, each written into the history with what came of it. What no right store could answer at all
//! (bytes of no write, a length that nobody wrote, a refusal out of place) fails the test on the spot.

use crate::{
    fleet::KEYS,
    history::{Act, History, Moment, State},
    refusals::Refusals,
    support::{
        content::{HEAD_LENGTH, Write},
        sdk::{Retries, client_with_deadline},
    },
    totals::{Gaps, Service, Totals},
};
use aws_sdk_s3::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    primitives::ByteStream,
};
use std::{
    fmt::Debug,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

pub const BUCKET: &str = "faults";
/// What takes longer counts as unanswered. Longer than the bound on any gap in service that the suite measures.
const DEADLINE: Duration = Duration::from_secs(15);
/// Lengths of small bodies lie below; those of bigger ones differ in the same way, a multiple of it longer.
const LENGTHS: u64 = 60_000;

/// What all clients of one test share.
#[derive(Clone)]
pub struct Shared {
    pub history: Arc<History>,
    pub totals: Arc<Totals>,
    pub refusals: Arc<Refusals>,
}

/// What came of a request.
#[derive(Debug)]
pub enum Outcome<T> {
    Done(T),
    /// A 4xx, with its code.
    Refused(u16, String),
    /// Nothing, or a 5xx: it may have happened, and may still happen.
    Unanswered,
}

impl<T> Outcome<T> {
    pub fn of<E: Debug + ProvideErrorMetadata>(answer: Result<T, SdkError<E>>) -> Self {
        match answer {
            Ok(answer) => Self::Done(answer),
            Err(SdkError::ServiceError(error)) if error.raw().status().as_u16() < 500 => {
                Self::Refused(error.raw().status().as_u16(), error.err().code().unwrap_or_default().to_owned())
            }
            Err(SdkError::ConstructionFailure(error)) => panic!("a request could not be made: {error:?}"),
            Err(_) => Self::Unanswered,
        }
    }
}

/// A request that changes a key: what it would do, and what it means when its condition is refused.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    pub act: Act,
    pub when_refused: Option<Act>,
}

/// A write, and the ETag of its object.
pub type Shown = (Write, String);

#[derive(Clone)]
pub struct Actor {
    pub client: Client,
    pub shared: Shared,
    pub gaps: Arc<Gaps>,
}

impl Actor {
    pub fn new(endpoint: &str, shared: Shared, gaps: Arc<Gaps>) -> Self {
        let client = client_with_deadline(endpoint, KEYS, Retries::None, DEADLINE);
        Self { client, shared, gaps }
    }

    pub fn history(&self) -> &History {
        &self.shared.history
    }

    /// What came of a request whose answer has a body: a refusal comes with its reason.
    pub fn outcome<T, E: Debug + ProvideErrorMetadata>(&self, answer: Result<T, SdkError<E>>) -> Outcome<T> {
        if let Err(SdkError::ServiceError(error)) = &answer
            && let status @ 500.. = error.raw().status().as_u16()
        {
            let (code, message) = (error.err().code().unwrap_or_default(), error.err().message().unwrap_or_default());
            self.shared.refusals.note(status, code, message);
        }
        Outcome::of(answer)
    }

    /// A write that no other is like, about `blocks` times 60 kB long, announced.
    pub fn new_write(&self, key: &str, seed: u64, blocks: u64) -> Write {
        let number = self.history().next_number();
        // 37 and 60000 have no common factor: lengths repeat after 60000 writes only, far apart in time and key.
        let length = HEAD_LENGTH as u64 + number * 37 % LENGTHS + blocks * LENGTHS;
        let write = Write { seed, length: length as usize };
        self.history().announce(key, write);
        write
    }

    pub async fn put(&self, key: &str, write: Write) -> Outcome<()> {
        let begun = self.history().now();
        let answer = self.client.put_object().bucket(BUCKET).key(key).body(body(key, write)).send().await;
        let change = Change { act: Act::Became(Some(write)), when_refused: None };
        self.note(key, change, begun, self.outcome(answer)).map(drop)
    }

    pub async fn delete(&self, key: &str) -> Outcome<()> {
        let begun = self.history().now();
        let answer = self.client.delete_object().bucket(BUCKET).key(key).send().await;
        let change = Change { act: Act::Became(None), when_refused: None };
        self.note(key, change, begun, self.outcome(answer)).map(drop)
    }

    /// `If-None-Match: *`
    pub async fn create(&self, key: &str, write: Write) -> Outcome<()> {
        let begun = self.history().now();
        let request = self.client.put_object().bucket(BUCKET).key(key).if_none_match("*");
        let answer = request.body(body(key, write)).send().await;
        let act = Act::Swapped { from: None, to: Some(write) };
        self.shared.totals.races.fetch_add(1, Relaxed);
        let change = Change { act, when_refused: Some(Act::SawOther(None)) };
        self.note(key, change, begun, self.outcome(answer)).map(drop)
    }

    /// `If-Match`: `etag` is that of `from`.
    pub async fn swap(&self, key: &str, from: Write, etag: &str, to: Write) -> Outcome<()> {
        let begun = self.history().now();
        let request = self.client.put_object().bucket(BUCKET).key(key).if_match(etag);
        let answer = request.body(body(key, to)).send().await;
        let act = Act::Swapped { from: Some(from), to: Some(to) };
        self.shared.totals.races.fetch_add(1, Relaxed);
        let change = Change { act, when_refused: Some(Act::SawOther(Some(from))) };
        self.note(key, change, begun, self.outcome(answer)).map(drop)
    }

    /// Writes the outcome of a change into the history.
    pub fn note<T>(&self, key: &str, change: Change, begun: Moment, outcome: Outcome<T>) -> Outcome<T> {
        let (history, totals) = (self.history(), &self.shared.totals);
        match &outcome {
            Outcome::Done(_) => {
                history.answered(key, change.act, begun);
                totals.acknowledged.fetch_add(1, Relaxed);
                self.gaps.succeeded(Service::Write);
            }
            Outcome::Unanswered => {
                history.unanswered(key, change.act, begun);
                totals.unanswered.fetch_add(1, Relaxed);
            }
            Outcome::Refused(404, code) if change.when_refused.is_some() && code == "NoSuchKey" => {
                history.answered(key, Act::Saw(None), begun);
            }
            Outcome::Refused(412, _) if change.when_refused.is_some() => {
                history.answered(key, change.when_refused.expect("just looked"), begun);
            }
            Outcome::Refused(status, code) => panic!("{key}: {change:?} was refused with {status} {code}"),
        }
        outcome
    }

    /// What the key shows, with its ETag.
    pub async fn get(&self, key: &str) -> Outcome<Option<Shown>> {
        let begun = self.history().now();
        let answer = match self.outcome(self.client.get_object().bucket(BUCKET).key(key).send().await) {
            Outcome::Done(answer) => answer,
            other => return self.seen_nothing(key, begun, other.map(drop)),
        };
        let etag = answer.e_tag().expect("an object has an ETag").to_owned();
        let Ok(body) = answer.body.collect().await else { return self.read_failed() };
        let write = Write::recognise(key, &body.into_bytes()).unwrap_or_else(|wrong| panic!("{key}: {wrong}"));
        self.saw(key, Some(write), begun);
        Outcome::Done(Some((write, etag)))
    }

    /// Some bytes of the middle: of which write they are is said by the length of the whole.
    pub async fn get_range(&self, key: &str, first: u64, count: u64) -> Outcome<()> {
        let begun = self.history().now();
        let range = format!("bytes={first}-{}", first + count - 1);
        let request = self.client.get_object().bucket(BUCKET).key(key).range(range);
        let answer = match self.outcome(request.send().await) {
            Outcome::Done(answer) => answer,
            // Shorter than that, and not of which write.
            Outcome::Refused(416, _) => return Outcome::Done(()),
            other => return self.seen_nothing(key, begun, other.map(drop)).map(drop),
        };
        let shown = answer.content_range().expect("a range says which").to_owned();
        let Ok(body) = answer.body.collect().await else { return self.read_failed() };
        let (body, length) = (body.into_bytes(), shown.rsplit_once('/').expect("a range says of how much").1);
        let write = self.write_of_length(key, length.parse().expect("a length"));
        let whole = write.body(key);
        let expected = &whole[first as usize..whole.len().min((first + count) as usize)];
        assert!(body == expected, "{key}: {shown} has other bytes than {write:?}");
        self.saw(key, Some(write), begun);
        Outcome::Done(())
    }

    pub async fn head(&self, key: &str) -> Outcome<()> {
        let begun = self.history().now();
        match Outcome::of(self.client.head_object().bucket(BUCKET).key(key).send().await) {
            Outcome::Done(answer) => {
                let length = answer.content_length().expect("an object has a length");
                self.saw(key, Some(self.write_of_length(key, length as usize)), begun);
                Outcome::Done(())
            }
            other => self.seen_nothing(key, begun, other.map(drop)).map(drop),
        }
    }

    /// One page below `prefix` behind `after`: every known key in its reach is either shown or absent.
    pub async fn list(&self, prefix: &str, after: &str, keys_max: i32) -> Outcome<()> {
        let known = self.history().keys_below(prefix);
        let begun = self.history().now();
        let request = self.client.list_objects_v2().bucket(BUCKET).prefix(prefix).start_after(after);
        let page = match self.outcome(request.max_keys(keys_max).send().await) {
            Outcome::Done(page) => page,
            Outcome::Unanswered => return self.read_failed(),
            Outcome::Refused(status, code) => panic!("a list was refused with {status} {code}"),
        };
        let listed: std::collections::BTreeMap<&str, usize> = page
            .contents()
            .iter()
            .map(|object| (object.key().expect("a key"), object.size().expect("a length") as usize))
            .collect();
        assert_eq!(listed.len(), page.contents().len(), "a key is listed twice");
        let end = page.is_truncated().unwrap_or(false).then(|| *listed.keys().last().expect("a truncated page"));
        let in_reach = |key: &&String| key.as_str() > after && end.is_none_or(|end| key.as_str() <= end);
        for key in known.iter().filter(in_reach) {
            let state = listed.get(key.as_str()).map(|length| self.write_of_length(key, *length));
            self.history().answered(key, Act::Saw(state), begun);
        }
        self.shared.totals.lists.fetch_add(1, Relaxed);
        Outcome::Done(())
    }

    fn write_of_length(&self, key: &str, length: usize) -> Write {
        let found = self.history().write_of_length(key, length);
        found.unwrap_or_else(|| panic!("{key} is {length} bytes long, which no write was"))
    }

    fn saw(&self, key: &str, state: State, begun: Moment) {
        self.history().answered(key, Act::Saw(state), begun);
        self.shared.totals.reads.fetch_add(1, Relaxed);
        self.gaps.succeeded(Service::Read);
    }

    /// A read that shows no object: because there is none, or because no answer came.
    fn seen_nothing(&self, key: &str, begun: Moment, outcome: Outcome<()>) -> Outcome<Option<Shown>> {
        match outcome {
            Outcome::Refused(404, code) if code == "NoSuchKey" || code == "NotFound" || code.is_empty() => {
                self.saw(key, None, begun);
                Outcome::Done(None)
            }
            Outcome::Refused(status, code) => panic!("a read of {key} was refused with {status} {code}"),
            Outcome::Done(()) | Outcome::Unanswered => self.read_failed(),
        }
    }

    fn read_failed<T>(&self) -> Outcome<T> {
        count(&self.shared.totals.failed_reads);
        Outcome::Unanswered
    }
}

impl<T> Outcome<T> {
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Self::Done(value) => Outcome::Done(change(value)),
            Self::Refused(status, code) => Outcome::Refused(status, code),
            Self::Unanswered => Outcome::Unanswered,
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

fn body(key: &str, write: Write) -> ByteStream {
    ByteStream::from(write.body(key))
}
