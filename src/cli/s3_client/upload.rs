//! Uploads: one request for what is small, parallel parts for what is big or of unknown length.

use super::{
    connection::{Connection, object_path, store_error},
    interrupt::{Interrupted, Interrupts},
    location::Location,
    progress::Progress,
};
use anyhow::{Context, anyhow, ensure};
use bytes::{Bytes, BytesMut};
use futures_util::TryFutureExt;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload, aws::AmazonS3, path::Path};
use std::{io, os::fd::AsFd, path::PathBuf, pin::pin};
use tokio::{
    fs::File,
    io::{AsyncRead, AsyncReadExt},
    task::JoinSet,
};

/// Shortest part, and what is sent in one request. Above S3's least part of 5 MiB, small enough to be sent again.
const PART_LENGTH_BYTES: u64 = 8 << 20;
/// Parts in flight: fills a fast line, and with the part being read bounds memory to 72 MiB for files up to 80 GiB.
const PARTS_IN_FLIGHT: usize = 8;
/// S3 allows 10 000 parts. Doubling the length behind every 1000 parts reaches S3's largest object from any start.
const PARTS_PER_LENGTH: u64 = 1000;
/// S3's longest part.
const PART_LENGTH_MAX_BYTES: u64 = 5 << 30;

/// Where the bytes come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    StandardInput,
    File(PathBuf),
}

impl Source {
    /// `-` is standard input.
    pub fn from_argument(argument: &str) -> Self {
        if argument == "-" { Self::StandardInput } else { Self::File(PathBuf::from(argument)) }
    }

    /// The length is known of regular files alone.
    async fn open(&self) -> anyhow::Result<(File, Option<u64>)> {
        let path = match self {
            Self::StandardInput => {
                let owned = io::stdin().as_fd().try_clone_to_owned().context("standard input is closed")?;
                return Ok((File::from_std(owned.into()), None));
            }
            Self::File(path) => path,
        };
        let describe = || format!("cannot read {}", path.display());
        let file = File::open(path).await.with_context(describe)?;
        let metadata = file.metadata().await.with_context(describe)?;
        ensure!(!metadata.is_dir(), "{} is a directory", path.display());
        Ok((file, metadata.is_file().then_some(metadata.len())))
    }
}

/// Afterwards the object is there with all bytes of the source, or nothing changed and no parts are left behind, also
/// when it was interrupted. Cancelled otherwise, parts may be left.
pub async fn upload(connection: &Connection, source: &Source, location: &Location) -> anyhow::Result<()> {
    let store = connection.store(&location.bucket)?;
    let path = object_path(&location.key)?;
    let (mut reader, length) = source.open().await?;
    let progress = Progress::begin(format!("put {location}"), length);

    let first = read_part(&mut reader, PART_LENGTH_BYTES).await.context("cannot read the source")?;
    if (first.len() as u64) < PART_LENGTH_BYTES {
        let count = first.len() as u64;
        store.put(&path, PutPayload::from(first)).await.map_err(|error| begin_error(error, location))?;
        progress.add(count);
    } else {
        // Before there is an upload to be left behind.
        let mut interrupts = Interrupts::listen()?;
        let mut upload = begin_upload(&store, &path, location, &mut interrupts).await?;
        if let Err(error) = interrupts.unless(send_parts(upload.as_mut(), first, &mut reader, &progress)).await {
            abort(upload.as_mut(), &mut interrupts).await;
            return Err(error);
        }
    }
    progress.finish();
    Ok(())
}

/// Begins an upload of parts. Only the answer names it, so an interruption waits for that, and ends the upload.
async fn begin_upload(
    store: &AmazonS3,
    path: &Path,
    location: &Location,
    interrupts: &mut Interrupts,
) -> anyhow::Result<Box<dyn MultipartUpload>> {
    let mut beginning = pin!(store.put_multipart(path).map_err(|error| begin_error(error, location)));
    let begun = interrupts.unless(&mut beginning).await;
    if let Err(error) = &begun
        && error.is::<Interrupted>()
        && let Ok(mut upload) = interrupts.unless(beginning).await
    {
        abort(upload.as_mut(), interrupts).await;
    }
    begun
}

/// Best effort: the reason why the upload failed matters more than why it could not be cleared. A second signal ends the
/// waiting for a server that does not answer.
async fn abort(upload: &mut dyn MultipartUpload, interrupts: &mut Interrupts) {
    let _ = interrupts.unless(upload.abort().map_err(store_error)).await;
}

/// No object has to be there for an upload, so what is not found is the bucket.
fn begin_error(error: object_store::Error, location: &Location) -> anyhow::Error {
    match error {
        object_store::Error::NotFound { .. } => anyhow!("there is no bucket `{}`", location.bucket),
        other => store_error(other),
    }
}

fn part_error(error: object_store::Error) -> anyhow::Error {
    match error {
        object_store::Error::NotFound { .. } => anyhow!("the upload was aborted meanwhile, or its bucket is gone"),
        other => store_error(other),
    }
}

async fn send_parts(
    upload: &mut dyn MultipartUpload,
    first: Bytes,
    reader: &mut (dyn AsyncRead + Send + Unpin),
    progress: &Progress,
) -> anyhow::Result<()> {
    let mut in_flight = JoinSet::new();
    let mut part = first;
    let mut sent_count = 0_u64;
    while !part.is_empty() {
        if in_flight.len() == PARTS_IN_FLIGHT {
            finish_one(&mut in_flight, progress).await?;
        }
        let length = part.len() as u64;
        let sending = upload.put_part(PutPayload::from(part));
        in_flight.spawn(async move { sending.await.map(|()| length) });
        sent_count += 1;
        part = read_part(reader, part_length(sent_count)).await.context("cannot read the source")?;
    }
    while !in_flight.is_empty() {
        finish_one(&mut in_flight, progress).await?;
    }
    upload.complete().await.map_err(part_error)?;
    Ok(())
}

async fn finish_one(in_flight: &mut JoinSet<object_store::Result<u64>>, progress: &Progress) -> anyhow::Result<()> {
    if let Some(finished) = in_flight.join_next().await {
        progress.add(finished?.map_err(part_error)?);
    }
    Ok(())
}

/// Length of the part behind `sent_count` parts.
fn part_length(sent_count: u64) -> u64 {
    let doublings = (sent_count / PARTS_PER_LENGTH).min(32);
    (PART_LENGTH_BYTES << doublings).min(PART_LENGTH_MAX_BYTES)
}

/// `length` bytes, or fewer at the end.
async fn read_part(reader: &mut (dyn AsyncRead + Send + Unpin), length: u64) -> io::Result<Bytes> {
    let mut part = BytesMut::new();
    let mut limited = reader.take(length);
    while limited.read_buf(&mut part).await? > 0 {
        if part.len() == part.capacity() {
            part.reserve(part.len().clamp(64 << 10, 1 << 20));
        }
    }
    Ok(part.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn part_lengths_grow_so_that_ten_thousand_parts_hold_the_largest_object() {
        let total: u64 = (0..10_000).map(part_length).sum();
        assert!(total >= 5 << 40, "{total}");
        assert_eq!((part_length(0), part_length(999), part_length(1000)), (8 << 20, 8 << 20, 16 << 20));
        assert_eq!(part_length(u64::MAX), PART_LENGTH_MAX_BYTES);
    }

    #[tokio::test]
    async fn a_part_ends_at_its_length_and_at_the_end_of_the_source() {
        let source: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        let mut reader: &[u8] = &source;
        let first = read_part(&mut reader, 70_000).await.unwrap();
        let second = read_part(&mut reader, 70_000).await.unwrap();
        let third = read_part(&mut reader, 70_000).await.unwrap();
        assert_eq!((first.len(), second.len(), third.len()), (70_000, 30_000, 0));
        assert!([first, second].concat() == source);
    }
}
