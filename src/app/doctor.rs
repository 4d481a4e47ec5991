//! `larder admin doctor`: the metadata's invariants, and the secrets of access keys; those of metadata that no gateway has open
//! without the secrets, which only open under the cluster secret.

use super::backup::NAME_PREFIX;
use crate::{
    admin::{
        OperationError,
        doctor::{DoctorReport, FindingReport},
    },
    identity::{AccessKeys, IdentityError},
    metadata::{
        Metadata, MetadataError,
        doctor::{Examination, Severity, examine_offline as examine},
    },
    runtime::{Random, SystemRandom},
};
use std::path::Path;

/// The check of the secrets of access keys.
const ACCESS_KEY: &str = "access-key";

/// The copy that is looked at lies in `directory`, under a name that a next start would clear.
pub async fn examine_living(
    metadata: &Metadata,
    keys: &AccessKeys,
    directory: &Path,
    random: &dyn Random,
) -> Result<DoctorReport, OperationError> {
    let scratch = directory.join(format!("{NAME_PREFIX}{:016x}", random.next_u64()));
    let examination = metadata.examine(&scratch).await;
    let examination = examination.map_err(|error| match error {
        MetadataError::ExaminationUnderWay => OperationError::Conflict(error.to_string()),
        _ => OperationError::Unavailable(error.to_string()),
    })?;
    let findings: Vec<FindingReport> = match keys.closed_secrets().await {
        Ok(sealed) => sealed.into_iter().map(closed_secret).collect(),
        Err(error) => vec![unreadable_keys(&error)],
    };
    let mut report = report(examination);
    report.checks += 1;
    report.findings.splice(0..0, findings);
    Ok(report)
}

/// A data directory, a metadata directory, a backup or a copy of a database. The copy that is looked at lies in the folder
/// for temporary files.
pub async fn examine_offline(path: &Path) -> anyhow::Result<DoctorReport> {
    let scratch = std::env::temp_dir().join(format!("larder-doctor-{:016x}", SystemRandom.next_u64()));
    let examination = examine(path, &scratch).await?;
    Ok(DoctorReport { left_out: vec![ACCESS_KEY.to_owned()], ..report(examination) })
}

fn report(examination: Examination) -> DoctorReport {
    let findings = examination.findings.into_iter().map(|finding| FindingReport {
        check: finding.check.to_owned(),
        severity: severity(finding.severity).to_owned(),
        what: finding.what,
        object: finding.object.map(|(bucket, key)| format!("s3://{bucket}/{}", key.as_str())),
        remedy: finding.remedy.to_owned(),
    });
    DoctorReport {
        commit_sequence: examination.committed.0,
        checks: examination.checks as u64,
        findings: findings.collect(),
        cut: examination.cut.into_iter().map(str::to_owned).collect(),
        left_out: Vec::new(),
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Danger => "danger",
        Severity::Wrong => "wrong",
        Severity::Waste => "waste",
    }
}

/// The rest of the metadata could be read a moment ago.
fn unreadable_keys(error: &IdentityError) -> FindingReport {
    FindingReport {
        check: ACCESS_KEY.to_owned(),
        severity: severity(Severity::Danger).to_owned(),
        what: format!("the access keys can't be read: {error}"),
        object: None,
        remedy:
            "delete the key that is broken and make another: `larder admin key delete`, `larder admin key create`; or \
            restore the newest backup (`--restore FILE`, docs/recovering.md)"
                .to_owned(),
    }
}

fn closed_secret(access_key: String) -> FindingReport {
    FindingReport {
        check: ACCESS_KEY.to_owned(),
        severity: severity(Severity::Danger).to_owned(),
        what: format!("the secret of access key {access_key} does not open under the cluster secret"),
        object: None,
        remedy:
            "start with the cluster secret that it was made under (LARDER_CLUSTER_SECRET), or delete the key and make \
                 another: `larder admin key delete`, `larder admin key create`"
                .to_owned(),
    }
}
