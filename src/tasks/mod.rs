//! When and how fast background steps run. The steps themselves live in the layer that they belong to.

mod change_groups;
mod clear_orphans;
mod delete_blobs;
mod expire_objects;
mod find_lost;
mod forget_completed_uploads;
mod list_quarantined;
mod pace;
mod question_copies;
mod rate;
mod release_contents;
mod runner;
mod send_missing;
mod status;
mod trim_surplus;
mod verify_copies;

pub use rate::PerSecond;
pub use runner::{Busyness, Tasks};
pub use status::{TaskState, TaskStatus};

use crate::{
    cluster::{
        CarryOutDeletions, ChangeGroups, ClearOrphans, Cluster, FindLost, ForgetCompletedUploads, ListQuarantined,
        QuestionCopies, ReleaseContents, SendMissing, TrimSurplus, VerifyCopies,
    },
    objects::{ExpireObjects, Objects},
    runtime::{Progress, Step},
};
use futures_util::future::BoxFuture;
use std::time::Duration;

/// A background task: a step that the runner calls again and again.
pub trait Task: Send {
    /// For people: `larder admin jobs`, logs, metrics.
    fn name(&self) -> &'static str;

    /// One bounded, idempotent step. It may be dropped at any await: the next one goes on.
    fn step(&mut self) -> BoxFuture<'_, Result<Step, String>>;

    /// How long to wait when there was nothing to do.
    fn idle_for(&self) -> Duration;

    /// What it counts as its work, if there is something to count.
    fn progress(&self) -> Option<Progress> {
        None
    }

    /// For how busy clients the runner rests at most, from 0 to 1: 0 where the steps themselves give way to clients.
    fn yields_to(&self) -> f64 {
        1.0
    }
}

/// Every background task of a gateway.
pub fn all(cluster: &Cluster, objects: &Objects) -> Vec<Box<dyn Task>> {
    vec![
        Box::new(QuestionCopies::new(cluster.clone())),
        Box::new(ListQuarantined::new(cluster.clone())),
        Box::new(ChangeGroups::new(cluster.clone())),
        Box::new(SendMissing::new(cluster.clone())),
        Box::new(FindLost::new(cluster.clone())),
        Box::new(TrimSurplus::new(cluster.clone())),
        Box::new(VerifyCopies::new(cluster.clone())),
        Box::new(ReleaseContents::new(cluster.clone())),
        Box::new(CarryOutDeletions::new(cluster.clone())),
        Box::new(ClearOrphans::new(cluster.clone())),
        Box::new(ForgetCompletedUploads::new(cluster.clone())),
        Box::new(ExpireObjects::new(objects.clone())),
    ]
}
