//! A node's scrub as operators see it.

use crate::{admin::ScrubReport, cluster::ScrubView, types::ScrubState};

pub fn scrub_report(view: &ScrubView) -> ScrubReport {
    let scrub = match &view.scrub {
        Ok(scrub) => scrub,
        Err(error) => {
            let state = format!("not asked: {error}");
            return ScrubReport { node: view.node_name.clone(), state, ..ScrubReport::default() };
        }
    };
    let is_under_way = matches!(scrub.state, ScrubState::Running | ScrubState::Hurried);
    let left_bytes = scrub.total_bytes.saturating_sub(scrub.checked_bytes);
    ScrubReport {
        node: view.node_name.clone(),
        state: match &scrub.state {
            ScrubState::Waiting => "waiting".to_owned(),
            ScrubState::Running => "running".to_owned(),
            ScrubState::Hurried => "hurried".to_owned(),
            ScrubState::Stopped { reason } => format!("stopped: {reason}"),
        },
        began: scrub.began.map(|began| began.to_iso_8601()),
        checked_bytes: scrub.checked_bytes,
        total_bytes: scrub.total_bytes,
        bytes_per_second: scrub.bytes_per_second,
        seconds_left: left_bytes.checked_div(scrub.bytes_per_second).filter(|_| is_under_way),
        found: scrub.found,
        found_ever: scrub.found_ever,
        passes: scrub.passes,
        last_finished: scrub.last_finished.map(|finished| finished.to_iso_8601()),
        last_found: scrub.last_found,
        quarantined: scrub.quarantined,
    }
}
