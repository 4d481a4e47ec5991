//! What the workers of one case do: which request comes next, and what its answer has to be.
//!
//! New objects always get new keys: to write the same bytes under the same key again is not what a PUT costs.

use super::{
    content::{Contents, sha256_hex},
    exchange::{Ask, Exchange, Expected, Wrong, required_header},
    options::{Bench, Case, Operation},
};
use crate::runtime::{Random, SystemRandom};
use bytes::Bytes;
use http::{Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::{
    fmt::Write,
    sync::atomic::{AtomicU64, Ordering},
};

/// The most keys that S3 puts on a page.
const PAGE_KEYS_MAX: u64 = 1000;
/// All but what RFC 3986 leaves unreserved, as signatures want it.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// Share of reads in `mixed`.
const MIXED_GET_PERCENT: u64 = 70;

/// Shared by the workers of a case.
pub struct Workload {
    pub case: Case,
    /// `/larder-bench/RUN/CASE/`, unreserved characters and slashes only.
    prefix: String,
    contents: Contents,
    object_count: u64,
    range_length: u64,
    compare_content: bool,
    next_new: AtomicU64,
    next_deleted: AtomicU64,
}

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Put { index: u64 },
    Get { index: u64 },
    Range { index: u64, offset: u64 },
    List { first: u64 },
    Delete { index: u64 },
    Multipart { index: u64 },
}

impl Workload {
    /// `folder` is where all keys of the run lie.
    pub fn new(bench: &Bench, case: Case, folder: &str) -> Self {
        let size = case.size.bytes();
        let piece_length = match case.operation {
            Operation::Multipart => bench.part_length.bytes() as usize,
            _ => size as usize,
        };
        Self {
            case,
            prefix: format!("/{folder}{}-{}-{}/", case.operation.name(), case.size, case.concurrency),
            contents: Contents::new(size as usize, piece_length, bench.payload, |bytes| SystemRandom.fill(bytes)),
            object_count: object_count(bench, case),
            range_length: bench.range_length.bytes(),
            compare_content: bench.verify,
            next_new: AtomicU64::new(0),
            next_deleted: AtomicU64::new(0),
        }
    }

    pub fn objects_to_prepare(&self) -> u64 {
        self.object_count
    }

    /// The next operation; `None` when there is nothing left to do.
    pub fn next(&self, random: &dyn Random) -> Option<Step> {
        let made = || random.below(self.object_count);
        let put = || Step::Put { index: self.next_new.fetch_add(1, Ordering::Relaxed) };
        match self.case.operation {
            Operation::Put => Some(put()),
            Operation::Get => Some(Step::Get { index: made() }),
            Operation::Mixed if random.below(100) < MIXED_GET_PERCENT => Some(Step::Get { index: made() }),
            Operation::Mixed => Some(put()),
            Operation::Range => {
                let offset = random.below(self.case.size.bytes() - self.range_length + 1);
                Some(Step::Range { index: made(), offset })
            }
            Operation::List => Some(Step::List { first: random.below(self.object_count - self.page_keys() + 1) }),
            Operation::Delete => {
                let index = self.next_deleted.fetch_add(1, Ordering::Relaxed);
                (index < self.object_count).then_some(Step::Delete { index })
            }
            Operation::Multipart => Some(Step::Multipart { index: self.next_new.fetch_add(1, Ordering::Relaxed) }),
        }
    }

    /// Does it and checks the answer. Returns how many bytes of objects moved.
    pub async fn perform(&self, step: Step, exchange: &mut Exchange) -> Result<u64, Wrong> {
        match step {
            Step::Put { index } => self.put(exchange, &self.new_key(index), index).await,
            Step::Get { index } => self.get(exchange, index).await,
            Step::Range { index, offset } => self.get_range(exchange, index, offset).await,
            Step::List { first } => self.list(exchange, first).await,
            Step::Delete { index } => self.delete(exchange, index).await,
            Step::Multipart { index } => self.multipart(exchange, index).await,
        }
    }

    /// Makes one of the objects that the case reads.
    pub async fn make(&self, index: u64, exchange: &mut Exchange) -> Result<u64, Wrong> {
        self.put(exchange, &self.made_key(index), index).await
    }

    fn made_key(&self, index: u64) -> String {
        format!("{}made/{index:010}", self.prefix)
    }

    fn new_key(&self, index: u64) -> String {
        format!("{}new/{index:010}", self.prefix)
    }

    fn page_keys(&self) -> u64 {
        self.object_count.min(PAGE_KEYS_MAX)
    }

    fn expected(&self, bytes: Bytes) -> Expected {
        if self.compare_content { Expected::Content(bytes) } else { Expected::Length(bytes) }
    }

    async fn put(&self, exchange: &mut Exchange, key: &str, index: u64) -> Result<u64, Wrong> {
        let body = self.contents.body(index);
        let count = body.len() as u64;
        let ask = Ask { body, payload_hash: self.contents.payload_hash(index, 0), ..Ask::new(Method::PUT, key, "") };
        let answer = exchange.ask(ask, StatusCode::OK, Expected::Anything).await?;
        required_header(&answer, "etag")?;
        Ok(count)
    }

    async fn get(&self, exchange: &mut Exchange, index: u64) -> Result<u64, Wrong> {
        let body = self.contents.body(index);
        let count = body.len() as u64;
        let key = self.made_key(index);
        exchange.ask(Ask::new(Method::GET, &key, ""), StatusCode::OK, self.expected(body)).await?;
        Ok(count)
    }

    async fn get_range(&self, exchange: &mut Exchange, index: u64, offset: u64) -> Result<u64, Wrong> {
        let end = offset + self.range_length;
        let expected = self.contents.body(index).slice(offset as usize..end as usize);
        let key = self.made_key(index);
        let ask = Ask { range: Some((offset, end - 1)), ..Ask::new(Method::GET, &key, "") };
        exchange.ask(ask, StatusCode::PARTIAL_CONTENT, self.expected(expected)).await?;
        Ok(self.range_length)
    }

    async fn list(&self, exchange: &mut Exchange, first: u64) -> Result<u64, Wrong> {
        let prefix = format!("{}made/", self.prefix);
        let mut query =
            format!("list-type=2&max-keys={PAGE_KEYS_MAX}&prefix={}", encoded(prefix.trim_start_matches('/')));
        if first > 0 {
            let before = self.made_key(first - 1);
            query.push_str("&start-after=");
            query.push_str(&encoded(before.trim_start_matches('/')));
        }
        let answer = exchange.ask(Ask::new(Method::GET, "", &query), StatusCode::OK, Expected::Document).await?;
        let found = count_keys(answer.body());
        let expected = self.page_keys() as usize;
        if found == expected { Ok(0) } else { Err(Wrong::Keys { expected, found }) }
    }

    async fn delete(&self, exchange: &mut Exchange, index: u64) -> Result<u64, Wrong> {
        let key = self.made_key(index);
        exchange.ask(Ask::new(Method::DELETE, &key, ""), StatusCode::NO_CONTENT, Expected::Anything).await?;
        Ok(0)
    }

    async fn multipart(&self, exchange: &mut Exchange, index: u64) -> Result<u64, Wrong> {
        let key = self.new_key(index);
        let create = Ask::new(Method::POST, &key, "uploads=");
        let created = exchange.ask(create, StatusCode::OK, Expected::Document).await?;
        let upload = element(created.body(), "UploadId").ok_or(Wrong::Missing("UploadId"))?;

        let mut document = String::from("<CompleteMultipartUpload>");
        for position in 0..self.contents.piece_count() {
            let number = position + 1;
            let (body, payload_hash) =
                (self.contents.piece(index, position), self.contents.payload_hash(index, position));
            let query = format!("partNumber={number}&uploadId={}", encoded(&upload));
            let ask = Ask { body, payload_hash, ..Ask::new(Method::PUT, &key, &query) };
            let answer = exchange.ask(ask, StatusCode::OK, Expected::Anything).await?;
            let etag = required_header(&answer, "etag")?.to_str().map_err(|_| Wrong::Missing("ETag"))?;
            // Writing to a String does not fail.
            let _ = write!(document, "<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
        }
        document.push_str("</CompleteMultipartUpload>");

        let hash = sha256_hex(document.as_bytes());
        let query = format!("uploadId={}", encoded(&upload));
        let complete = Ask { body: Bytes::from(document), payload_hash: &hash, ..Ask::new(Method::POST, &key, &query) };
        let completed = exchange.ask(complete, StatusCode::OK, Expected::Document).await?;
        // S3 may answer 200 before it knows, with the error in the body.
        element(completed.body(), "ETag").ok_or(Wrong::Missing("ETag"))?;
        Ok(self.case.size.bytes())
    }
}

fn object_count(bench: &Bench, case: Case) -> u64 {
    match case.operation {
        Operation::Put | Operation::Multipart => 0,
        _ => {
            let that_fit = bench.fill_limit.bytes() / case.size.bytes().max(1);
            u64::from(bench.objects.get()).min(that_fit).max(1)
        }
    }
}

fn encoded(value: &str) -> String {
    utf8_percent_encode(value, RESERVED).to_string()
}

fn count_keys(document: &[u8]) -> usize {
    document.split(|byte| *byte == b'<').filter(|piece| piece.starts_with(b"Key>")).count()
}

/// The text of the first element of that name.
fn element(document: &[u8], name: &str) -> Option<String> {
    let text = str::from_utf8(document).ok()?;
    let (_, behind) = text.split_once(&format!("<{name}>"))?;
    Some(behind.split_once('<')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::bench::options::tests::parse, runtime::SeededRandom, types::ByteSize};

    fn workload(operation: Operation, arguments: &str) -> Workload {
        Workload::new(&parse(arguments), Case { operation, size: ByteSize::kib(4), concurrency: 1 }, "run/")
    }

    #[test]
    fn steps_stay_within_what_was_made() {
        let random = SeededRandom::new(7);
        let range = workload(Operation::Range, "--objects 3 --range-length 4095");
        let list = workload(Operation::List, "--objects 1002");
        for _ in 0..200 {
            let Some(Step::Range { index, offset }) = range.next(&random) else { panic!("a range step") };
            assert!(index < 3 && offset <= 1);
            let Some(Step::List { first }) = list.next(&random) else { panic!("a list step") };
            assert!(first <= 2);
        }
        let delete = workload(Operation::Delete, "--objects 2");
        assert_eq!(delete.next(&random), Some(Step::Delete { index: 0 }));
        assert_eq!(delete.next(&random), Some(Step::Delete { index: 1 }));
        assert_eq!(delete.next(&random), None);
    }

    #[test]
    fn new_objects_never_share_a_key_and_the_fill_limit_holds() {
        let random = SeededRandom::new(7);
        let put = workload(Operation::Put, "");
        assert_ne!(put.next(&random), put.next(&random));
        assert_eq!(put.objects_to_prepare(), 0);
        assert_eq!(workload(Operation::Get, "--fill-limit 16KiB").objects_to_prepare(), 4);
        assert_eq!(workload(Operation::Get, "--fill-limit 1").objects_to_prepare(), 1);
    }

    #[test]
    fn answers_are_read_without_a_parser() {
        let list = b"<R><Name>Key</Name><Contents><Key>a</Key></Contents><Contents><Key>Key&gt;</Key></Contents></R>";
        assert_eq!(count_keys(list), 2);
        assert_eq!(element(b"<R><UploadId>x/y</UploadId></R>", "UploadId").as_deref(), Some("x/y"));
        assert_eq!(element(b"<Error/>", "UploadId"), None);
        assert_eq!(encoded("a/b c~"), "a%2Fb%20c~");
    }
}
