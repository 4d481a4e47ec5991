//! The wire protocol between gateway and node (and node and peer): HTTP/1.1 with keep-alive.
//!
//! A connection begins with `POST /node/v1/hello`; every request after it, and every answer, carries the header
//! `larder-proof` (`authentication`). A body is a head and, for chunks, the chunk's bytes behind it. The proof covers
//! the head, whose length it names. The head of a chunk holds its root or its place, and its block table (`chunk_head`),
//! that of several small chunks those of all (`chunk_batch`); for everything else the head is the whole body: runs of chunks (`chunk_runs`), or JSON (`documents`). `route` lists the requests, `body` sends and
//! receives bodies without copying what needs no copy. Each parser is bounded by the constants here.
//!
//! A request that is made for a client's request carries its id in the header `larder-request-id`, for the node's log. The
//! proof doesn't cover it: nothing is decided by it, and what is not 16 hexadecimal digits is ignored. Chunks that are put
//! together bring theirs in the head.
//!
//! `GET /health/live` is answered to everybody, with nothing but that the process serves.

pub mod body;
pub mod chunk_batch;
pub mod chunk_head;
pub mod chunk_runs;
pub mod documents;
pub mod route;

/// The header with the id of the client's request, for the log.
pub const REQUEST_ID_HEADER: &str = "larder-request-id";

/// The longest chunk that travels: what a volume takes. A chunk is held in memory whole, on both sides.
pub const CHUNK_LENGTH_MAX: u32 = 16 << 20;

/// The longest hello or answer to it: three ids and two hashes.
pub const HELLO_LENGTH_MAX_BYTES: usize = 1024;

/// The longest head of a request: `DropBlobs` with 1000 blobs is 100 KB.
pub const REQUEST_HEAD_MAX_BYTES: u32 = 256 * 1024;

/// The longest head of an answer: a page of inventory with 10 000 blobs is 2 MB.
pub const ANSWER_HEAD_MAX_BYTES: u32 = 4 << 20;
