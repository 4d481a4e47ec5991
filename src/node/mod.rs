//! Storage nodes: the protocol that both sides share, the client, and (`server`) the side that owns a volume.
//! The same engine serves embedded nodes by a call and remote ones over HTTP/1.1: both are a `NodeApi`.

pub mod api;
pub mod authentication;
pub mod client;
pub mod identity;
pub mod peer;
pub mod protocol;
pub mod registration;
pub mod server;
pub mod settings;
mod spelling;

pub use api::{NodeApi, NodeError};
pub use authentication::ClusterSecret;
pub use client::{RemoteNode, RemoteParts};
pub use identity::NodeIdentity;
pub use peer::{PeerConnector, Peers};
pub use settings::NodeSettings;
