//! What a benchmark run is asked to do.

use crate::{
    cli::s3_client::AccessFlags,
    types::{BucketName, ByteSize, HumanDuration},
};
use anyhow::ensure;
use clap::{Args, ValueEnum};
use std::{fmt, num::NonZeroU32};

/// Largest object of a case: its bytes are kept in memory.
const SIZE_MAX_BYTES: u64 = 4 << 30;
/// S3's least part, except for the last of an upload.
const PART_LENGTH_MIN_BYTES: u64 = 5 << 20;
/// S3's most parts of an upload.
const PARTS_MAX: u64 = 10_000;

/// Measure any S3 server: rates, latencies, CPU time per operation.
#[derive(Clone, Debug, Args)]
pub struct Bench {
    /// What to measure, one after the other [default: put get mixed range list delete]
    #[arg(value_name = "OPERATION")]
    operations: Vec<Operation>,
    /// Sizes of objects
    #[arg(long, value_delimiter = ',', default_value = "4KiB")]
    sizes: Vec<ByteSize>,
    /// Requests in flight, each on a connection of its own
    #[arg(long, value_delimiter = ',', default_value = "32")]
    concurrency: Vec<NonZeroU32>,
    /// How long each case runs, unless --count ends it earlier
    #[arg(long, default_value = "10s")]
    pub duration: HumanDuration,
    /// How many operations each case does at most
    #[arg(long)]
    pub count: Option<u64>,
    /// Objects made for get, mixed, range, list and delete; fewer when --fill-limit is reached
    #[arg(long, default_value = "2000")]
    pub objects: NonZeroU32,
    /// Bytes that such objects take together at most
    #[arg(long, default_value = "1GiB")]
    pub fill_limit: ByteSize,
    /// Bytes that a range request asks for
    #[arg(long, default_value = "4KiB")]
    pub range_length: ByteSize,
    /// Length of the parts of a multipart upload
    #[arg(long, default_value = "8MiB")]
    pub part_length: ByteSize,
    /// Whether x-amz-content-sha256 of a body is its hash or UNSIGNED-PAYLOAD
    #[arg(long, value_enum, default_value = "unsigned")]
    pub payload: Payload,
    /// Compare every byte that is read with what was written, not its count alone
    #[arg(long)]
    pub verify: bool,
    /// A process of the server, on this machine: its CPU time and peak memory are reported; may be repeated
    #[arg(long = "pid")]
    pub pids: Vec<u32>,
    /// Threads that the workers share; more than one only when a core is not enough for the client
    #[arg(long, default_value = "1")]
    pub threads: NonZeroU32,
    /// Bucket to work in; made when it does not exist
    #[arg(long, default_value = "larder-bench")]
    pub bucket: BucketName,
    /// Leave the objects
    #[arg(long)]
    pub keep: bool,
    /// Print one JSON document instead of a table
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub access: AccessFlags,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Operation {
    /// PutObject, each to a new key
    Put,
    /// GetObject of one of the made objects
    Get,
    /// 70 % get, 30 % put
    Mixed,
    /// GetObject with a range within one of the made objects
    Range,
    /// ListObjectsV2, one page of up to 1000 keys
    List,
    /// DeleteObject; ends when all made objects are gone
    Delete,
    /// CreateMultipartUpload, all UploadParts one after the other, CompleteMultipartUpload: one operation
    Multipart,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Payload {
    Unsigned,
    Signed,
}

/// One line of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    pub operation: Operation,
    pub size: ByteSize,
    pub concurrency: u32,
}

impl Operation {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Get => "get",
            Self::Mixed => "mixed",
            Self::Range => "range",
            Self::List => "list",
            Self::Delete => "delete",
            Self::Multipart => "multipart",
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} x{}", self.operation.name(), self.size, self.concurrency)
    }
}

impl Bench {
    const DEFAULT_OPERATIONS: [Operation; 6] =
        [Operation::Put, Operation::Get, Operation::Mixed, Operation::Range, Operation::List, Operation::Delete];

    /// What clap cannot see.
    pub fn check(&self) -> anyhow::Result<()> {
        let operations = self.operations();
        for size in &self.sizes {
            ensure!(size.bytes() <= SIZE_MAX_BYTES, "sizes above {} are not kept in memory", ByteSize(SIZE_MAX_BYTES));
            if operations.contains(&Operation::Range) {
                let fits = self.range_length.bytes() <= size.bytes();
                ensure!(fits, "a range of {} does not fit into objects of {size}", self.range_length);
            }
            if operations.contains(&Operation::Multipart) {
                let parts = size.bytes().div_ceil(self.part_length.bytes().max(1));
                ensure!((1..=PARTS_MAX).contains(&parts), "{size} makes {parts} parts; S3 takes 1 to {PARTS_MAX}");
            }
        }
        ensure!(
            !self.duration.0.is_zero() && self.count != Some(0),
            "a case that has no time or no operations measures nothing"
        );
        ensure!(self.range_length.bytes() > 0, "a range has at least one byte");
        let least = ByteSize(PART_LENGTH_MIN_BYTES);
        ensure!(self.part_length >= least, "S3 takes no parts shorter than {least}");
        Ok(())
    }

    fn operations(&self) -> &[Operation] {
        if self.operations.is_empty() { &Self::DEFAULT_OPERATIONS } else { &self.operations }
    }

    /// Every operation with every size with every concurrency, in this order.
    pub fn cases(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        for operation in self.operations() {
            for size in &self.sizes {
                for concurrency in &self.concurrency {
                    cases.push(Case { operation: *operation, size: *size, concurrency: concurrency.get() });
                }
            }
        }
        cases
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct CommandLine {
        #[command(flatten)]
        bench: Bench,
    }

    pub fn parse(arguments: &str) -> Bench {
        CommandLine::try_parse_from(format!("bench {arguments}").split_whitespace()).unwrap().bench
    }

    #[test]
    fn cases_are_the_product_of_operations_sizes_and_concurrencies() {
        let cases: Vec<String> =
            parse("get put --sizes 4KiB,1MiB --concurrency 1,8").cases().iter().map(Case::to_string).collect();
        assert_eq!(
            cases,
            [
                "get 4KiB x1",
                "get 4KiB x8",
                "get 1MiB x1",
                "get 1MiB x8",
                "put 4KiB x1",
                "put 4KiB x8",
                "put 1MiB x1",
                "put 1MiB x8"
            ]
        );
        assert_eq!(parse("").cases().len(), 6);
    }

    #[test]
    fn what_s3_would_refuse_or_measures_nothing_is_refused_before_the_run() {
        for good in ["", "range --sizes 64MiB", "multipart --sizes 16MiB", "put --sizes 0"] {
            assert!(parse(good).check().is_ok(), "{good}");
        }
        for bad in [
            "range --sizes 1KiB",
            "range --range-length 0",
            "multipart --part-length 1MiB",
            "multipart --sizes 0",
            "put --sizes 1TiB",
            "get --duration 0s",
            "get --count 0",
        ] {
            assert!(parse(bad).check().is_err(), "{bad}");
        }
    }
}
