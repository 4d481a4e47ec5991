//! ListMultipartUploads and ListParts. Source: Amazon S3 API Reference, pages of these names.

use super::{
    ObjectError, Objects,
    attributes::{PARTS_PAGE_MAX, PartPage, PartPageInput},
    list::{LIST_PAGE_MAX, marker_text, next_of},
    overtaken::unless_overtaken,
    upload_part::UploadName,
};
use crate::{
    metadata::rows::{ListEntry, Upload, UploadPart},
    types::{BucketName, UploadId},
};

#[derive(Clone, Debug)]
pub struct ListUploadsInput {
    pub bucket: BucketName,
    pub prefix: String,
    /// Empty: none.
    pub delimiter: String,
    /// Empty: from the beginning.
    pub key_marker: String,
    /// Counts only beside a key marker.
    pub upload_marker: Option<UploadId>,
    pub limit: u32,
}

#[derive(Clone, Debug)]
pub struct UploadPage {
    pub entries: Vec<ListEntry<Upload>>,
    /// `NextKeyMarker` and `NextUploadIdMarker`.
    pub next: Option<(String, Option<UploadId>)>,
}

impl Objects {
    pub async fn list_uploads(&self, input: ListUploadsInput) -> Result<UploadPage, ObjectError> {
        unless_overtaken(|| self.try_list_uploads(&input)).await
    }

    async fn try_list_uploads(&self, input: &ListUploadsInput) -> Result<UploadPage, ObjectError> {
        let bucket = self.bucket(&input.bucket).await?;
        let limit = input.limit.min(LIST_PAGE_MAX);
        if limit == 0 {
            return Ok(UploadPage { entries: Vec::new(), next: None });
        }
        let after = (!input.key_marker.is_empty()).then(|| (input.key_marker.clone(), input.upload_marker));
        let page = self.metadata.list_uploads(bucket.id, &input.prefix, &input.delimiter, after, limit).await?;
        // Uploads that are open go with their bucket, step by step: a page may have missed some.
        self.still_there(&bucket).await?;
        let next = next_of(&page, |upload| upload.key.as_str()).map(|marker| {
            let upload = match page.entries.last() {
                Some(ListEntry::Item(upload)) => Some(upload.upload),
                Some(ListEntry::CommonPrefix(_)) | None => None,
            };
            (marker_text(&marker).to_owned(), upload)
        });
        Ok(UploadPage { entries: page.entries, next })
    }

    pub async fn list_parts(
        &self,
        name: &UploadName,
        page: PartPageInput,
    ) -> Result<(Upload, PartPage<UploadPart>), ObjectError> {
        let limit = page.limit.min(PARTS_PAGE_MAX);
        // Before the upload, whose parts go with it: an upload that is still open afterwards had all of them.
        let parts = self.metadata.upload_parts(name.upload, page.after_part, limit + 1).await?;
        let (_, upload) = self.open_upload(name).await?;
        Ok((upload, PartPage::of(parts, limit)))
    }
}
