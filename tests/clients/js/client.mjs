// The AWS SDK for JavaScript v3 with default settings: put, streams in parts, get, lists, conditions, copies, deletes.

import { Readable } from "node:stream";
import { randomBytes } from "node:crypto";
import assert from "node:assert/strict";
import {
  CopyObjectCommand, CreateBucketCommand, DeleteBucketCommand, DeleteObjectsCommand, GetObjectCommand,
  HeadObjectCommand, PutObjectCommand, S3Client, paginateListObjectsV2,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";

const s3 = new S3Client({ endpoint: process.env.ENDPOINT, region: "us-east-1", forcePathStyle: true });
const Bucket = `larder-js-${Date.now()}-${process.pid}`;
let failed = false;

async function check(name, run) {
  try {
    await run();
    console.log(`PASS aws-sdk-js: ${name}`);
  } catch (error) {
    failed = true;
    console.log(`    ${String(error.stack).replaceAll("\n", "\n    ")}`);
    console.log(`FAIL aws-sdk-js: ${name}`);
  }
}

async function read(Key, more = {}) {
  const answer = await s3.send(new GetObjectCommand({ Bucket, Key, ...more }));
  return Buffer.from(await answer.Body.transformToByteArray());
}

async function list(Prefix) {
  const keys = [];
  for await (const page of paginateListObjectsV2({ client: s3, pageSize: 3 }, { Bucket, Prefix })) {
    keys.push(...(page.Contents ?? []).map((entry) => entry.Key));
  }
  return keys;
}

await check("put and get", async () => {
  await s3.send(new CreateBucketCommand({ Bucket }));
  for (const size of [0, 1, 70_000, 9_000_000]) {
    const Body = randomBytes(size);
    const Key = `a b/ü+%41/${size}`;
    await s3.send(new PutObjectCommand({ Bucket, Key, Body, Metadata: { colour: "blue" } }));
    assert.ok(Body.equals(await read(Key)), `${size} bytes differ`);
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key }));
    assert.deepEqual([head.ContentLength, head.Metadata.colour], [size, "blue"]);
  }
});

await check("a stream in parts", async () => {
  const pieces = Array.from({ length: 17 }, () => randomBytes(1_000_000));
  const upload = new Upload({
    client: s3, params: { Bucket, Key: "stream", Body: Readable.from(pieces) }, partSize: 5 << 20, queueSize: 3,
  });
  const done = await upload.done();
  assert.match(done.ETag, /-4"$/);
  const whole = Buffer.concat(pieces);
  assert.ok(whole.equals(await read("stream")), "other bytes than were sent");
  assert.ok(whole.subarray(5_242_870, 5_242_890).equals(await read("stream", { Range: "bytes=5242870-5242889" })));
});

await check("conditions and errors", async () => {
  await s3.send(new PutObjectCommand({ Bucket, Key: "once", Body: "1", IfNoneMatch: "*" }));
  const again = new PutObjectCommand({ Bucket, Key: "once", Body: "2", IfNoneMatch: "*" });
  await assert.rejects(s3.send(again), { name: "PreconditionFailed" });
  assert.equal((await read("once")).toString(), "1");
  await assert.rejects(read("none"), { name: "NoSuchKey" });
});

await check("copy and paged lists", async () => {
  for (let number = 0; number < 7; number++) {
    await s3.send(new CopyObjectCommand({ Bucket, Key: `copy/${number}`, CopySource: `${Bucket}/once` }));
  }
  assert.deepEqual(await list("copy/"), [0, 1, 2, 3, 4, 5, 6].map((number) => `copy/${number}`));
  assert.equal((await read("copy/6")).toString(), "1");
});

await check("delete all, and the bucket", async () => {
  const Objects = (await list("")).map((Key) => ({ Key }));
  const answer = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
  assert.deepEqual([answer.Deleted.length, answer.Errors], [Objects.length, undefined]);
  assert.deepEqual(await list(""), []);
  await s3.send(new DeleteBucketCommand({ Bucket }));
});

process.exit(failed ? 1 : 0);
