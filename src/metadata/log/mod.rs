//! The command log: every batch of commands also goes to storage nodes, so that the disk of the metadata is no single point
//! of loss. `batch` is its form, `feed` where the writer hands batches over and waits until they are kept. `rebuild` makes a
//! database of a snapshot and the batches behind it; `carry_out` is for the one that the database lacks after a crash. How
//! batches come to nodes and back is the cluster's matter.

mod batch;
mod carry_out;
mod copy;
mod feed;
mod rebuild;

pub use batch::LoggedBatch;
pub use copy::DatabaseCopy;
pub use feed::{BatchNumber, Deposed, KeptWhen, LogFeed, LogStanding, Seat};
pub use rebuild::{RebuildPlace, Rebuilding};
