//! Registration and heartbeat: how a node process makes itself known to the gateway, at its admin address.
//!
//! Three calls, all POST with JSON: `/cluster/v1/hello` begins a session (the node learns the cluster's id from the
//! gateway's proof), `/cluster/v1/register` says who the node is, `/cluster/v1/heartbeat` repeats how it is. A session
//! outlives its connection, so it is named in the header `larder-session`; each call and each answer carries a proof
//! (`authentication`). `door` is the gateway's side without HTTP,
//! `client` and `reporter` are the node's.

mod back_off;
mod client;
mod door;
mod reporter;

pub use back_off::BackOff;
pub use client::{CallError, GatewayClient, GatewayClientParts};
pub use door::{Call, CallAnswer, Registrar, RegistrationDoor};
pub use reporter::Reporter;

use super::api::{MetadataWitness, NodeStatus, PeerAddress};
use crate::types::{ClusterId, NodeId, Term};
use serde::{Deserialize, Serialize};

pub const HELLO_PATH: &str = "/cluster/v1/hello";
pub const REGISTER_PATH: &str = "/cluster/v1/register";
pub const HEARTBEAT_PATH: &str = "/cluster/v1/heartbeat";

/// The header that names the session of a call.
pub const SESSION_HEADER: &str = "larder-session";

/// Bound of a call's and an answer's body: a status is 1 KB, an answer that names 1000 peers 100 KB.
pub const CALL_LENGTH_MAX_BYTES: usize = 1 << 20;

/// A node makes itself known: at its start, and when the gateway does not know it any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Registration {
    pub node: NodeId,
    pub cluster: ClusterId,
    /// Name for people: kept by the node, or the gateway's choice when the node has none.
    pub name: String,
    /// Where others reach the node: `host:port`.
    pub address: String,
    pub zone: String,
    pub status: NodeStatus,
}

/// A node repeats how it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    pub status: NodeStatus,
}

/// What a node learns from each answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GatewayNews {
    pub term: Term,
    pub witness: Option<MetadataWitness>,
    /// Where the other nodes are.
    pub peers: Vec<PeerAddress>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum RegistrationAnswer {
    Welcome(GatewayNews),
    /// Trying again does not help before a person did something; the node goes on trying, slowly.
    Refused {
        reason: String,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum HeartbeatAnswer {
    Noted(GatewayNews),
    /// The gateway does not know the node: register first.
    Unknown,
}
