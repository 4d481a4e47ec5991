//! The wire protocol between gateway and node (and node and peer): HTTP/1.1 with keep-alive.
//!
//! A connection begins with `POST /node/v1/hello`; every request after it, and every answer, carries the header
//! `larder-proof` (`authentication`). A body is a head and, for chunks, the chunk's bytes behind it: the proof covers
//! the head, whose length it names; the head of a chunk holds root and block table (`chunk_head`), that of everything
//! else is the whole body, JSON (`route` lists the requests). Each parser is bounded by the constants here.

/// The longest chunk that travels. A chunk is held in memory whole, on both sides.
pub const CHUNK_LENGTH_MAX: u32 = 64 << 20;
