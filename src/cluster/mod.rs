//! The storage nodes as one store: who is there, which nodes hold what, replicated writes and verified reads, and the
//! background steps that make what nodes hold equal what metadata says they should.

mod absent_node;
mod bad_copies;
mod budget;
mod chunk_builder;
mod chunk_send;
mod cluster_node;
mod commit;
mod completed_uploads;
mod content_reader;
mod content_writer;
mod deletions;
mod doubts;
mod download_share;
mod endangered;
mod error;
mod fetch;
mod first_seen;
mod handle;
mod health;
mod in_flight;
mod known_missing;
mod latency;
mod member_set;
mod membership;
mod open_blob;
mod orphans;
mod placement;
mod probe;
mod read_plan;
mod read_registry;
mod reclaim;
mod reign;
mod repair;
mod rollback;
mod settings;
mod status;
#[cfg(test)]
pub(crate) mod tests;
mod topology;
mod upload_share;

pub use budget::{Budget, Share};
pub use completed_uploads::ForgetCompletedUploads;
pub use content_reader::ContentReader;
pub use content_writer::{ContentWriter, Waited, WrittenContent};
pub use deletions::CarryOutDeletions;
pub use doubts::QuestionCopies;
pub use error::{ClusterError, CommitError};
pub use handle::{Cluster, ClusterParts};
pub use orphans::ClearOrphans;
pub use read_registry::{ReadGuard, ReadRegistry};
pub use repair::SendMissing;
pub use settings::{ClusterSettings, WriteAcks};
pub use status::{ClusterStats, NodeView};
pub use topology::Standing;
