//! A crowd: writers of small objects under many keys, so that much is acknowledged in little time, and what is there
//! afterwards.

use crate::{
    checker::BUCKET,
    crowd_writer::{LENGTH_MAX, Writer, read},
    ledger::Ledger,
    processes::KEYS,
    support::{
        content::{HEAD_LENGTH, Write},
        sdk::{Retries, client},
    },
};
use aws_sdk_s3::{
    Client,
    primitives::ByteStream,
    types::{Delete, ObjectIdentifier},
};
use futures_util::{StreamExt, stream};
use larder::runtime::{Random, SeededRandom};
use std::{collections::BTreeSet, sync::Arc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const WRITERS: u64 = 6;
/// Reads of a check that are under way at a time.
const READERS: usize = 16;

/// How much was done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Puts, deletes and completed uploads.
    pub acknowledged: u64,
    /// Of keys that showed something.
    pub deletes: u64,
    pub reads: u64,
    /// With one winner.
    pub races: u64,
    /// Raced for at their end, and decided.
    pub uploads: u64,
    pub unanswered: u64,
}

impl Counts {
    pub fn add(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        self.deletes += other.deletes;
        self.reads += other.reads;
        self.races += other.races;
        self.uploads += other.uploads;
        self.unanswered += other.unanswered;
    }
}

pub struct Crowd {
    endpoint: String,
    ledger: Arc<Ledger>,
    rounds: u64,
}

/// A crowd at work.
pub struct AtWork {
    stop: CancellationToken,
    writers: JoinSet<Counts>,
}

impl Crowd {
    pub fn new(endpoint: &str) -> Self {
        Self { endpoint: endpoint.to_owned(), ledger: Arc::default(), rounds: 0 }
    }

    pub fn begin(&mut self, random: &SeededRandom) -> AtWork {
        let (stop, mut writers) = (CancellationToken::new(), JoinSet::new());
        for index in 0..WRITERS {
            let prefix = format!("round {}/writer {index}/", self.rounds);
            let client = client(&self.endpoint, KEYS, Retries::None);
            let writer = Writer::new(prefix, client, SeededRandom::new(random.next_u64()), self.ledger.clone());
            writers.spawn(writer.run(stop.clone()));
        }
        self.rounds += 1;
        AtWork { stop, writers }
    }

    /// Puts new objects while all is quiet.
    pub async fn fill(&mut self, objects: u64, random: &SeededRandom) {
        let client = client(&self.endpoint, KEYS, Retries::None);
        let put = |number: u64| {
            let key = format!("filled/{number}");
            let write = Write { seed: random.next_u64(), length: HEAD_LENGTH + random.below(LENGTH_MAX) as usize };
            let (client, ledger) = (client.clone(), self.ledger.clone());
            async move {
                let body = ByteStream::from(write.body(&key));
                client.put_object().bucket(BUCKET).key(&key).body(body).send().await.expect("nothing is wrong yet");
                ledger.is(&key, Some(write));
            }
        };
        stream::iter((0..objects).map(put)).buffer_unordered(READERS).collect::<()>().await;
    }

    /// Every key that may show something shows what is allowed, byte for byte, and the list names those that do and no other.
    /// How many keys were read.
    pub async fn check(&self, context: &str) -> usize {
        let client = client(&self.endpoint, KEYS, Retries::Some);
        let keys: Vec<String> =
            self.ledger.keys().into_iter().filter(|key| self.ledger.allowed(key) != [None]).collect();
        let read = |key: &String| {
            let (client, key) = (client.clone(), key.clone());
            async move {
                let state = read(&client, &key).await;
                let state = state.unwrap_or_else(|| panic!("{context}: {key} cannot be read while all is quiet"));
                let allowed = self.ledger.allowed(&key);
                assert!(allowed.contains(&state), "{context}: {key} shows {state:?}, allowed are {allowed:?}");
                state.map(|_| key)
            }
        };
        let shown: BTreeSet<String> =
            stream::iter(keys.iter().map(read)).buffer_unordered(READERS).filter_map(async |key| key).collect().await;
        let listed = list(&client, context).await;
        let differ: Vec<&String> = listed.symmetric_difference(&shown).collect();
        assert!(differ.is_empty(), "{context}: listed or read, but not both: {differ:?}");
        keys.len()
    }

    /// Deletes everything, so that a long run does not move ever more data. What comes back is met by the next check.
    pub async fn clear(&self, context: &str) {
        let client = client(&self.endpoint, KEYS, Retries::Some);
        let listed = Vec::from_iter(list(&client, context).await);
        for keys in listed.chunks(1000) {
            let objects = keys.iter().map(|key| ObjectIdentifier::builder().key(key).build().expect("it has a key"));
            let delete = Delete::builder().set_objects(Some(objects.collect())).quiet(true).build().expect("objects");
            let deleted = client.delete_objects().bucket(BUCKET).delete(delete).send().await;
            let refused = deleted.unwrap_or_else(|error| panic!("{context}: nothing is deleted: {error:?}"));
            assert!(refused.errors().is_empty(), "{context}: {:?}", refused.errors());
        }
        self.ledger.keys().iter().for_each(|key| self.ledger.is(key, None));
    }
}

async fn list(client: &Client, context: &str) -> BTreeSet<String> {
    let mut listed = BTreeSet::new();
    let mut pages = client.list_objects_v2().bucket(BUCKET).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.unwrap_or_else(|error| panic!("{context}: the list fails: {error:?}"));
        listed.extend(page.contents().iter().map(|object| object.key().expect("a key").to_owned()));
    }
    listed
}

impl AtWork {
    /// Ends after the requests under way.
    pub async fn end(self) -> Counts {
        self.stop.cancel();
        let mut sum = Counts::default();
        self.writers.join_all().await.into_iter().for_each(|counts| sum.add(counts));
        sum
    }
}
