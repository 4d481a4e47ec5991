//! `apply(command, transaction) -> outcome`: the only function that changes rows. It reads no clock, draws no random
//! number and does no I/O but SQL, so the same commands give the same rows anywhere. One file per group of tables.
//!
//! Each command reads first, decides, and then writes: a refusal usually has nothing to undo.

mod access_keys;
mod acls;
mod append;
mod buckets;
mod complete_upload;
mod contents;
mod copy;
mod delete_object;
mod deletions;
mod existing;
mod foresee;
mod foreseen;
mod group_changes;
mod job_states;
mod kept;
mod known_groups;
mod lifecycle;
mod locks;
mod nodes;
mod parts;
mod preconditions;
mod rename;
mod repair_list;
mod settings;
mod transaction;
mod uploads;
mod versions;

pub(super) use foresee::foresee;
pub(super) use known_groups::KnownGroups;
pub(super) use transaction::{ApplyError, Pace, Transaction};

use super::{command::Command, outcome::Outcome};

pub(super) async fn apply(command: &Command, tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    if foresee::key_of(command).is_none() {
        tx.foreseen().forget();
    }
    match command {
        Command::CreateBucket(command) => buckets::create(command, tx).await,
        Command::DeleteBucket { bucket } => buckets::delete(*bucket, tx).await,
        Command::SetBucketTags { bucket, tags } => buckets::set_tags(*bucket, tags.as_ref(), tx).await,
        Command::SetBucketCors { bucket, cors } => buckets::set_cors(*bucket, cors.as_ref(), tx).await,
        Command::SetBucketWebsite { bucket, website } => buckets::set_website(*bucket, website.as_ref(), tx).await,
        Command::SetBucketVersioning { bucket, versioning } => buckets::set_versioning(*bucket, *versioning, tx).await,
        Command::SetBucketObjectLock { bucket, configuration } => {
            buckets::set_object_lock(*bucket, *configuration, tx).await
        }

        Command::SetBucketLifecycle(command) => lifecycle::set(command, tx).await,

        Command::SetBucketAcl(command) => acls::set_of_bucket(command, tx).await,
        Command::SetBucketOwnership { bucket, ownership } => acls::set_ownership(*bucket, *ownership, tx).await,
        Command::SetPublicAccessBlock { bucket, block } => acls::set_public_access_block(*bucket, *block, tx).await,

        Command::ScheduleKeys(command) => lifecycle::schedule(command, tx).await,
        Command::ExpireKey(command) => lifecycle::expire_key(command, tx).await,
        Command::ForgetDueKeys(command) => lifecycle::forget(command, tx).await,

        Command::PutObject(command) => versions::put(command, tx).await,
        Command::AppendObject(command) => append::append(command, tx).await,
        Command::RenameObject(command) => rename::rename(command, tx).await,
        Command::RenamePrefix(command) => rename::rename_prefix(command, tx).await,
        Command::CopyObject(command) => copy::copy_object(command, tx).await,
        Command::DeleteObject(command) => delete_object::delete(command, tx).await,
        Command::SetObjectTags { bucket, key, version, tags } => {
            versions::set_tags(*bucket, key, *version, tags, tx).await
        }
        Command::SetObjectRetention(command) => locks::set_retention(command, tx).await,
        Command::SetObjectLegalHold(command) => locks::set_legal_hold(command, tx).await,
        Command::SetObjectAcl(command) => acls::set_of_object(command, tx).await,

        Command::CreateUpload(command) => uploads::create(command, tx).await,
        Command::PutPart(command) => parts::put(command, tx).await,
        Command::CopyPart(command) => copy::copy_part(command, tx).await,
        Command::CompleteUpload(command) => complete_upload::complete(command, tx).await,
        Command::AbortUpload { bucket, key, upload } => uploads::abort(*bucket, key, *upload, tx).await,
        Command::ForgetCompletedUploads { before, limit } => uploads::forget_completed(*before, *limit, tx).await,

        Command::UnrollDeletedContents { limit } => deletions::unroll(*limit, tx).await,
        Command::FinishDeletions { blobs } => deletions::finish(blobs, tx).await,

        Command::BeginTerm { gateway, place, above, at } => {
            settings::begin_term(gateway, place.as_deref(), *above, *at, tx).await
        }
        Command::RegisterNode(command) => nodes::register(command, tx).await,
        Command::SetNodeState { node, state, at: _ } => nodes::set_state(*node, *state, tx).await,
        Command::CreateGroups { groups } => nodes::create_groups(groups, tx).await,
        Command::ReplaceMember(change) => group_changes::replace_member(change, tx).await,
        Command::NoteArrivalListed { group, epoch } => group_changes::note_listed(*group, *epoch, tx).await,
        Command::FinishArrival { group, epoch } => group_changes::finish(*group, *epoch, tx).await,
        Command::ForgetFormerMember { group, epoch, node } => {
            group_changes::forget_former(*group, *epoch, *node, tx).await
        }
        Command::SetNodeDuty { node, duty, at: _ } => nodes::set_duty(*node, *duty, tx).await,
        Command::MarkMissing { copies, reason } => repair_list::mark_missing(copies, *reason, tx).await,
        Command::MarkRepaired { copies, as_of } => repair_list::mark_repaired(copies, *as_of, tx).await,

        Command::CreateAccessKey(key) => access_keys::create(key, tx).await,
        Command::SetAccessKeyEnabled { access_key, enabled } => {
            access_keys::set_enabled(access_key, *enabled, tx).await
        }
        Command::DeleteAccessKey { access_key } => access_keys::delete(access_key, tx).await,
        Command::SaveJobState(job) => job_states::save(job, tx).await,
        Command::ConfirmHistory { history, at } => settings::confirm_history(*history, *at, tx).await,
    }
}
