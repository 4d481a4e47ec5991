//! Looking at keys: reads what the rules ask about, and asks them. One key whole, however many versions it has, or the
//! keys of a bucket page by page.

use super::{
    day::DayLength,
    judge::{Judge, Judgement},
};
use crate::{
    metadata::{
        Metadata, QueryError,
        command::{ExpireKey, WalkPlace, WalkStage},
        rows::WatchedBucket,
    },
    types::{LifecycleConfiguration, LifecycleRule, ObjectKey, Timestamp},
};

/// Rows of one query: some milliseconds.
const PAGE_ROWS: u32 = 1000;

/// Who looks, at what time.
pub struct Look<'a> {
    pub metadata: &'a Metadata,
    pub watched: &'a WatchedBucket,
    pub day: DayLength,
    pub now: Timestamp,
}

/// What a page of a bucket's keys came to.
pub struct JudgedPage {
    /// Only of the stage of the page: a key's uploads are judged apart from its versions.
    pub keys: Vec<(ObjectKey, Judgement)>,
    /// `None`: there is no more.
    pub next: Option<WalkPlace>,
}

impl Look<'_> {
    fn judge(&self, key: &ObjectKey) -> Judge<'_> {
        Judge::new(&self.watched.rules, key, self.day, self.now)
    }

    /// All that the rules say of the key; of more than a command can do, what comes first.
    pub async fn at_key(&self, key: &ObjectKey) -> Result<Judgement, QueryError> {
        let mut judge = self.judge(key);
        if judge.is_indifferent() {
            return Ok(judge.finish());
        }
        self.show_versions(key, &mut judge, ExpireKey::ACTIONS_MAX).await?;
        if judge.asks_about_uploads() {
            self.show_uploads(key, &mut judge, ExpireKey::ACTIONS_MAX).await?;
        }
        let mut said = judge.finish();
        said.verdicts.truncate(ExpireKey::ACTIONS_MAX);
        Ok(said)
    }

    /// Until the rules want so much that the rest can wait.
    async fn show_versions(&self, key: &ObjectKey, judge: &mut Judge<'_>, enough: usize) -> Result<(), QueryError> {
        let mut below = None;
        while judge.verdict_count() < enough {
            let page = self.metadata.key_versions_to_judge(self.watched.bucket, key, below, PAGE_ROWS).await?;
            let is_last = page.len() < PAGE_ROWS as usize;
            below = page.last().map(|version| version.sequence);
            page.into_iter().for_each(|version| judge.version(version));
            if is_last {
                break;
            }
        }
        Ok(())
    }

    async fn show_uploads(&self, key: &ObjectKey, judge: &mut Judge<'_>, enough: usize) -> Result<(), QueryError> {
        let mut after = None;
        while judge.verdict_count() < enough {
            let page = self.metadata.key_uploads_to_judge(self.watched.bucket, key, after, PAGE_ROWS).await?;
            let is_last = page.len() < PAGE_ROWS as usize;
            after = page.last().map(|upload| upload.upload);
            page.into_iter().for_each(|upload| judge.upload(upload));
            if is_last {
                break;
            }
        }
        Ok(())
    }

    /// The keys behind `place`, as far as one query goes, and of the last one all there is.
    pub async fn at_page(&self, place: &WalkPlace) -> Result<JudgedPage, QueryError> {
        let prefixes = prefixes(&self.watched.rules, place.stage);
        let Some(prefix) = prefixes.get(place.prefix as usize) else {
            return Ok(JudgedPage { keys: Vec::new(), next: next_stage(place.stage) });
        };
        let (mut keys, is_cut) = match place.stage {
            WalkStage::Versions => self.judge_versions(prefix, place.after.as_ref()).await?,
            WalkStage::Uploads => self.judge_uploads(prefix, place.after.as_ref()).await?,
        };
        let next = match keys.last_mut() {
            // Of the last key of a page that was cut there may be more.
            Some((key, said)) if is_cut => {
                *said = self.at_key_of_stage(key, place.stage).await?;
                WalkPlace { after: Some(key.clone()), ..*place }
            }
            _ => WalkPlace { prefix: place.prefix + 1, after: None, ..*place },
        };
        Ok(JudgedPage { keys, next: Some(next) })
    }

    async fn at_key_of_stage(&self, key: &ObjectKey, stage: WalkStage) -> Result<Judgement, QueryError> {
        let mut judge = self.judge(key);
        match stage {
            WalkStage::Versions => self.show_versions(key, &mut judge, usize::MAX).await?,
            WalkStage::Uploads => self.show_uploads(key, &mut judge, usize::MAX).await?,
        }
        Ok(judge.finish())
    }

    /// Whether the page was cut, beside what it came to.
    async fn judge_versions(&self, prefix: &str, after: Option<&ObjectKey>) -> Result<(Judged, bool), QueryError> {
        let rows = self.metadata.versions_to_judge(self.watched.bucket, prefix, after, PAGE_ROWS).await?;
        let is_cut = rows.len() == PAGE_ROWS as usize;
        let groups = rows.chunk_by(|one, other| one.key == other.key);
        let judged = groups.filter_map(|versions| {
            let key = &versions.first()?.key;
            let mut judge = self.judge(key);
            versions.iter().for_each(|version| judge.version(version.clone()));
            Some((key.clone(), judge.finish()))
        });
        Ok((judged.collect(), is_cut))
    }

    async fn judge_uploads(&self, prefix: &str, after: Option<&ObjectKey>) -> Result<(Judged, bool), QueryError> {
        let rows = self.metadata.uploads_to_judge(self.watched.bucket, prefix, after, PAGE_ROWS).await?;
        let is_cut = rows.len() == PAGE_ROWS as usize;
        let groups = rows.chunk_by(|one, other| one.key == other.key);
        let judged = groups.filter_map(|uploads| {
            let key = &uploads.first()?.key;
            let mut judge = self.judge(key);
            uploads.iter().for_each(|upload| judge.upload(upload.clone()));
            Some((key.clone(), judge.finish()))
        });
        Ok((judged.collect(), is_cut))
    }
}

type Judged = Vec<(ObjectKey, Judgement)>;

fn next_stage(stage: WalkStage) -> Option<WalkPlace> {
    match stage {
        WalkStage::Versions => Some(WalkPlace { stage: WalkStage::Uploads, prefix: 0, after: None }),
        WalkStage::Uploads => None,
    }
}

/// What the keys begin with that enabled rules are about, in order; none of them begins with another.
fn prefixes(rules: &LifecycleConfiguration, stage: WalkStage) -> Vec<&str> {
    let is_asked = |rule: &&LifecycleRule| match stage {
        WalkStage::Versions => rule.expiration.is_some() || rule.noncurrent.is_some(),
        WalkStage::Uploads => rule.abort_after_days.is_some(),
    };
    let mut prefixes: Vec<&str> = rules.enabled().filter(is_asked).map(|rule| rule.filter.prefix()).collect();
    prefixes.sort_unstable();
    let mut last: Option<&str> = None;
    prefixes.retain(|prefix| {
        let is_new = last.is_none_or(|last| !prefix.starts_with(last));
        if is_new {
            last = Some(prefix);
        }
        is_new
    });
    prefixes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Expiration, LifecycleFilter, RuleStatus, TransitionMinimum};
    use proptest::prelude::*;

    fn rules(of: &[(String, bool)]) -> LifecycleConfiguration {
        let rule = |(prefix, is_upload): &(String, bool)| LifecycleRule {
            status: RuleStatus::Enabled,
            filter: LifecycleFilter { prefix: Some(prefix.clone()), ..LifecycleFilter::default() },
            expiration: (!is_upload).then_some(Expiration::Days(1)),
            abort_after_days: is_upload.then_some(1),
            ..LifecycleRule::default()
        };
        LifecycleConfiguration::new(of.iter().map(rule).collect(), TransitionMinimum::default()).unwrap()
    }

    proptest! {
        /// Every key that a rule is about lies under exactly one of the prefixes, and no other key under any.
        #[test]
        fn a_walk_comes_by_each_key_of_a_rule_once(
            of in prop::collection::vec(("[ab]{0,3}", any::<bool>()), 1..6), key in "[ab]{1,5}"
        ) {
            let rules = rules(&of);
            for (stage, is_upload) in [(WalkStage::Versions, false), (WalkStage::Uploads, true)] {
                let found = prefixes(&rules, stage);
                prop_assert!(found.is_sorted());
                let is_wanted = of.iter().any(|(prefix, of_upload)| *of_upload == is_upload && key.starts_with(prefix));
                let count = found.iter().filter(|prefix| key.starts_with(**prefix)).count();
                prop_assert_eq!(count, usize::from(is_wanted));
            }
        }
    }
}
