//! The storage nodes as one store: who is there, which nodes hold what, replicated writes and verified reads, and the
//! background steps that make what nodes hold equal what metadata says they should.

mod budget;
mod error;
mod health;
mod latency;
mod read_registry;
mod settings;
mod upload_share;

pub use budget::{Budget, PIECE_LENGTH_BYTES, Share};
pub use error::{ClusterError, CommitError};
pub use read_registry::{ReadGuard, ReadRegistry};
pub use settings::{ClusterSettings, WriteAcks};
