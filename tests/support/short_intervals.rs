//! Settings of tests that break processes: short times until a node counts as gone and until data is cleared, so that much heals
//! within seconds, and few groups, so that little has to be told of them.

pub const SHORT_INTERVALS: [(&str, &str); 6] = [
    ("LARDER_HEARTBEAT_INTERVAL", "200ms"),
    ("LARDER_SUSPECT_AFTER", "2s"),
    ("LARDER_REPLACE_AFTER", "6s"),
    ("LARDER_GRACE_PERIOD", "1s"),
    ("LARDER_INVENTORY_INTERVAL", "5s"),
    ("LARDER_GROUPS_PER_NODE", "8"),
];
