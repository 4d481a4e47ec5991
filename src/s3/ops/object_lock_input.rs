//! What requests say of Object Lock: the lock that a write asks for, the bypass of a retention, and modes and dates, which
//! headers and documents have alike. Source: Amazon S3 User Guide, "Locking objects with Object Lock".

use crate::{
    objects::LockTarget,
    s3::{RequestBody, RequestContext, S3Error, ops::parameter},
    types::{Bypass, LegalHold, Retention, RetentionMode, Timestamp, VersionLock},
};

pub const MODE: &str = "x-amz-object-lock-mode";
pub const RETAIN_UNTIL: &str = "x-amz-object-lock-retain-until-date";
pub const LEGAL_HOLD: &str = "x-amz-object-lock-legal-hold";

/// The version that `?retention` and `?legal-hold` are about.
pub fn target(ctx: &RequestContext<'_>) -> Result<LockTarget, S3Error> {
    Ok(LockTarget {
        bucket: ctx.bucket()?.clone(),
        key: ctx.key()?.clone(),
        version: parameter::version(ctx)?,
        permit: ctx.permit,
    })
}

/// The lock that the new version is to have.
pub fn lock(ctx: &RequestContext<'_>) -> Result<VersionLock, S3Error> {
    lock_of(ctx.header(MODE)?, ctx.header(RETAIN_UNTIL)?, ctx.header(LEGAL_HOLD)?)
}

/// The same, of a request whose body is the version: S3 wants its bytes to be vouched for.
pub fn lock_with_body(ctx: &RequestContext<'_>, body: &RequestBody) -> Result<VersionLock, S3Error> {
    let lock = lock(ctx)?;
    if lock != VersionLock::default() && body.require_integrity_header().is_err() {
        return Err(S3Error::invalid_request(
            "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters",
        ));
    }
    Ok(lock)
}

fn lock_of(mode: Option<&str>, until: Option<&str>, legal_hold: Option<&str>) -> Result<VersionLock, S3Error> {
    let retention = match (mode, until) {
        (None, None) => None,
        (Some(mode), Some(until)) => Some(Retention {
            mode: RetentionMode::from_name(mode)
                .ok_or_else(|| S3Error::invalid_argument(MODE, mode, "Unknown wormMode directive."))?,
            until: Timestamp::from_iso_8601(until).ok_or_else(|| {
                let message = "The retain until date must be provided in ISO 8601 format";
                S3Error::invalid_argument(RETAIN_UNTIL, until, message)
            })?,
        }),
        (mode, until) => {
            let (name, value) = if mode.is_some() { (MODE, mode) } else { (RETAIN_UNTIL, until) };
            let message = "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied";
            return Err(S3Error::invalid_argument(name, value.unwrap_or_default(), message));
        }
    };
    let legal_hold = legal_hold.map(|text| {
        LegalHold::from_name(text)
            .ok_or_else(|| S3Error::invalid_argument(LEGAL_HOLD, text, "Legal Hold must be either of 'ON' or 'OFF'"))
    });
    Ok(VersionLock { retention, legal_hold: legal_hold.transpose()? })
}

/// Of deletes and of changes of a retention. Whether the client may was asked before (`s3/permission.rs`).
pub fn bypass(ctx: &RequestContext<'_>) -> Result<Bypass, S3Error> {
    const NAME: &str = "x-amz-bypass-governance-retention";
    match ctx.header(NAME)? {
        None => Ok(Bypass::None),
        Some(value) if value.eq_ignore_ascii_case("false") => Ok(Bypass::None),
        Some(value) if value.eq_ignore_ascii_case("true") => Ok(Bypass::Governance),
        Some(other) => Err(S3Error::invalid_argument(NAME, other, "The value must be true or false.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::S3Code;
    use proptest::prelude::*;

    const DATE: Option<&str> = Some("2030-01-01T00:00:00Z");

    #[test]
    fn a_lock_is_whole_or_refused() {
        let retention = |mode| Some(Retention { mode, until: Timestamp::from_unix_millis(1_893_456_000_000) });
        let lock = |mode, hold| VersionLock { retention: retention(mode), legal_hold: hold };
        assert_eq!(lock_of(None, None, None).unwrap(), VersionLock::default());
        assert_eq!(lock_of(Some("GOVERNANCE"), DATE, None).unwrap(), lock(RetentionMode::Governance, None));
        assert_eq!(
            lock_of(Some("COMPLIANCE"), DATE, Some("ON")).unwrap(),
            lock(RetentionMode::Compliance, Some(LegalHold::On))
        );
        for (mode, until, hold) in [
            (Some("GOVERNANCE"), None, None),
            (None, DATE, None),
            (Some("governance"), DATE, None),
            (Some(""), DATE, None),
            (Some("GOVERNANCE"), Some("tomorrow"), None),
            (Some("GOVERNANCE"), Some(""), None),
            (Some("GOVERNANCE"), Some("2030-13-01T00:00:00Z"), None),
            (None, None, Some("on")),
            (None, None, Some("")),
        ] {
            let refused = lock_of(mode, until, hold).unwrap_err();
            assert_eq!(refused.code(), S3Code::InvalidArgument, "{mode:?} {until:?} {hold:?}");
        }
    }

    proptest! {
        #[test]
        fn any_headers_are_a_lock_or_refused(
            mode in prop::option::of(".{0,12}"), until in prop::option::of(".{0,30}"), hold in prop::option::of(".{0,4}")
        ) {
            let _ = lock_of(mode.as_deref(), until.as_deref(), hold.as_deref());
        }
    }
}
