"""boto3 with default settings: managed and manual multipart, conditions, checksums, presigned URLs, lists, copies, object lock."""

import datetime
import io
import threading
import zlib
from base64 import b64encode

import boto3
import botocore.config
import botocore.exceptions
from boto3.s3.transfer import TransferConfig

from harness import ENDPOINT, MIB, REGION, body, check, equal, http, new_bucket, run

s3 = boto3.client("s3", endpoint_url=ENDPOINT, region_name=REGION)
BUCKET = new_bucket("boto3")


def code_of(function, **arguments):
    """S3's code and the status of a request that has to fail."""
    try:
        function(**arguments)
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    raise AssertionError("this should have failed")


def read(key, **arguments):
    return s3.get_object(Bucket=BUCKET, Key=key, **arguments)["Body"].read()


@check("buckets: create, head, location, list")
def buckets():
    equal(code_of(s3.head_bucket, Bucket=BUCKET)[1], 404)
    s3.create_bucket(Bucket=BUCKET)
    s3.head_bucket(Bucket=BUCKET)
    equal(s3.get_bucket_location(Bucket=BUCKET)["LocationConstraint"], None)
    assert BUCKET in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]


@check("put and get with metadata, ranges and odd keys")
def put_get():
    data = body(100_000)
    for key in ["plain", "a b/ü+%41/日本", "//double//slash/", "../up/./x", "k" * 1024, "quote'\"<&>\n\t"]:
        put = s3.put_object(Bucket=BUCKET, Key=key, Body=data, Metadata={"colour": "blue"}, ContentType="x/y")
        got = s3.get_object(Bucket=BUCKET, Key=key)
        equal(got["Body"].read(), data)
        equal((got["Metadata"], got["ContentType"], got["ETag"]), ({"colour": "blue"}, "x/y", put["ETag"]))
    equal(read("plain", Range="bytes=10-19"), data[10:20])
    equal(read("plain", Range="bytes=-5"), data[-5:])
    equal(read("plain", Range="bytes=99990-"), data[99_990:])
    equal(code_of(s3.get_object, Bucket=BUCKET, Key="plain", Range="bytes=100000-")[0], "InvalidRange")
    equal(code_of(s3.get_object, Bucket=BUCKET, Key="none")[0], "NoSuchKey")
    equal(code_of(s3.get_object, Bucket=BUCKET + "-none", Key="x")[0], "NoSuchBucket")


@check("appends of which one wins an offset, and renames")
def appends_and_renames():
    size = 0
    for line in [b"one\n", b"two\n", b"three\n"]:
        put = s3.put_object(Bucket=BUCKET, Key="log", Body=line, WriteOffsetBytes=size)
        size += len(line)
        equal(put["Size"], size)
    equal(read("log"), b"one\ntwo\nthree\n")
    equal(code_of(s3.put_object, Bucket=BUCKET, Key="log", Body=b"x", WriteOffsetBytes=4), ("InvalidWriteOffset", 400))
    head = s3.head_object(Bucket=BUCKET, Key="log", ChecksumMode="ENABLED")
    equal(head["ChecksumCRC32"], b64encode(zlib.crc32(read("log")).to_bytes(4, "big")).decode())
    s3.rename_object(Bucket=BUCKET, Key="old/log 1", RenameSource=f"{BUCKET}/log")
    equal(s3.head_object(Bucket=BUCKET, Key="old/log 1")["ETag"], head["ETag"])
    equal(code_of(s3.head_object, Bucket=BUCKET, Key="log")[1], 404)
    equal(code_of(s3.rename_object, Bucket=BUCKET, Key="x", RenameSource=f"{BUCKET}/log")[0], "NoSuchKey")
    s3.delete_object(Bucket=BUCKET, Key="old/log 1")


@check("upload_fileobj in parts, download_fileobj in ranges")
def managed_transfers():
    data = body(23 * MIB + 17)
    config = TransferConfig(multipart_threshold=8 * MIB, multipart_chunksize=5 * MIB, max_concurrency=6)
    s3.upload_fileobj(io.BytesIO(data), BUCKET, "managed", Config=config)
    assert s3.head_object(Bucket=BUCKET, Key="managed")["ETag"].endswith('-5"')
    back = io.BytesIO()
    s3.download_fileobj(BUCKET, "managed", back, Config=config)
    equal(back.getvalue(), data)
    equal(read("managed", PartNumber=2), data[5 * MIB : 10 * MIB])


@check("a body that can't be rewound")
def unseekable():
    class Pipe(io.RawIOBase):
        def __init__(self, data):
            self.rest = data

        def readable(self):
            return True

        def read(self, size=-1):
            size = len(self.rest) if size < 0 else size
            piece, self.rest = self.rest[:size], self.rest[size:]
            return piece

    data = body(11 * MIB)
    s3.upload_fileobj(Pipe(data), BUCKET, "pipe", Config=TransferConfig(multipart_threshold=6 * MIB))
    equal(read("pipe"), data)


@check("checksums of all five algorithms, sent, kept, verified")
def checksums():
    data = body(50_000)
    for algorithm in ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]:
        put = s3.put_object(Bucket=BUCKET, Key="sum", Body=data, ChecksumAlgorithm=algorithm)
        head = s3.head_object(Bucket=BUCKET, Key="sum", ChecksumMode="ENABLED")
        equal(head[f"Checksum{algorithm}"], put[f"Checksum{algorithm}"])
        attributes = s3.get_object_attributes(Bucket=BUCKET, Key="sum", ObjectAttributes=["Checksum", "ObjectSize"])
        equal(attributes["Checksum"][f"Checksum{algorithm}"], put[f"Checksum{algorithm}"])
        equal(attributes["ObjectSize"], len(data))
        equal(read("sum", ChecksumMode="ENABLED"), data)
    wrong = b64encode(zlib.crc32(b"other").to_bytes(4, "big")).decode()
    equal(code_of(s3.put_object, Bucket=BUCKET, Key="bad", Body=data, ChecksumCRC32=wrong)[0], "BadDigest")
    equal(code_of(s3.head_object, Bucket=BUCKET, Key="bad")[1], 404)


@check("multipart with checksums; completion can be repeated")
def multipart_checksums():
    parts = [body(5 * MIB), body(100)]
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="parts", ChecksumAlgorithm="SHA256")["UploadId"]
    names = dict(Bucket=BUCKET, Key="parts", UploadId=upload)
    done = []
    for number, part in enumerate(parts, 1):
        sent = s3.upload_part(**names, PartNumber=number, Body=part, ChecksumAlgorithm="SHA256")
        done.append({"PartNumber": number, "ETag": sent["ETag"], "ChecksumSHA256": sent["ChecksumSHA256"]})
    complete = s3.complete_multipart_upload(**names, MultipartUpload={"Parts": done})
    assert complete["ChecksumSHA256"].endswith("-2")
    again = s3.complete_multipart_upload(**names, MultipartUpload={"Parts": done})
    equal(again["ETag"], complete["ETag"])
    equal(read("parts"), b"".join(parts))
    equal(code_of(s3.complete_multipart_upload, **{**names, "UploadId": "none"}, MultipartUpload={"Parts": done})[0],
          "NoSuchUpload")


@check("conditional writes: of racing creators exactly one wins")
def conditional_writes():
    outcomes = []

    def create(number):
        client = boto3.session.Session().client("s3", endpoint_url=ENDPOINT, region_name=REGION)
        try:
            client.put_object(Bucket=BUCKET, Key="race", Body=str(number).encode(), IfNoneMatch="*")
            outcomes.append(("won", number))
        except botocore.exceptions.ClientError as error:
            outcomes.append((error.response["Error"]["Code"], number))

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [number for outcome, number in outcomes if outcome == "won"]
    equal(len(winners), 1)
    assert {outcome for outcome, _ in outcomes} <= {"won", "PreconditionFailed"}, outcomes
    equal(read("race"), str(winners[0]).encode())

    etag = s3.head_object(Bucket=BUCKET, Key="race")["ETag"]
    s3.put_object(Bucket=BUCKET, Key="race", Body=b"next", IfMatch=etag)
    equal(code_of(s3.put_object, Bucket=BUCKET, Key="race", Body=b"x", IfMatch=etag), ("PreconditionFailed", 412))
    equal(code_of(s3.put_object, Bucket=BUCKET, Key="nobody", Body=b"x", IfMatch=etag), ("NoSuchKey", 404))
    equal(code_of(s3.delete_object, Bucket=BUCKET, Key="race", IfMatch=etag), ("PreconditionFailed", 412))
    equal(read("race"), b"next")


@check("conditional reads")
def conditional_reads():
    etag = s3.head_object(Bucket=BUCKET, Key="race")["ETag"]
    equal(read("race", IfMatch=etag), b"next")
    equal(code_of(s3.get_object, Bucket=BUCKET, Key="race", IfMatch='"0"')[1], 412)
    equal(code_of(s3.get_object, Bucket=BUCKET, Key="race", IfNoneMatch=etag)[1], 304)


@check("lists: pages, delimiter, start-after, versions")
def lists():
    keys = sorted(f"list/{a}/{b}" for a in "abc" for b in range(7))
    for key in keys:
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=BUCKET, Prefix="list/", PaginationConfig={"PageSize": 4})
    equal([entry["Key"] for page in pages for entry in page["Contents"]], keys)
    pages = s3.get_paginator("list_objects").paginate(Bucket=BUCKET, Prefix="list/", PaginationConfig={"PageSize": 5})
    equal([entry["Key"] for page in pages for entry in page["Contents"]], keys)
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=BUCKET, Prefix="list/", Delimiter="/", PaginationConfig={"PageSize": 2})
    equal([entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", [])],
          ["list/a/", "list/b/", "list/c/"])
    after = s3.list_objects_v2(Bucket=BUCKET, Prefix="list/", StartAfter="list/b/3", MaxKeys=2)
    equal([entry["Key"] for entry in after["Contents"]], ["list/b/4", "list/b/5"])
    versions = s3.list_object_versions(Bucket=BUCKET, Prefix="list/a/")
    equal([(entry["Key"], entry["IsLatest"]) for entry in versions["Versions"]], [(key, True) for key in keys[:7]])


@check("copies: with new metadata, onto itself, of a range into a part")
def copies():
    source = {"Bucket": BUCKET, "Key": "a b/ü+%41/日本"}
    data = read(source["Key"])
    s3.copy_object(Bucket=BUCKET, Key="copy", CopySource=source)
    equal((read("copy"), s3.head_object(Bucket=BUCKET, Key="copy")["Metadata"]), (data, {"colour": "blue"}))
    s3.copy_object(Bucket=BUCKET, Key="copy", CopySource={"Bucket": BUCKET, "Key": "copy"},
                   Metadata={"colour": "red"}, MetadataDirective="REPLACE")
    equal((read("copy"), s3.head_object(Bucket=BUCKET, Key="copy")["Metadata"]), (data, {"colour": "red"}))
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="joined")["UploadId"]
    names = dict(Bucket=BUCKET, Key="joined", UploadId=upload)
    part = s3.upload_part_copy(**names, PartNumber=1, CopySource={"Bucket": BUCKET, "Key": "managed"},
                               CopySourceRange=f"bytes=100-{99 + 6 * MIB}")["CopyPartResult"]
    s3.complete_multipart_upload(**names, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    equal(read("joined"), read("managed")[100 : 100 + 6 * MIB])


def presigned_by(signer, parameter):
    data = body(70_000)
    url = signer.generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": "signed url"}, ExpiresIn=60)
    assert parameter in url, url
    equal(http("PUT", url, data, {"Content-Type": ""})[0], 200)
    url = signer.generate_presigned_url("get_object", ExpiresIn=60, Params={
        "Bucket": BUCKET, "Key": "signed url", "ResponseContentDisposition": 'attachment; filename="x + y"'})
    equal(http("GET", url), (200, data))
    status, answer = http("GET", url.replace("signed%20url", "plain"))
    equal(status, 403)
    assert b"<Code>SignatureDoesNotMatch</Code>" in answer, answer
    equal(http("PUT", url, b"x")[0], 403)
    equal(http("GET", signer.generate_presigned_url("list_objects_v2", Params={"Bucket": BUCKET}))[0], 200)


@check("presigned GET and PUT; changed ones are refused")
def presigned():
    presigned_by(boto3.client("s3", endpoint_url=ENDPOINT, region_name=REGION,
                              config=botocore.config.Config(signature_version="s3v4")), "X-Amz-Signature=")


# In us-east-1 boto3 presigns with Signature Version 2 unless told otherwise, and puts what it signed as headers into the URL.
@check("presigned by default: Signature Version 2")
def presigned_by_default():
    presigned_by(s3, "AWSAccessKeyId=")
    url = s3.generate_presigned_url("put_object", ExpiresIn=60, Params={
        "Bucket": BUCKET, "Key": "signed url", "ContentType": "text/x-test", "Metadata": {"colour": "blue"}})
    equal(http("PUT", url, b"x", {"Content-Type": "text/html"})[0], 403)
    equal(http("PUT", url, b"x", {"Content-Type": "text/x-test"})[0], 200)
    head = s3.head_object(Bucket=BUCKET, Key="signed url")
    equal((head["ContentType"], head["Metadata"]), ("text/x-test", {"colour": "blue"}))
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="parts")["UploadId"]
    names = dict(Bucket=BUCKET, Key="parts", UploadId=upload)
    url = s3.generate_presigned_url("upload_part", Params={**names, "PartNumber": 1}, ExpiresIn=60)
    equal(http("PUT", url, b"part", {"Content-Type": ""})[0], 200)
    equal([part["PartNumber"] for part in s3.list_parts(**names)["Parts"]], [1])
    s3.abort_multipart_upload(**names)


@check("object lock: defaults, managed uploads, retentions, legal holds")
def object_lock():
    bucket = BUCKET + "-lock"
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    retain = {"Mode": "GOVERNANCE", "Days": 3}
    configuration = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": retain}}
    s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=configuration)
    equal(s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"], configuration)
    config = TransferConfig(multipart_threshold=8 * MIB, multipart_chunksize=5 * MIB)
    until = datetime.datetime(2099, 1, 1, tzinfo=datetime.timezone.utc)
    s3.upload_fileobj(io.BytesIO(body(11 * MIB)), bucket, "large", Config=config, ExtraArgs={
        "ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": until, "ObjectLockLegalHoldStatus": "ON"})
    s3.put_object(Bucket=bucket, Key="small", Body=b"x")
    large, small = (s3.head_object(Bucket=bucket, Key=key) for key in ("large", "small"))
    shown = (large["ObjectLockMode"], large["ObjectLockRetainUntilDate"], large["ObjectLockLegalHoldStatus"])
    equal(shown, ("GOVERNANCE", until, "ON"))
    equal((small["ObjectLockRetainUntilDate"] - small["LastModified"]).days, 3)
    versions = [{"Key": key, "VersionId": head["VersionId"]} for key, head in (("large", large), ("small", small))]
    refused = s3.delete_objects(Bucket=bucket, Delete={"Objects": versions})["Errors"]
    equal([error["Code"] for error in refused], ["AccessDenied", "AccessDenied"])
    shorter = {"Mode": "GOVERNANCE", "RetainUntilDate": until - datetime.timedelta(days=1)}
    equal(code_of(s3.put_object_retention, Bucket=bucket, Key="large", Retention=shorter), ("AccessDenied", 403))
    s3.put_object_retention(Bucket=bucket, Key="large", Retention=shorter, BypassGovernanceRetention=True)
    equal(s3.get_object_retention(Bucket=bucket, Key="large")["Retention"], shorter)
    bypassing = dict(Bucket=bucket, Delete={"Objects": versions}, BypassGovernanceRetention=True)
    equal([error["Key"] for error in s3.delete_objects(**bypassing)["Errors"]], ["large"])
    s3.put_object_legal_hold(Bucket=bucket, Key="large", LegalHold={"Status": "OFF"})
    equal(s3.delete_objects(**bypassing).get("Errors"), None)
    s3.delete_bucket(Bucket=bucket)


@check("DeleteObjects of 1000 keys, and the bucket at the end")
def deletes():
    objects = [{"Key": f"gone/{number}"} for number in range(1000)]
    for entry in objects[:5]:
        s3.put_object(Bucket=BUCKET, Key=entry["Key"], Body=b"x")
    answer = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": objects})
    equal((len(answer["Deleted"]), answer.get("Errors")), (1000, None))
    equal(code_of(s3.delete_bucket, Bucket=BUCKET)[0], "BucketNotEmpty")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        keys = [{"Key": entry["Key"]} for entry in page["Contents"]]
        equal(s3.delete_objects(Bucket=BUCKET, Delete={"Objects": keys, "Quiet": True}).get("Errors"), None)
    s3.delete_bucket(Bucket=BUCKET)
    equal(code_of(s3.delete_bucket, Bucket=BUCKET)[0], "NoSuchBucket")


run("boto3")
