//! Who takes part: the gateway (or the one server) and the nodes.

use std::fmt;

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Party {
    Front,
    /// From 1 on.
    Node(u32),
}

impl fmt::Debug for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Front => f.write_str("front"),
            Self::Node(number) => write!(f, "node {number}"),
        }
    }
}
