//! Downloads: parallel ranges of one and the same version of the object, into a file or in order to standard output.

use super::{
    connection::{Connection, object_path, store_error},
    interrupt::Interrupts,
    location::Location,
    progress::Progress,
    target::{PartialFile, Target, open_to_write_into},
};
use anyhow::{Context, ensure};
use bytes::Bytes;
use futures_util::{StreamExt, TryFutureExt, TryStreamExt, stream};
use object_store::{
    GetOptions, GetResult, ObjectMeta, ObjectStore, ObjectStoreExt, aws::AmazonS3, path::Path as ObjectPath,
};
use std::{
    fs::File,
    io::{Write, stdout},
    ops::Range,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::task::spawn_blocking;

/// One request's worth: small enough to be asked for again.
const RANGE_LENGTH_BYTES: u64 = 8 << 20;
/// Ranges in flight: fills a fast line and bounds memory to 64 MiB.
const RANGES_IN_FLIGHT: usize = 8;

/// Where the bytes go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    StandardOutput,
    File(PathBuf),
}

/// A file appears under its name only when all bytes are in it; before, it is one whose name begins with `.` and ends in
/// `.part`, which is removed when the download fails, is interrupted or cancelled. Of what is no regular file the bytes
/// that were written stay.
pub async fn download(connection: &Connection, location: &Location, destination: &Destination) -> anyhow::Result<()> {
    let object = OpenObject::open(connection, location).await?;
    match destination {
        Destination::StandardOutput => object.write_in_order(&mut stdout()).await,
        Destination::File(path) => match Target::find(path)? {
            Target::StandardOutput => object.write_in_order(&mut stdout()).await,
            Target::WrittenInto(path) => object.write_in_order(&mut open_to_write_into(&path)?).await,
            Target::Replaced(path) => Interrupts::listen()?.unless(object.write_to_file(&path)).await,
        },
    }
}

struct OpenObject {
    store: AmazonS3,
    path: ObjectPath,
    meta: ObjectMeta,
    progress: Progress,
}

impl OpenObject {
    async fn open(connection: &Connection, location: &Location) -> anyhow::Result<Self> {
        let store = connection.store(&location.bucket)?;
        let path = object_path(&location.key)?;
        let meta = store.head(&path).await.map_err(store_error)?;
        let progress = Progress::begin(format!("get {location}"), Some(meta.size));
        Ok(Self { store, path, meta, progress })
    }

    async fn write_in_order(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let mut in_order =
            stream::iter(ranges(self.meta.size)).map(|range| self.fetch(range)).buffered(RANGES_IN_FLIGHT);
        while let Some((_, bytes)) = in_order.try_next().await? {
            out.write_all(&bytes).context("cannot write what was received")?;
        }
        out.flush()?;
        self.progress.finish();
        Ok(())
    }

    async fn write_to_file(&self, path: &Path) -> anyhow::Result<()> {
        let (partial, file) = PartialFile::create(path)?;
        let file = Arc::new(file);
        stream::iter(ranges(self.meta.size))
            .map(|range| self.fetch_into(range, &file))
            .buffer_unordered(RANGES_IN_FLIGHT)
            .try_collect::<()>()
            .await?;
        partial.rename(path)?;
        self.progress.finish();
        Ok(())
    }

    async fn fetch_into(&self, range: Range<u64>, file: &Arc<File>) -> anyhow::Result<()> {
        let (offset, bytes) = self.fetch(range).await?;
        let file = file.clone();
        spawn_blocking(move || file.write_all_at(&bytes, offset)).await?.context("cannot write the file")
    }

    /// Every range carries the first answer's ETag: an object that is replaced meanwhile is an error, never a mixture.
    async fn fetch(&self, range: Range<u64>) -> anyhow::Result<(u64, Bytes)> {
        let options = GetOptions {
            range: Some(range.clone().into()),
            if_match: self.meta.e_tag.clone(),
            ..GetOptions::default()
        };
        let bytes = self.store.get_opts(&self.path, options).and_then(GetResult::bytes).await.map_err(store_error)?;
        let expected = range.end - range.start;
        ensure!(bytes.len() as u64 == expected, "the server sent {} bytes instead of {expected}", bytes.len());
        self.progress.add(expected);
        Ok((range.start, bytes))
    }
}

/// Cuts `0..size`; nothing of an empty object has to be asked for.
fn ranges(size: u64) -> impl Iterator<Item = Range<u64>> {
    (0..size.div_ceil(RANGE_LENGTH_BYTES)).map(move |index| {
        let start = index * RANGE_LENGTH_BYTES;
        start..size.min(start + RANGE_LENGTH_BYTES)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_the_object_once() {
        assert_eq!(ranges(0).count(), 0);
        assert!(ranges(1).eq(std::iter::once(0..1)));
        let cut: Vec<_> = ranges(2 * RANGE_LENGTH_BYTES + 5).collect();
        assert_eq!(cut.len(), 3);
        assert_eq!((cut[0].start, cut[2].end), (0, 2 * RANGE_LENGTH_BYTES + 5));
        assert!(cut.windows(2).all(|pair| pair[0].end == pair[1].start));
    }
}
