#!/usr/bin/env bash
# Larder's own client verbs and bench. LARDER is the binary.
CLIENT=larder
LARDER=$(realpath "${LARDER:?the binary}")
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
export AWS_ENDPOINT_URL=$ENDPOINT
BUCKET=$(new_bucket larder-own)

puts_and_gets() {
  "$LARDER" mb "s3://$BUCKET"
  "$LARDER" ls | grep "$BUCKET"
  for size in 0 1 70000 30000000; do
    random_file "up.$size" $size
    "$LARDER" put "up.$size" "s3://$BUCKET/d/ü &/"
    "$LARDER" get "s3://$BUCKET/d/ü &/up.$size" down
    cmp "up.$size" down
  done
  cat up.30000000 up.70000 | "$LARDER" put - "s3://$BUCKET/pipe"
  "$LARDER" get "s3://$BUCKET/pipe" - | cmp - <(cat up.30000000 up.70000)
}

lists() {
  "$LARDER" ls "s3://$BUCKET" | grep 'PREFIX  d/'
  "$LARDER" ls -r "s3://$BUCKET/d/" | grep 'total: 4 objects, 30070001 bytes'
  refused 'no object' "$LARDER" get "s3://$BUCKET/none" none
  [ ! -e none ]
}

removes() {
  "$LARDER" rm "s3://$BUCKET/pipe"
  refused 'no object' "$LARDER" get "s3://$BUCKET/pipe" -
  refused BucketNotEmpty "$LARDER" rb "s3://$BUCKET"
  "$LARDER" rm -r "s3://$BUCKET"
  "$LARDER" rb "s3://$BUCKET"
  refused NoSuchBucket "$LARDER" ls "s3://$BUCKET"
}

benches() {
  "$LARDER" bench put get mixed range list delete --duration 1s --objects 50 --sizes 4KiB,300KiB --concurrency 4 --verify
  "$LARDER" bench put multipart --sizes 11MiB --concurrency 2 --count 3 --payload signed --json >report.json
  python3 - <<'CHECK'
import json
cases = json.load(open("report.json"))
assert [(case["operation"], case["operations"], case["errors"]) for case in cases] == [("put", 3, 0), ("multipart", 3, 0)], cases
CHECK
  "$LARDER" ls -r s3://larder-bench | grep 'total: 0 objects'
}

check "mb, ls, put, get of files and pipes" puts_and_gets
check "ls with prefixes and totals; get of nothing" lists
check "rm, rm -r, rb" removes
check "bench: every operation, every answer right, nothing left" benches
exit $FAILED
