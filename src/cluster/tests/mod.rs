//! Tests of the layer as a whole: fake nodes with faults, real metadata.

mod changes;
mod command_log;
mod commits;
mod doubts;
pub(crate) mod fake_network;
mod fake_node_calls;
pub(crate) mod fake_nodes;
mod former_members;
mod frozen_volumes;
mod halted;
mod hanging;
mod losses;
mod lost;
mod lost_end;
mod lost_rows;
mod members;
mod outage;
mod quarantined;
mod reads;
mod reclaim;
mod recovery;
mod searches;
mod strays;
pub(crate) mod test_cluster;
mod verify;
mod writes;
