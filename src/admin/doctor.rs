//! What `larder admin doctor` says, as JSON.

use serde::{Deserialize, Serialize};

pub const DOCTOR_PATH: &str = "/admin/v1/doctor";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoctorReport {
    /// Everything up to this commit was looked at.
    pub commit_sequence: u64,
    pub checks: u64,
    /// The worst first.
    pub findings: Vec<FindingReport>,
    /// Checks that found more than is told.
    pub cut: Vec<String>,
    /// Checks that could not be made where the metadata was looked at.
    #[serde(default)]
    pub left_out: Vec<String>,
}

/// An invariant that does not hold somewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingReport {
    /// The check's name.
    pub check: String,
    /// `danger` (data can't be read, or may be lost), `wrong` (an answer is not what it should be) or `waste` (space is
    /// occupied for nothing).
    pub severity: String,
    pub what: String,
    /// `s3://BUCKET/KEY`, when one can be named.
    pub object: Option<String>,
    /// What to do about it.
    pub remedy: String,
}
