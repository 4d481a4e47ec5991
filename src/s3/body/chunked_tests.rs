//! aws-chunked bodies in all shapes, whole and torn at random, right and hostile. What is signed here is signed by
//! AWS's own code.

use super::{
    aws_chunked::{AwsChunkedDecoder, ChunkFraming, FREE_CHUNK_MAX_BYTES, Step},
    *,
};
use crate::{identity::SigningKey, s3::signature::ChunkSigner, types::ChecksumAlgorithm};
use aws_credential_types::Credentials;
use aws_sigv4::sign::v4;
use proptest::prelude::*;
use std::time::{Duration, UNIX_EPOCH};

const SECRET: &str = "secret-of-the-test";
const SEED: &str = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e";
const TIME_SECONDS: u64 = 1_369_353_600;
const CRC32: (&str, &str) = ("x-amz-checksum-crc32", "AAAAAA==");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Signed,
    SignedWithTrailer,
    UnsignedWithTrailer,
}

const SHAPES: [Shape; 3] = [Shape::Signed, Shape::SignedWithTrailer, Shape::UnsignedWithTrailer];

impl Shape {
    fn decoder(self, length: u64) -> AwsChunkedDecoder {
        let time = UNIX_EPOCH + Duration::from_secs(TIME_SECONDS);
        let key = v4::generate_signing_key(SECRET, time, "us-east-1", "s3");
        let key = SigningKey::new(key.as_ref().try_into().unwrap());
        let signer = ChunkSigner::new(key, "20130524T000000Z", "20130524/us-east-1/s3/aws4_request", SEED);
        match self {
            Self::Signed => AwsChunkedDecoder::new(ChunkFraming::Signed(signer), length, None),
            Self::SignedWithTrailer => {
                AwsChunkedDecoder::new(ChunkFraming::SignedWithTrailer(signer), length, Some(ChecksumAlgorithm::Crc32))
            }
            Self::UnsignedWithTrailer => {
                AwsChunkedDecoder::new(ChunkFraming::UnsignedWithTrailer, length, Some(ChecksumAlgorithm::Crc32))
            }
        }
    }

    /// The body of these chunks, signed by AWS's code.
    fn encode(self, chunks: &[Bytes]) -> Vec<u8> {
        let identity = Credentials::new("AK", SECRET, None, None, "test").into();
        let time = UNIX_EPOCH + Duration::from_secs(TIME_SECONDS);
        let params = v4::SigningParams::builder().identity(&identity).region("us-east-1").name("s3").time(time);
        let params = params.settings(()).build().unwrap();
        let (mut out, mut previous) = (Vec::new(), SEED.to_owned());
        for chunk in chunks.iter().filter(|chunk| !chunk.is_empty()).chain([&Bytes::new()]) {
            let head = match self {
                Self::UnsignedWithTrailer => format!("{:x}\r\n", chunk.len()),
                Self::Signed | Self::SignedWithTrailer => {
                    previous = v4::sign_chunk(chunk, &previous, &params).unwrap().signature().to_owned();
                    format!("{:x};chunk-signature={previous}\r\n", chunk.len())
                }
            };
            out.extend_from_slice(head.as_bytes());
            out.extend_from_slice(chunk);
            if !chunk.is_empty() {
                out.extend_from_slice(b"\r\n");
            }
        }
        let trailer = format!("{}:{}", CRC32.0, CRC32.1);
        let end = match self {
            Self::Signed => "\r\n".to_owned(),
            Self::UnsignedWithTrailer => format!("{trailer}\r\n\r\n"),
            Self::SignedWithTrailer => {
                let mut request = aws_sdk_s3::config::http::HttpRequest::empty();
                request.headers_mut().insert(CRC32.0, CRC32.1);
                let signature = v4::sign_trailer(request.headers(), &previous, &params).unwrap().signature().to_owned();
                format!("{trailer}\r\nx-amz-trailer-signature:{signature}\r\n\r\n")
            }
        };
        out.extend_from_slice(end.as_bytes());
        out
    }
}

/// Feeds the body in pieces of the given lengths, in a circle.
fn decode(
    mut decoder: AwsChunkedDecoder,
    body: &[u8],
    cuts: &[usize],
) -> Result<(Vec<u8>, Option<Checksum>), BodyError> {
    let (mut decoded, mut rest, mut cuts) = (Vec::new(), body, cuts.iter().cycle());
    loop {
        match decoder.step()? {
            Step::Data(bytes) => decoded.extend_from_slice(&bytes),
            Step::NeedRoom(length) => assert!(length > FREE_CHUNK_MAX_BYTES),
            Step::NeedInput if !rest.is_empty() => {
                let (piece, behind) = rest.split_at((*cuts.next().unwrap()).clamp(1, rest.len()));
                decoder.push(Bytes::copy_from_slice(piece));
                rest = behind;
            }
            Step::NeedInput => break decoder.finish()?,
            Step::End if rest.is_empty() => break,
            Step::End => return Err(BodyError::Malformed("rest")),
        }
    }
    Ok((decoded, decoder.trailing_checksum().cloned()))
}

fn chunks(lengths: &[usize]) -> Vec<Bytes> {
    lengths.iter().enumerate().map(|(i, length)| Bytes::from(vec![i as u8; *length])).collect()
}

fn joined(chunks: &[Bytes]) -> Vec<u8> {
    chunks.concat()
}

#[test]
fn the_published_example_of_aws_is_verified() {
    let time = UNIX_EPOCH + Duration::from_secs(TIME_SECONDS);
    let key = v4::generate_signing_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", time, "us-east-1", "s3");
    let key = SigningKey::new(key.as_ref().try_into().unwrap());
    let seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
    let signer = ChunkSigner::new(key, "20130524T000000Z", "20130524/us-east-1/s3/aws4_request", seed);
    let decoder = AwsChunkedDecoder::new(ChunkFraming::Signed(signer), 66560, None);
    let mut body = Vec::new();
    for (length, signature) in [
        (65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
        (1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
        (0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
    ] {
        body.extend_from_slice(format!("{length:x};chunk-signature={signature}\r\n").as_bytes());
        body.extend(std::iter::repeat_n(b'a', length));
        body.extend_from_slice(b"\r\n");
    }
    assert_eq!(decode(decoder, &body, &[8192]).unwrap().0, vec![b'a'; 66560]);
}

proptest! {
    #[test]
    fn every_shape_is_decoded_however_it_is_torn(
        lengths in proptest::collection::vec(0_usize..2000, 0..6),
        cuts in proptest::collection::vec(1_usize..700, 1..8),
    ) {
        let chunks = chunks(&lengths);
        for shape in SHAPES {
            let body = shape.encode(&chunks);
            let (decoded, checksum) = decode(shape.decoder(lengths.iter().sum::<usize>() as u64), &body, &cuts).unwrap();
            prop_assert_eq!(decoded, joined(&chunks));
            prop_assert_eq!(checksum.is_some(), shape != Shape::Signed);
        }
    }

    #[test]
    fn a_flipped_byte_never_lets_other_bytes_through(
        lengths in proptest::collection::vec(1_usize..300, 1..4),
        at in any::<prop::sample::Index>(),
        flip in 1_u8..=255,
    ) {
        let chunks = chunks(&lengths);
        for shape in [Shape::Signed, Shape::SignedWithTrailer] {
            let mut body = shape.encode(&chunks);
            let at = at.index(body.len());
            body[at] ^= flip;
            let decoded = decode(shape.decoder(lengths.iter().sum::<usize>() as u64), &body, &[64]);
            if let Ok((bytes, _)) = decoded {
                // The case of a hexadecimal size or of a trailer's name, and the line breaks of trailers, carry nothing.
                prop_assert_eq!(bytes, joined(&chunks));
            }
        }
    }

    #[test]
    fn a_cut_body_is_incomplete(lengths in proptest::collection::vec(1_usize..300, 1..4), at in any::<prop::sample::Index>()) {
        let chunks = chunks(&lengths);
        for shape in SHAPES {
            let body = shape.encode(&chunks);
            let at = at.index(body.len());
            let decoder = shape.decoder(lengths.iter().sum::<usize>() as u64);
            prop_assert_eq!(decode(decoder, &body[..at], &[97]), Err(BodyError::Incomplete));
        }
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(
        body in "([0-9a-f]{1,3}|\r\n|;chunk-signature=|\n|:|x-amz-checksum-crc32|x-amz-trailer-signature|[a-z]{5}|0){0,40}",
        cuts in proptest::collection::vec(1_usize..20, 1..4),
    ) {
        for shape in SHAPES {
            let _ = decode(shape.decoder(5), body.as_bytes(), &cuts);
        }
    }
}

#[test]
fn the_declared_length_must_be_the_decoded_one() {
    let chunks = chunks(&[100, 50]);
    for shape in SHAPES {
        let body = shape.encode(&chunks);
        for declared in [0, 149, 151] {
            let decoded = decode(shape.decoder(declared), &body, &[4096]);
            assert_eq!(decoded, Err(BodyError::LengthMismatch), "{shape:?} {declared}");
        }
    }
}

#[test]
fn chunks_in_another_order_or_left_out_are_refused() {
    let whole = Shape::Signed.encode(&chunks(&[100, 100]));
    let chunk_length = 2 + ";chunk-signature=".len() + 64 + 2 + 100 + 2;
    let swapped = [&whole[chunk_length..2 * chunk_length], &whole[..chunk_length], &whole[2 * chunk_length..]].concat();
    assert_eq!(decode(Shape::Signed.decoder(200), &swapped, &[4096]), Err(BodyError::SignatureMismatch));
    let left_out = [&whole[..chunk_length], &whole[2 * chunk_length..]].concat();
    assert_eq!(decode(Shape::Signed.decoder(100), &left_out, &[4096]), Err(BodyError::SignatureMismatch));
}

#[test]
fn no_byte_of_a_chunk_is_handed_on_before_its_signature_was_verified() {
    let body = Shape::Signed.encode(&chunks(&[1000]));
    let mut decoder = Shape::Signed.decoder(1000);
    decoder.push(Bytes::copy_from_slice(&body[..900]));
    assert_eq!(decoder.step(), Ok(Step::NeedInput));
    let mut wrong = body.clone();
    wrong[1000] ^= 1;
    let mut decoder = Shape::Signed.decoder(1000);
    decoder.push(Bytes::from(wrong));
    assert_eq!(decoder.step(), Err(BodyError::SignatureMismatch));
}

#[test]
fn a_long_signed_chunk_asks_for_room_and_a_longer_one_is_refused() {
    let length = FREE_CHUNK_MAX_BYTES as usize + 1;
    let body = Shape::Signed.encode(&chunks(&[length]));
    let mut decoder = Shape::Signed.decoder(length as u64);
    decoder.push(Bytes::from(body));
    assert_eq!(decoder.step(), Ok(Step::NeedRoom(length as u64)));
    let mut decoder = Shape::Signed.decoder(u64::MAX);
    decoder.push(Bytes::from(format!("1000001;chunk-signature={SEED}\r\n")));
    assert!(matches!(decoder.step(), Err(BodyError::Refused(_))));
}

#[test]
fn malformed_heads_are_refused() {
    for head in [
        "\r\n",
        "g\r\n",
        "-1\r\n",
        "+5\r\n",
        " 5\r\n",
        "5 \r\n",
        "0x5\r\n",
        "5\n",
        "11111111111111111\r\n",
        "5;chunk-signature=0a\r\n",
        "5;a=b\r\n",
    ] {
        let decoded = decode(Shape::UnsignedWithTrailer.decoder(5), format!("{head}hello\r\n0\r\n").as_bytes(), &[99]);
        assert!(matches!(decoded, Err(BodyError::Malformed(_))), "{head:?}: {decoded:?}");
    }
    let unsigned = decode(Shape::Signed.decoder(5), b"5\r\nhello\r\n0\r\n\r\n", &[99]);
    assert_eq!(unsigned, Err(BodyError::SignatureMismatch));
    let endless = vec![b'0'; 1000];
    assert!(matches!(decode(Shape::Signed.decoder(5), &endless, &[7]), Err(BodyError::Malformed(_))));
}

#[test]
fn only_the_announced_trailer_is_taken_once_and_with_its_signature() {
    let unsigned = |trailers: &str| {
        let body = format!("5\r\nhello\r\n0\r\n{trailers}");
        decode(Shape::UnsignedWithTrailer.decoder(5), body.as_bytes(), &[1])
    };
    let right = "x-amz-checksum-crc32:AAAAAA==\r\n\r\n";
    assert!(unsigned(right).is_ok());
    for (trailers, error) in [
        ("\r\n", BodyError::TrailerMismatch),
        ("x-amz-checksum-sha1:AAAAAA==\r\n\r\n", BodyError::TrailerMismatch),
        ("x-amz-checksum-crc32:AAAAAA==\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", BodyError::TrailerMismatch),
        ("x-amz-checksum-crc32:AAAAAA==\r\nx-amz-trailer-signature:00\r\n\r\n", BodyError::TrailerMismatch),
        ("", BodyError::Incomplete),
        ("x-amz-checksum-crc32:AAAAAA==\r\n", BodyError::Incomplete),
    ] {
        assert_eq!(unsigned(trailers), Err(error), "{trailers:?}");
    }
    for trailers in ["x-amz-checksum-crc32\r\n\r\n", ":x\r\n\r\n"] {
        assert!(matches!(unsigned(trailers), Err(BodyError::MalformedTrailers(_))), "{trailers:?}");
    }
    assert!(matches!(unsigned("x-amz-checksum-crc32:AAAA\r\n\r\n"), Err(BodyError::Refused(_))));
    assert!(unsigned(&format!("{right}more")).is_err());
    let long = format!("x-amz-checksum-crc32:{}\r\n\r\n", "A".repeat(5000));
    assert!(matches!(unsigned(&long), Err(BodyError::MalformedTrailers(_))));
}

#[test]
fn a_signed_trailer_cannot_be_changed_or_left_unsigned() {
    let body = Shape::SignedWithTrailer.encode(&chunks(&[10]));
    let text = String::from_utf8_lossy(&body).into_owned();
    let changed = text.replace(CRC32.1, "AAAAAQ==");
    let decoded = decode(Shape::SignedWithTrailer.decoder(10), changed.as_bytes(), &[99]);
    assert_eq!(decoded, Err(BodyError::SignatureMismatch));
    let (unsigned, _) = text.split_once("x-amz-trailer-signature").unwrap();
    let decoded = decode(Shape::SignedWithTrailer.decoder(10), format!("{unsigned}\r\n").as_bytes(), &[99]);
    assert_eq!(decoded, Err(BodyError::Incomplete));
}

/// minio-go ends the trailer's line with a line feed alone and puts an empty line before the signature.
#[test]
fn the_line_breaks_of_minio_go_are_understood() {
    let body = String::from_utf8(Shape::SignedWithTrailer.encode(&chunks(&[]))).unwrap();
    let theirs = body.replace(&format!("{}\r\n", CRC32.1), &format!("{}\n\r\n", CRC32.1));
    assert_ne!(body, theirs);
    assert!(decode(Shape::SignedWithTrailer.decoder(0), theirs.as_bytes(), &[99]).is_ok());
}
