//! Queries: `impl Metadata` by subject, one file each. Each is one statement, or one short transaction.
