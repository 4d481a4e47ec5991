//! Measurements for `docs/performance.md`, run by hand:
//! `cargo test --release --lib metadata::tests::measure -- --ignored --nocapture --test-threads 1`.

use super::{fixture::*, lifecycle, rebuild};
use crate::metadata::{
    Command, MetadataSettings,
    command::VersionSelector,
    rows::{ListMarker, ReadFrom},
};
use futures_util::{StreamExt, stream};
use std::time::Instant;

/// CPU time of the process in microseconds: user and system time of `/proc/self/stat`, in ticks of 10 ms.
fn cpu_micros() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    ticks * 10_000
}

struct Measurement {
    what: String,
    began: Instant,
    cpu: u64,
}

impl Measurement {
    fn begin(what: impl Into<String>) -> Self {
        Self { what: what.into(), began: Instant::now(), cpu: cpu_micros() }
    }

    fn end(self, operations: u64) {
        let cpu = (cpu_micros() - self.cpu) as f64 / operations as f64;
        let rate = operations as f64 / self.began.elapsed().as_secs_f64();
        println!("{:50} {cpu:9.1} us CPU each, {rate:9.0} a second", self.what);
    }
}

async fn unrecorded() -> Fixture {
    let fixture =
        Fixture::with(MetadataSettings { metadata_cache: crate::types::ByteSize::mib(64), ..settings() }).await;
    let folder = fixture.folder.path().join("metadata");
    fixture.metadata.close().await;
    Fixture { metadata: open(&folder, &settings(), hooks()).await, ..fixture }
}

const OBJECTS: u64 = 20_000;

/// What a recovery does behind its snapshot.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn rebuilding() {
    let fixture = Fixture::new().await;
    let snapshot = fixture.folder.path().join("snapshot");
    let taken = fixture.metadata.backup(&snapshot).await.unwrap().committed;
    for _ in 0..5 {
        put_all(&fixture, 64, "put before").await;
    }
    for length in [1, 8, 256] {
        let batches = rebuild::batches(&fixture, taken, length);
        let mut rebuilding = rebuild::begin(&snapshot, &fixture.folder.path().join(format!("rebuilt-{length}"))).await;
        let measurement = Measurement::begin(format!("rebuild of batches of {length}"));
        rebuilding.apply(&batches).await.unwrap();
        measurement.end(rebuilding.newest().0 - taken.0);
        rebuilding.finish().await.unwrap();
    }
}

async fn put_all(fixture: &Fixture, in_flight: usize, what: &str) {
    let measurement = Measurement::begin(format!("{what}, {in_flight} in flight"));
    stream::iter(0..OBJECTS)
        .map(|index| async move {
            fixture.put(&format!("{:04}/{:010}", index % 1000, index * 7919), &[4096]).await;
        })
        .buffer_unordered(in_flight)
        .count()
        .await;
    measurement.end(OBJECTS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn commands_and_queries() {
    let fixture = &unrecorded().await;
    put_all(fixture, 32, "put of a small object").await;
    put_all(fixture, 32, "overwrite of a small object").await;
    put_all(fixture, 256, "overwrite of a small object").await;

    let measurement = Measurement::begin("step that unrolls 1000 rows");
    let steps = fixture.unroll().await;
    measurement.end(u64::from(steps));

    for (what, from) in [("look-up for GET", ReadFrom::Offset(0)), ("look-up for HEAD", ReadFrom::Nothing)] {
        let bucket = "bucket".parse().unwrap();
        let measurement = Measurement::begin(what);
        for index in 0..OBJECTS {
            let name = key(&format!("{:04}/{:010}", index % 1000, index * 7919));
            fixture.metadata.lookup_in(&bucket, &name, VersionSelector::Latest, from).await.unwrap();
        }
        measurement.end(OBJECTS);
    }

    let measurement = Measurement::begin("list page of 1000 of 20000");
    for page in 0..200 {
        let after = Some(ListMarker::Key(format!("{:04}", page * 4)));
        assert_eq!(fixture.list("", "", after, 1000).await.entries.len(), 1000);
    }
    measurement.end(200);

    let measurement = Measurement::begin("list of 1000 prefixes of 20 keys");
    for _ in 0..200 {
        assert_eq!(fixture.list("", "/", None, 1000).await.entries.len(), 1000);
    }
    measurement.end(200);

    let measurement = Measurement::begin("delete of a small object, 32 in flight");
    stream::iter(0..OBJECTS)
        .map(|index| async move {
            let delete = fixture.delete_of(&format!("{:04}/{:010}", index % 1000, index * 7919));
            fixture.done(Command::DeleteObject(delete)).await;
        })
        .buffer_unordered(32)
        .count()
        .await;
    measurement.end(OBJECTS);
}

/// The same puts in turns, into a bucket with lifecycle rules and into one without.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn writes_of_a_bucket_with_lifecycle_rules() {
    for _ in 0..3 {
        let fixture = unrecorded().await;
        put_all(&fixture, 32, "put, no rules").await;
        put_all(&fixture, 32, "overwrite, no rules").await;
        let fixture = unrecorded().await;
        fixture.done(lifecycle::set_rules(fixture.bucket)).await;
        put_all(&fixture, 32, "put, with rules").await;
        put_all(&fixture, 32, "overwrite, with rules").await;
    }
}

/// What `clear-orphans` does before it clears anything.
#[tokio::test]
#[ignore = "a measurement"]
async fn walk_over_all_extents() {
    const EXTENTS: u64 = 1_000_000;
    let fixture = unrecorded().await;
    fixture
        .prepare(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)
            INSERT INTO extents SELECT i, 0, randomblob(16), 0, 4096 FROM n",
        )
        .await;
    let measurement = Measurement::begin("extents in order, 2000 a page");
    let (mut after, mut walked) = (None, 0);
    loop {
        let page = fixture.metadata.extents_in_order(after, 2000).await.unwrap();
        let Some(last) = page.last() else { break };
        (after, walked) = (Some(last.place), walked + page.len() as u64);
    }
    assert_eq!(walked, EXTENTS);
    measurement.end(walked);
}

/// Lists and look-ups of the latest versions of a million keys, first with one version each and then with ten.
#[tokio::test]
#[ignore = "a measurement"]
async fn the_latest_of_a_million_keys_with_many_versions() {
    for versions in [1, 10] {
        let fixture = unrecorded().await;
        let rows = format!(
            "WITH RECURSIVE k (k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM k WHERE k < 999999),
                v (v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM v WHERE v < {versions})
            INSERT INTO versions (bucket, key, sequence, version, is_null, is_latest, is_delete_marker, created, owner, size, etag)
            SELECT {}, CAST(printf('%03d/%07d', k / 1000, k) AS BLOB), 10 + v, CAST(printf('%016d', v) AS BLOB), 0,
                v = {versions}, 0, 0, 'owner', 0, '\"d41d8cd98f00b204e9800998ecf8427e\"'
            FROM k CROSS JOIN v",
            fixture.bucket.0
        );
        fixture.prepare(rows.leak()).await;
        let what = |what: &str| format!("{what}, {versions} versions a key");
        for _ in 0..2 {
            let measurement = Measurement::begin(what("list page of 1000 keys"));
            for page in 0..500 {
                let after = Some(ListMarker::Key(format!("{:03}/", page * 2)));
                assert_eq!(fixture.list("", "", after, 1000).await.entries.len(), 1000);
            }
            measurement.end(500);
            let measurement = Measurement::begin(what("list of 1000 prefixes of 1000 keys"));
            for _ in 0..50 {
                assert_eq!(fixture.list("", "/", None, 1000).await.entries.len(), 1000);
            }
            measurement.end(50);
        }
    }
}
