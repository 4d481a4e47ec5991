//! Tests of the layer as a whole: fake nodes with faults, real metadata.

mod commits;
mod fake_nodes;
mod members;
mod reads;
mod test_cluster;
mod writes;
