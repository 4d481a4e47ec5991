//! The requests that a node takes, and how each is written as method and path.
//!
//! | method | path | body | answer |
//! | --- | --- | --- | --- |
//! | POST | `/node/v1/hello` | `Hello` | `HelloAnswer` |
//! | PUT | `/node/v1/chunks/<blob>/<index>` | `PutHead`, the chunk | - |
//! | POST | `/node/v1/chunks` | `chunk_batch`, the chunks | for each chunk `null` or its error |
//! | GET | `/node/v1/chunks/<blob>/<index>?first=N&count=N` | - | `SliceHead`, the blocks |
//! | POST | `/node/v1/quarantine` | `Quarantine` | whether the chunk was wrong |
//! | POST | `/node/v1/drop` | `DropBlobs` | `DropReport` |
//! | POST | `/node/v1/pull` | `PullBlob` | `PullReport` |
//! | POST | `/node/v1/inventory` | `Inventory` | `InventoryPage` |
//! | POST | `/node/v1/lacking` | `chunk_runs` | the blobs that are not held whole |
//! | POST | `/node/v1/quarantined` | `Quarantined` | the chunks' keys |
//! | POST | `/node/v1/forget-quarantined` | `ForgetQuarantined` | - |
//! | POST | `/node/v1/merge-doubles` | `MergeDoubles` | `MergeReport` |
//! | POST | `/node/v1/scrub` | `null` | - |
//! | POST | `/node/v1/status` | `Status` | `NodeStatus` |
//! | POST | `/node/v1/reign` | `null` | `ReignSeen` |
//! | POST | `/node/v1/history` | `MetadataWitness` | - |
//!
//! An answer other than 200 carries a `NodeError` as JSON (`documents`).

use crate::{
    node::spelling::{is_spelled, spell},
    types::ChunkKey,
};
use std::fmt;

/// A request without its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    Hello,
    PutChunk(ChunkKey),
    PutChunks,
    GetChunk { key: ChunkKey, first_block: u32, block_count: u32 },
    Quarantine,
    DropBlobs,
    PullBlob,
    Inventory,
    Lacking,
    Quarantined,
    ForgetQuarantined,
    MergeDoubles,
    BeginScrub,
    Status,
    ReignSeen,
    ConfirmHistory,
}

const CHUNKS: &str = "/node/v1/chunks/";

/// The path of a chunk (16 bytes and its key, 43) with a query of two numbers of 10 digits.
const PATH_LENGTH_MAX: usize = 93;

impl Route {
    pub fn method(&self) -> &'static str {
        match self {
            Self::PutChunk(_) => "PUT",
            Self::GetChunk { .. } => "GET",
            _ => "POST",
        }
    }

    /// Path and query.
    pub fn to_path(&self) -> String {
        spell(self, PATH_LENGTH_MAX)
    }

    /// There is one spelling of each route; anything else is none.
    pub fn parse(method: &str, path_and_query: &str) -> Option<Self> {
        let route = match path_and_query {
            "/node/v1/hello" => Self::Hello,
            "/node/v1/chunks" => Self::PutChunks,
            "/node/v1/quarantine" => Self::Quarantine,
            "/node/v1/drop" => Self::DropBlobs,
            "/node/v1/pull" => Self::PullBlob,
            "/node/v1/inventory" => Self::Inventory,
            "/node/v1/lacking" => Self::Lacking,
            "/node/v1/quarantined" => Self::Quarantined,
            "/node/v1/forget-quarantined" => Self::ForgetQuarantined,
            "/node/v1/merge-doubles" => Self::MergeDoubles,
            "/node/v1/scrub" => Self::BeginScrub,
            "/node/v1/status" => Self::Status,
            "/node/v1/reign" => Self::ReignSeen,
            "/node/v1/history" => Self::ConfirmHistory,
            _ => Self::parse_chunk(path_and_query)?,
        };
        (route.method() == method && is_spelled(&route, path_and_query)).then_some(route)
    }

    fn parse_chunk(path_and_query: &str) -> Option<Self> {
        let (path, query) = match path_and_query.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path_and_query, None),
        };
        let (blob, index) = path.strip_prefix(CHUNKS)?.split_once('/')?;
        let key = ChunkKey { blob: blob.parse().ok()?, index: index.parse().ok()? };
        let Some(query) = query else { return Some(Self::PutChunk(key)) };
        let (first, count) = query.strip_prefix("first=")?.split_once("&count=")?;
        Some(Self::GetChunk { key, first_block: first.parse().ok()?, block_count: count.parse().ok()? })
    }
}

/// Path and query.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hello => f.write_str("/node/v1/hello"),
            Self::PutChunk(key) => write!(f, "{CHUNKS}{key}"),
            Self::GetChunk { key, first_block, block_count } => {
                write!(f, "{CHUNKS}{key}?first={first_block}&count={block_count}")
            }
            Self::PutChunks => f.write_str("/node/v1/chunks"),
            Self::Quarantine => f.write_str("/node/v1/quarantine"),
            Self::DropBlobs => f.write_str("/node/v1/drop"),
            Self::PullBlob => f.write_str("/node/v1/pull"),
            Self::Inventory => f.write_str("/node/v1/inventory"),
            Self::Lacking => f.write_str("/node/v1/lacking"),
            Self::Quarantined => f.write_str("/node/v1/quarantined"),
            Self::ForgetQuarantined => f.write_str("/node/v1/forget-quarantined"),
            Self::MergeDoubles => f.write_str("/node/v1/merge-doubles"),
            Self::BeginScrub => f.write_str("/node/v1/scrub"),
            Self::Status => f.write_str("/node/v1/status"),
            Self::ReignSeen => f.write_str("/node/v1/reign"),
            Self::ConfirmHistory => f.write_str("/node/v1/history"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::BlobId;
    use proptest::prelude::*;

    fn any_route() -> impl Strategy<Value = Route> {
        let key = (any::<[u8; 16]>(), any::<u32>())
            .prop_map(|(blob, index)| ChunkKey { blob: BlobId::from_bytes(blob), index });
        prop_oneof![
            key.clone().prop_map(Route::PutChunk),
            (key, any::<u32>(), any::<u32>()).prop_map(|(key, first_block, block_count)| Route::GetChunk {
                key,
                first_block,
                block_count
            }),
            Just(Route::Hello),
            Just(Route::PutChunks),
            Just(Route::Quarantine),
            Just(Route::DropBlobs),
            Just(Route::PullBlob),
            Just(Route::Inventory),
            Just(Route::Lacking),
            Just(Route::Quarantined),
            Just(Route::ForgetQuarantined),
            Just(Route::MergeDoubles),
            Just(Route::BeginScrub),
            Just(Route::Status),
            Just(Route::ReignSeen),
            Just(Route::ConfirmHistory),
        ]
    }

    proptest! {
        #[test]
        fn a_route_prints_and_parses_back(route in any_route()) {
            prop_assert_eq!(Route::parse(route.method(), &route.to_path()), Some(route));
            prop_assert!(route.to_path().len() <= PATH_LENGTH_MAX);
            prop_assert_eq!(Route::parse("DELETE", &route.to_string()), None);
        }

        #[test]
        fn no_path_makes_the_parser_panic(path in "(/node/v1/chunks/)?.{0,100}") {
            if let Some(route) = Route::parse("GET", &path) {
                prop_assert_eq!(route.to_string(), path);
            }
        }
    }

    #[test]
    fn other_spellings_of_a_route_are_none() {
        let blob = "0123456789abcdef0123456789abcdef";
        assert!(Route::parse("PUT", &format!("{CHUNKS}{blob}/7")).is_some());
        for path in [
            format!("{CHUNKS}{}/7", blob.to_uppercase()),
            format!("{CHUNKS}{blob}/07"),
            format!("{CHUNKS}{blob}/+7"),
            format!("{CHUNKS}{blob}/7?"),
            format!("{CHUNKS}{blob}/7/"),
            format!("{CHUNKS}{blob}/4294967296"),
            format!("{CHUNKS}../{blob}/7"),
            "/node/v1/status/".to_owned(),
            "/NODE/v1/status".to_owned(),
        ] {
            assert_eq!(Route::parse("PUT", &path), None, "{path}");
            assert_eq!(Route::parse("POST", &path), None, "{path}");
        }
    }
}
