//! Storage nodes: the protocol that both sides share, the client, and (`server`) the side that owns a volume.
//! The same engine serves embedded nodes by a call and remote ones over HTTP/1.1: both are a `NodeApi`.

pub mod api;

pub use api::{NodeApi, NodeError};
