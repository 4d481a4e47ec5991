#!/usr/bin/env bash
# docker-registry with its S3 driver (the AWS SDK for Go, version 1), pushed to and pulled from by skopeo.
CLIENT=docker-registry
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
BUCKET=$(new_bucket larder-registry)
PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
SERVE=$CLIENTS/registry/usr/bin/docker-registry
REGISTRY=
trap '[ -z "$REGISTRY" ] || kill "$REGISTRY" 2>/dev/null; rm -rf "$WORK"' EXIT

configure() {
  "$CLIENTS/python/bin/aws" --endpoint-url "$ENDPOINT" s3 mb "s3://$BUCKET"
  cat >registry.yml <<END
version: 0.1
log: {level: warn}
storage:
  s3:
    region: us-east-1
    regionendpoint: $ENDPOINT
    bucket: $BUCKET
    accesskey: $AWS_ACCESS_KEY_ID
    secretkey: $AWS_SECRET_ACCESS_KEY
    secure: false
    chunksize: 5242880
    multipartcopythresholdsize: 16777216
  delete: {enabled: true}
  redirect: {disable: true}
http: {addr: "127.0.0.1:$PORT"}
END
}

# image DIRECTORY BYTES: an image with one layer of that size, as the OCI image layout has it.
image() {
  mkdir -p "$1/blobs/sha256" layer
  random_file layer/data "$2"
  tar -C layer -cf layer.tar data
  python3 - "$1" layer.tar <<'END'
import gzip, hashlib, json, sys

root, layer = sys.argv[1:]


def blob(data):
    digest = hashlib.sha256(data).hexdigest()
    with open(f"{root}/blobs/sha256/{digest}", "wb") as file:
        file.write(data)
    return {"digest": f"sha256:{digest}", "size": len(data)}


def document(value):
    return blob(json.dumps(value).encode())


data = open(layer, "rb").read()
content = f"sha256:{hashlib.sha256(data).hexdigest()}"
# Compressed already, or skopeo does it on the way and another image arrives.
layer = blob(gzip.compress(data, compresslevel=1))
history = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [content]}}
config = {"mediaType": "application/vnd.oci.image.config.v1+json", **document(history)}
layer["mediaType"] = "application/vnd.oci.image.layer.v1.tar+gzip"
kind = "application/vnd.oci.image.manifest.v1+json"
manifest = document({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": [layer]})
index = {"schemaVersion": 2, "manifests": [{"mediaType": kind, **manifest}]}
for name, value in [("index.json", index), ("oci-layout", {"imageLayoutVersion": "1.0.0"})]:
    with open(f"{root}/{name}", "w") as file:
        json.dump(value, file)
END
}

start_registry() {
  "$SERVE" serve registry.yml >registry.log 2>&1 &
  REGISTRY=$!
  for _ in $(seq 300); do
    curl -sf "http://127.0.0.1:$PORT/v2/" >/dev/null && return 0
    kill -0 "$REGISTRY" 2>/dev/null || break
    sleep 0.1
  done
  cat registry.log
  return 1
}

stop_registry() {
  kill "$REGISTRY"
  wait "$REGISTRY" 2>/dev/null
  REGISTRY=
}

push() { skopeo copy --insecure-policy --dest-tls-verify=false "oci:$1" "docker://127.0.0.1:$PORT/$2"; }
pull() { skopeo copy --insecure-policy --src-tls-verify=false "docker://127.0.0.1:$PORT/$1" "oci:$2"; }
same() { diff -r "$1/blobs" "$2/blobs"; }

pushes_and_pulls() {
  image small 3000000
  image large 60000000
  push small app:small
  push large app:large
  pull app:small pulled-small && same small pulled-small
  pull app:large pulled-large && same large pulled-large
}

lists_tags() {
  push small app:another
  equal "$(curl -sf "http://127.0.0.1:$PORT/v2/app/tags/list" | python3 -c 'import json,sys; print(*sorted(json.load(sys.stdin)["tags"]))')" \
    "another large small"
  equal "$(curl -sf "http://127.0.0.1:$PORT/v2/_catalog")" '{"repositories":["app"]}'
}

keeps_over_a_restart() {
  pull app:large pulled-again && same large pulled-again
}

deletes_and_collects() {
  skopeo delete --tls-verify=false "docker://127.0.0.1:$PORT/app:large"
  "$SERVE" garbage-collect registry.yml >collected.log 2>&1
  grep -q "blob eligible for deletion" collected.log
  fails pull app:large gone
  pull app:small pulled-after && same small pulled-after
}

redirects() {
  pull app:small redirected && same small redirected
}

check "configure" configure
start_registry || FAILED=1
check "push and pull of a small and a large image" pushes_and_pulls
check "tags and catalogue" lists_tags
stop_registry
start_registry || FAILED=1
check "pull after a restart" keeps_over_a_restart
check "delete and garbage-collect" deletes_and_collects
stop_registry
sed -i 's/redirect: .*/redirect: {disable: false}/' registry.yml
start_registry || FAILED=1
check "pull by presigned URLs that the registry redirects to" redirects
exit $FAILED
