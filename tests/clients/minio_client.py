"""minio-py: streams of unknown length, ranges, compose, tags, presigned URLs, removal of many objects."""

import datetime
import io

from minio import Minio
from minio.commonconfig import REPLACE, ComposeSource, CopySource, Tags
from minio.deleteobjects import DeleteObject
from minio.error import S3Error

from harness import ACCESS_KEY, ENDPOINT, MIB, SECRET_KEY, body, check, equal, http, new_bucket, run

client = Minio(ENDPOINT.split("://")[1], access_key=ACCESS_KEY, secret_key=SECRET_KEY, secure=False)
BUCKET = new_bucket("minio-py")


def read(key, **arguments):
    answer = client.get_object(BUCKET, key, **arguments)
    try:
        return answer.read()
    finally:
        answer.close()
        answer.release_conn()


@check("buckets")
def buckets():
    equal(client.bucket_exists(BUCKET), False)
    client.make_bucket(BUCKET)
    equal(client.bucket_exists(BUCKET), True)
    assert BUCKET in [bucket.name for bucket in client.list_buckets()]


@check("put of known and unknown length, get, ranges, stat")
def put_get():
    data = body(12 * MIB + 5)
    client.put_object(BUCKET, "a b/ü+", io.BytesIO(data), len(data), metadata={"Colour": "blue"})
    equal(read("a b/ü+"), data)
    client.put_object(BUCKET, "stream", io.BytesIO(data), -1, part_size=5 * MIB)
    equal(read("stream"), data)
    equal(read("stream", offset=5 * MIB - 3, length=6), data[5 * MIB - 3 : 5 * MIB + 3])
    stat = client.stat_object(BUCKET, "a b/ü+")
    equal((stat.size, stat.metadata["x-amz-meta-colour"]), (len(data), "blue"))
    try:
        read("none")
    except S3Error as error:
        equal(error.code, "NoSuchKey")
    else:
        raise AssertionError("a missing key was read")


@check("lists, recursive and by level")
def lists():
    for key in ["l/a/1", "l/a/2", "l/b"]:
        client.put_object(BUCKET, key, io.BytesIO(b"x"), 1)
    equal([entry.object_name for entry in client.list_objects(BUCKET, "l/", recursive=True)], ["l/a/1", "l/a/2", "l/b"])
    equal(sorted(entry.object_name for entry in client.list_objects(BUCKET, "l/")), ["l/a/", "l/b"])


@check("copy and compose")
def copies():
    client.copy_object(BUCKET, "copy", CopySource(BUCKET, "a b/ü+"), metadata={"Colour": "red"}, metadata_directive=REPLACE)
    equal(read("copy"), read("a b/ü+"))
    equal(client.stat_object(BUCKET, "copy").metadata["x-amz-meta-colour"], "red")
    client.compose_object(BUCKET, "composed", [ComposeSource(BUCKET, "a b/ü+"), ComposeSource(BUCKET, "l/b")])
    equal(read("composed"), read("a b/ü+") + b"x")


@check("tags")
def tags():
    wanted = Tags.new_object_tags()
    wanted["a"] = "1 ü"
    client.set_object_tags(BUCKET, "copy", wanted)
    equal(dict(client.get_object_tags(BUCKET, "copy")), {"a": "1 ü"})
    client.delete_object_tags(BUCKET, "copy")
    equal(client.get_object_tags(BUCKET, "copy"), None)


@check("presigned URLs")
def presigned():
    minute = datetime.timedelta(minutes=1)
    equal(http("PUT", client.presigned_put_object(BUCKET, "signed url", minute), b"hello")[0], 200)
    equal(http("GET", client.presigned_get_object(BUCKET, "signed url", minute)), (200, b"hello"))


@check("removal of many, and of the bucket")
def removes():
    found = (DeleteObject(entry.object_name) for entry in client.list_objects(BUCKET, recursive=True))
    equal(list(client.remove_objects(BUCKET, found)), [])
    client.remove_bucket(BUCKET)
    equal(client.bucket_exists(BUCKET), False)


run("minio-py")
