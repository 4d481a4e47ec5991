//! The operator's side: health, metrics, what `larder admin` asks, the registration of nodes; and the client that the
//! command line uses. One axum router on the admin address.
//!
//! - `router`: every route, and the guard over those for operators
//! - `authentication`: how an operator proves to be one
//! - `operations`: what an operator can ask; `api`: the documents that travel
//! - `answers`: what an operator can ask about the data; `explain` and its like are the documents
//! - `node_calls`: registration and heartbeats of nodes, handed on to the node layer's door
//! - `listener`, `places`: its connections, and who has to leave when there is no place for one more
//! - `client`: the other end

mod answers;
mod api;
mod authentication;
mod body;
pub mod client;
pub mod doctor;
mod download;
pub mod explain;
mod health;
pub mod holdings;
pub mod lifecycle;
mod listener;
mod node_calls;
mod operations;
mod places;
mod router;
pub mod verify;
pub mod what_if;

#[cfg(test)]
mod tests;

pub use answers::Answers;
pub use api::{
    CreatedKey, JobOrder, JobReport, KeyReport, KeyState, MetadataLogReport, NodeCounts, NodeDuty, NodeReport,
    ScrubReport, StatusReport,
};
pub use authentication::{Doorkeeper, OperatorCredentials};
pub use health::Readiness;
pub use listener::serve;
pub use node_calls::{NodeCall, NodeCallAnswer, NodeCalls};
pub use operations::{Answer, Backup, OperationError, Operations};
pub use router::{Admin, router};
