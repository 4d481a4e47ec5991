//! The numbers by which the cluster orders things. None of them is a time: no decision depends on a clock.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! order_number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// The number after this one.
            pub fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

order_number! {
    /// Number of a gateway's reign. It grows at every start of a gateway and travels on every request to a node;
    /// a node refuses a term that is older than the newest it has seen.
    Term
}
order_number! {
    /// Number of a placement group's membership. It travels on destructive requests.
    Epoch
}
order_number! {
    /// Number of a metadata command: the one order of everything.
    CommitSequence
}
