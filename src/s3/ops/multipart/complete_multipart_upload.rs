//! CompleteMultipartUpload. The checksum headers are about the object, not about the document in the body.

use crate::{
    objects::{CompleteInput, Expiry, NamedPart, Objects, PARTS_MAX, WrittenVersion},
    s3::{
        RequestBody, RequestContext, Response, S3Code, S3Error, body,
        ops::{
            checksum_output, condition_input, lifecycle_output,
            parameter::{self, DOCUMENT_MAX_BYTES, insert_version},
            upload_input,
        },
        xml::{self, Schema, XmlWriter},
    },
    types::{Checksum, ChecksumAlgorithm, ChecksumKind},
};
use serde::{Deserialize, de::IgnoredAny};

const SCHEMA: Schema = Schema(&[
    ("CompleteMultipartUpload", &["Part"]),
    (
        "Part",
        &[
            "PartNumber",
            "ETag",
            "ChecksumCRC32",
            "ChecksumCRC32C",
            "ChecksumCRC64NVME",
            "ChecksumSHA1",
            "ChecksumSHA256",
            "ChecksumSHA512",
            "ChecksumMD5",
            "ChecksumXXHASH64",
            "ChecksumXXHASH3",
            "ChecksumXXHASH128",
        ],
    ),
]);

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "Part", default)]
    parts: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    #[serde(rename = "PartNumber")]
    part_number: String,
    #[serde(rename = "ETag")]
    etag: String,
    #[serde(rename = "ChecksumCRC32")]
    crc32: Option<String>,
    #[serde(rename = "ChecksumCRC32C")]
    crc32c: Option<String>,
    #[serde(rename = "ChecksumCRC64NVME")]
    crc64nvme: Option<String>,
    #[serde(rename = "ChecksumSHA1")]
    sha1: Option<String>,
    #[serde(rename = "ChecksumSHA256")]
    sha256: Option<String>,
    /// Of an algorithm that is not implemented: such a part can't have been uploaded here.
    #[serde(
        rename = "ChecksumSHA512",
        alias = "ChecksumMD5",
        alias = "ChecksumXXHASH64",
        alias = "ChecksumXXHASH3",
        alias = "ChecksumXXHASH128"
    )]
    unknown_checksum: Option<IgnoredAny>,
}

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects, body: RequestBody) -> Result<Response, S3Error> {
    let name = upload_input::upload_name(ctx)?;
    let document = body.read_document(DOCUMENT_MAX_BYTES).await?;
    let input = CompleteInput {
        name,
        parts: parts(&document)?,
        expected_checksum: expected_checksum(ctx)?,
        expected_kind: expected_kind(ctx)?,
        expected_size: expected_size(ctx)?,
        precondition: condition_input::write_precondition(ctx)?,
    };
    let written = objects.complete_upload(&input).await?;
    let expiry = objects.expiry_of_written(ctx.bucket()?, ctx.key()?, &written).await?;
    Ok(render(ctx, &written, expiry.as_ref()))
}

pub(in crate::s3) fn parts(document: &[u8]) -> Result<Vec<NamedPart>, S3Error> {
    let document: Document = xml::read(document, SCHEMA)?;
    if document.parts.is_empty() || document.parts.len() > PARTS_MAX as usize {
        return Err(S3Code::MalformedXML.into());
    }
    document.parts.iter().map(named_part).collect()
}

fn named_part(part: &Part) -> Result<NamedPart, S3Error> {
    let number = part.part_number.trim().parse::<u32>().map_err(|_| S3Error::new(S3Code::MalformedXML))?;
    if !(1..=PARTS_MAX).contains(&number) {
        return Err(S3Error::invalid_argument(
            "PartNumber",
            &part.part_number,
            "Part number must be an integer between 1 and 10000, inclusive",
        ));
    }
    if part.unknown_checksum.is_some() {
        return Err(S3Error::with_message(
            S3Code::NotImplemented,
            "A part's checksum is of an algorithm that is not implemented.",
        ));
    }
    let refused = || S3Error::new(S3Code::InvalidPart).field("PartNumber", part.part_number.as_str());
    let etag = part.etag.parse().map_err(|_| refused())?;
    let sent = [
        (ChecksumAlgorithm::Crc32, &part.crc32),
        (ChecksumAlgorithm::Crc32c, &part.crc32c),
        (ChecksumAlgorithm::Crc64nvme, &part.crc64nvme),
        (ChecksumAlgorithm::Sha1, &part.sha1),
        (ChecksumAlgorithm::Sha256, &part.sha256),
    ];
    let mut sent = sent.into_iter().filter_map(|(algorithm, text)| text.as_deref().map(|text| (algorithm, text)));
    let checksum = sent.next().map(|(algorithm, text)| Checksum::from_base64(algorithm, text)).transpose();
    if let Some((algorithm, text)) = sent.next() {
        return Err(S3Error::invalid_argument(algorithm.name(), text, "A part has one checksum."));
    }
    Ok(NamedPart { part_number: number, etag, checksum: checksum.map_err(|_| refused())? })
}

fn expected_checksum(ctx: &RequestContext<'_>) -> Result<Option<(ChecksumAlgorithm, String)>, S3Error> {
    body::check_single_checksum(ctx.headers)?;
    for algorithm in ChecksumAlgorithm::ALL {
        if let Some(text) = ctx.header(algorithm.header())? {
            return Ok(Some((algorithm, text.to_owned())));
        }
    }
    Ok(None)
}

fn expected_kind(ctx: &RequestContext<'_>) -> Result<Option<ChecksumKind>, S3Error> {
    let Some(name) = ctx.header("x-amz-checksum-type")? else { return Ok(None) };
    let refused = || S3Error::invalid_request("Value for x-amz-checksum-type header is invalid.");
    ChecksumKind::from_name(name).map(Some).ok_or_else(refused)
}

fn expected_size(ctx: &RequestContext<'_>) -> Result<Option<u64>, S3Error> {
    const NAME: &str = "x-amz-mp-object-size";
    let Some(text) = ctx.header(NAME)? else { return Ok(None) };
    text.parse().map(Some).map_err(|_| S3Error::invalid_argument(NAME, text, "Not a size in bytes."))
}

fn render(ctx: &RequestContext<'_>, written: &WrittenVersion, expiry: Option<&Expiry>) -> Response {
    let mut xml = XmlWriter::document("CompleteMultipartUploadResult");
    xml.text("Location", &ctx.location());
    xml.text("Bucket", ctx.bucket.map_or("", |bucket| bucket.as_str()));
    xml.text("Key", ctx.key.map_or("", |key| key.as_str())).text("ETag", &written.etag.quoted());
    if let Some(checksum) = &written.checksum {
        checksum_output::object_elements(&mut xml, checksum);
    }
    let mut response = parameter::document(xml.finish());
    insert_version(&mut response, written.shown());
    lifecycle_output::expiration(&mut response, expiry);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> S3Code {
        parts(text.as_bytes()).unwrap_err().code()
    }

    #[test]
    fn parts_are_read_with_their_checksums() {
        let text = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>&quot;a&quot;</ETag>\
                    <ChecksumCRC32>AAAAAA==</ChecksumCRC32></Part></CompleteMultipartUpload>";
        let parts = parts(text.as_bytes()).unwrap();
        assert_eq!(parts[0].etag.as_str(), "a");
        assert_eq!(parts[0].checksum.as_ref().unwrap().algorithm(), ChecksumAlgorithm::Crc32);
    }

    #[test]
    fn malformed_lists_are_refused() {
        assert_eq!(code(""), S3Code::MalformedXML);
        assert_eq!(code("<CompleteMultipartUpload/>"), S3Code::MalformedXML);
        let part = |inner: &str| format!("<CompleteMultipartUpload><Part>{inner}</Part></CompleteMultipartUpload>");
        assert_eq!(code(&part("<PartNumber>1</PartNumber>")), S3Code::MalformedXML);
        assert_eq!(code(&part("<PartNumber>x</PartNumber><ETag>a</ETag>")), S3Code::MalformedXML);
        assert_eq!(code(&part("<PartNumber>0</PartNumber><ETag>a</ETag>")), S3Code::InvalidArgument);
        assert_eq!(code(&part("<PartNumber>1</PartNumber><ETag></ETag>")), S3Code::InvalidPart);
        assert_eq!(code(&part("<PartNumber>1</PartNumber><ETag>a</ETag><Size>1</Size>")), S3Code::MalformedXML);
        let checksum = "<PartNumber>1</PartNumber><ETag>a</ETag><ChecksumXXHASH3>AAAAAAAAAAA=</ChecksumXXHASH3>";
        assert_eq!(code(&part(checksum)), S3Code::NotImplemented);
        let two = "<PartNumber>1</PartNumber><ETag>a</ETag><ChecksumCRC32>AAAAAA==</ChecksumCRC32>\
                   <ChecksumCRC32C>AAAAAA==</ChecksumCRC32C>";
        assert_eq!(code(&part(two)), S3Code::InvalidArgument, "the second was not looked at");
    }
}
