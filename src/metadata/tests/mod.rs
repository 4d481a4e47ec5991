//! Tests of the metadata as a whole: commands through the writer, what queries say then.

mod acls;
mod appends;
mod backup;
mod buckets;
mod conditions;
mod copies;
mod deletion;
mod doctor;
mod doctor_breaks;
pub(super) mod fixture;
mod group_changes;
mod groups;
mod job_states;
mod lifecycle;
mod lists;
mod locks;
mod measure;
mod multipart;
mod object_cache;
mod objects;
mod opening;
mod placed;
mod plans;
mod renames;
mod replay;
mod versions;
mod writing;
