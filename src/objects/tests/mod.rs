//! Tests of the layer as a whole: real metadata, the real cluster layer, storage nodes in memory.

mod acls;
mod conditions;
mod copies;
mod fixture;
mod lifecycle;
mod lists;
mod multipart;
mod object_lock;
mod objects;
mod overtaken;
