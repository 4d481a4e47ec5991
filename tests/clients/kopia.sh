#!/usr/bin/env bash
# kopia with Object Lock: its own check of the provider, snapshots under retention, and a restore to a time before everything was deleted.
CLIENT=kopia
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
BUCKET=$(new_bucket larder-kopia)
export KOPIA_PASSWORD=test KOPIA_CONFIG_PATH=$WORK/kopia.config KOPIA_CACHE_DIRECTORY=$WORK/cache KOPIA_LOG_DIR=$WORK/log
export KOPIA_CHECK_FOR_UPDATES=false
REPOSITORY=(--bucket "$BUCKET" --endpoint "${ENDPOINT#http://}" --disable-tls --access-key "$AWS_ACCESS_KEY_ID"
  --secret-access-key "$AWS_SECRET_ACCESS_KEY")

kopia() { "$CLIENTS/kopia/kopia" "$@"; }
aws() { "$CLIENTS/python/bin/aws" --endpoint-url "$ENDPOINT" s3api "$@" --bucket "$BUCKET"; }

creates() {
  aws create-bucket --object-lock-enabled-for-bucket
  kopia repository create s3 "${REPOSITORY[@]}" --retention-mode COMPLIANCE --retention-period 72h
  kopia repository validate-provider --concurrency-test-duration=2s --num-storage-connections=2
}

takes_snapshots() {
  odd_tree tree
  random_file tree/large 30000000
  kopia snapshot create tree
  rm tree/plain.bin
  random_file tree/new 3000000
  kopia snapshot create tree
  kopia snapshot verify --verify-files-percent=100
  kopia maintenance set --extend-object-locks true
  kopia maintenance run --full --safety=none
}

keeps_what_is_locked() {
  aws list-object-versions --prefix p --query 'Versions[].[Key,VersionId]' --output text >packs
  [ -s packs ]
  while read -r key version; do
    refused AccessDenied aws delete-object --key "$key" --version-id "$version" --bypass-governance-retention
    equal "$(aws get-object-retention --key "$key" --version-id "$version" --query Retention.Mode --output text)" COMPLIANCE
  done <packs
}

restores_to_a_time() {
  local before
  sleep_until_next_second
  before=$(date -u +%Y-%m-%dT%H:%M:%SZ)
  sleep_until_next_second
  aws list-objects-v2 --query 'Contents[].Key' --output text | tr '\t' '\n' | while read -r key; do aws delete-object --key "$key"; done
  equal "$(aws list-objects-v2 --query 'Contents[].Key' --output text)" None
  kopia repository disconnect
  kopia repository connect s3 "${REPOSITORY[@]}" --point-in-time="$before" --cache-directory "$WORK/other-cache"
  kopia restore "$(kopia snapshot list --json | python3 -c 'import json,sys; print(json.load(sys.stdin)[-1]["id"])')" restored
  diff -r tree restored
}

# kopia names the time in whole seconds.
sleep_until_next_second() { python3 -c 'import time; time.sleep(1.01 - time.time() % 1)'; }

check "create with COMPLIANCE, validate-provider" creates
check "snapshots, verify of all files, maintenance that extends the locks" takes_snapshots
check "no pack can be deleted before its time" keeps_what_is_locked
check "everything is deleted, and restored as it was before" restores_to_a_time
exit $FAILED
