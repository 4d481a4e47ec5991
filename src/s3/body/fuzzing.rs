//! aws-chunked bodies of any bytes, cut in any way.

use super::aws_chunked::{AwsChunkedDecoder, ChunkFraming, Step};
use crate::{identity::SigningKey, objects::BodyError, s3::signature::ChunkSigner, types::ChecksumAlgorithm};
use bytes::Bytes;

fn decoder(shape: u8, length: u64) -> AwsChunkedDecoder {
    let seed = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e";
    let scope = "20130524/us-east-1/s3/aws4_request";
    let signer = || ChunkSigner::new(SigningKey::new([7; 32]), "20130524T000000Z", scope, seed);
    let crc32 = Some(ChecksumAlgorithm::Crc32);
    match shape % 3 {
        0 => AwsChunkedDecoder::new(ChunkFraming::UnsignedWithTrailer, length, crc32),
        1 => AwsChunkedDecoder::new(ChunkFraming::SignedWithTrailer(signer()), length, crc32),
        _ => AwsChunkedDecoder::new(ChunkFraming::Signed(signer()), length, None),
    }
}

fn decode(mut decoder: AwsChunkedDecoder, body: &[u8], piece: usize) -> (Vec<u8>, Result<(), BodyError>) {
    let (mut decoded, mut pieces) = (Vec::new(), body.chunks(piece));
    loop {
        match decoder.step() {
            Ok(Step::Data(bytes)) => decoded.extend_from_slice(&bytes),
            Ok(Step::NeedRoom(_)) => {}
            // What comes behind the end is no part of the body, as whoever reads it sees.
            Ok(Step::End) if pieces.next().is_some() => return (decoded, Err(BodyError::Malformed("rest"))),
            Ok(Step::End) => return (decoded, decoder.finish()),
            Ok(Step::NeedInput) => match pieces.next() {
                Some(piece) => decoder.push(Bytes::copy_from_slice(piece)),
                None => return (decoded, decoder.finish()),
            },
            Err(error) => return (decoded, Err(error)),
        }
    }
}

/// The first bytes say which framing, which length was declared, and how the rest is cut. No byte comes out beyond that
/// length, none of a signed chunk whose signature is not right, and cuts make no difference.
pub fn chunked_body(bytes: &[u8]) {
    let [shape, length, cut, body @ ..] = bytes else { return };
    let length = u64::from(*length) * 4;
    let (decoded, ended) = decode(decoder(*shape, length), body, usize::MAX);
    assert!(decoded.len() as u64 <= length);
    assert!(ended.is_err() || decoded.len() as u64 == length, "a whole body of another length");
    let (in_pieces, pieces_ended) = decode(decoder(*shape, length), body, usize::from(*cut).max(1));
    assert_eq!(ended.is_ok(), pieces_ended.is_ok());
    if ended.is_ok() {
        assert_eq!(decoded, in_pieces);
    }
}
