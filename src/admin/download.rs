//! A file as the body of an answer, in pieces, so that its length doesn't matter.

use axum::body::{Body, Bytes};
use futures_util::stream;
use tokio::io::AsyncReadExt;

/// Bytes of one piece: large enough for few calls, small enough to hold one per download.
const PIECE_LENGTH: usize = 256 << 10;

/// Reads the file from where it stands to its end. A failed read cuts the body short of its announced length, which the
/// client takes for the failure that it is.
pub fn file_body(file: std::fs::File) -> Body {
    let file = tokio::fs::File::from_std(file);
    Body::from_stream(stream::try_unfold(file, async |mut file| {
        let mut piece = Vec::with_capacity(PIECE_LENGTH);
        let length = (&mut file).take(PIECE_LENGTH as u64).read_to_end(&mut piece).await?;
        Ok::<_, std::io::Error>((length > 0).then(|| (Bytes::from(piece), file)))
    }))
}
