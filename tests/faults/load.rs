//! The load: some clients that change and read the same few keys until they are stopped, so that they meet.

use crate::{
    actor::{Actor, Outcome, Shared},
    support::content::Write,
    totals::Gaps,
    upload::End,
};
use larder::runtime::{Random, SeededRandom};
use std::{sync::Arc, time::Duration};
use tokio::{net::TcpStream, task::JoinSet};
use tokio_util::sync::CancellationToken;

const CLIENTS: u64 = 6;
/// Keys of a round: few, so that histories are dense.
const KEYS: u64 = 10;
/// After a failure, before the next try: what fails at once would else fill the histories with unanswered requests.
const PAUSE: Duration = Duration::from_millis(100);
/// Conditional requests that race for one key.
const RACERS: usize = 3;
/// Blocks of 60 kB of a write in two parts.
const TWO_PARTS: u64 = 88;

pub struct Load {
    stop: CancellationToken,
    clients: JoinSet<()>,
    gaps: Arc<Gaps>,
}

impl Load {
    /// `prefix` is that of the round's keys.
    pub fn start(endpoint: &str, prefix: &str, shared: &Shared, random: &SeededRandom) -> Self {
        let (stop, gaps, mut clients) = (CancellationToken::new(), Arc::new(Gaps::new()), JoinSet::new());
        shared.history.know((0..KEYS).map(|number| format!("{prefix}{number}")));
        for _ in 0..CLIENTS {
            let actor = Actor::new(endpoint, shared.clone(), gaps.clone());
            let address = endpoint.trim_start_matches("http://").to_owned();
            let random = SeededRandom::new(random.next_u64());
            let client = Client { actor, address, random, prefix: prefix.to_owned() };
            clients.spawn(client.run(stop.clone()));
        }
        Self { stop, clients, gaps }
    }

    /// Ends after the requests under way. The longest gaps of writes and of reads.
    pub async fn stop(self) -> [Duration; 2] {
        let longest = self.gaps.longest();
        self.stop.cancel();
        self.clients.join_all().await;
        longest
    }
}

struct Client {
    actor: Actor,
    /// `host:port`
    address: String,
    random: SeededRandom,
    prefix: String,
}

impl Client {
    async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let key = format!("{}{}", self.prefix, self.random.below(KEYS));
            if let Outcome::Unanswered = self.act(&key).await {
                tokio::time::sleep(PAUSE).await;
                while TcpStream::connect(&self.address).await.is_err() && !stop.is_cancelled() {
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn act(&self, key: &str) -> Outcome<()> {
        match self.random.below(40) {
            0..10 => self.actor.put(key, self.write(key)).await,
            10..20 => self.actor.get(key).await.map(drop),
            20..23 => self.actor.get_range(key, self.random.below(100_000), 1 + self.random.below(100_000)).await,
            23..26 => self.actor.head(key).await,
            26..30 => self.actor.delete(key).await,
            30..33 => self.list().await,
            33 => self.create_race(key).await,
            34..36 => self.swap_race(key).await,
            36 => self.actor.create(key, self.write(key)).await,
            _ => self.upload(key).await,
        }
    }

    /// Mostly of one chunk, some of several.
    fn write(&self, key: &str) -> Write {
        let blocks = match self.random.below(8) {
            0 => 5 + self.random.below(25),
            1 | 2 => self.random.below(5),
            _ => 0,
        };
        self.actor.new_write(key, self.random.next_u64(), blocks)
    }

    async fn list(&self) -> Outcome<()> {
        match self.random.below(2) {
            0 => self.actor.list(&self.prefix, "", 1000).await,
            _ => {
                let after = format!("{}{}", self.prefix, self.random.below(KEYS));
                self.actor.list(&self.prefix, &after, 3).await
            }
        }
    }

    async fn create_race(&self, key: &str) -> Outcome<()> {
        let writes: Vec<Write> = (0..RACERS).map(|_| self.write(key)).collect();
        worst(futures_util::future::join_all(writes.into_iter().map(|write| self.actor.create(key, write))).await)
    }

    async fn swap_race(&self, key: &str) -> Outcome<()> {
        let (from, etag) = match self.actor.get(key).await {
            Outcome::Done(Some(shown)) => shown,
            other => return other.map(drop),
        };
        let writes: Vec<Write> = (0..RACERS).map(|_| self.write(key)).collect();
        let swaps = writes.into_iter().map(|write| self.actor.swap(key, from, &etag, write));
        worst(futures_util::future::join_all(swaps).await)
    }

    async fn upload(&self, key: &str) -> Outcome<()> {
        let end = match self.random.below(6) {
            0 => End::Aborted,
            1 => End::Abandoned,
            2 => End::CompletedTwice,
            3 | 4 => End::CompletedAndAborted,
            _ => End::Completed,
        };
        let write = match self.random.below(12) {
            0 => self.actor.new_write(key, self.random.next_u64(), TWO_PARTS),
            _ => self.write(key),
        };
        self.actor.upload(key, write, end).await
    }
}

fn worst(outcomes: Vec<Outcome<()>>) -> Outcome<()> {
    match outcomes.iter().any(|outcome| matches!(outcome, Outcome::Unanswered)) {
        true => Outcome::Unanswered,
        false => Outcome::Done(()),
    }
}
