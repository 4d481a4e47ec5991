#!/usr/bin/env bash
# restic: init, backup, check with all data, restore, forget with prune; the same in a bucket that locks what is written.
CLIENT=restic
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
BUCKET=$(new_bucket larder-restic)
export RESTIC_REPOSITORY=s3:$ENDPOINT/$BUCKET/repository RESTIC_PASSWORD=test RESTIC_CACHE_DIR=$WORK/cache

backs_up() {
  odd_tree tree
  random_file tree/large 40000000
  restic init
  restic backup tree
  restic check --read-data
}

restores() {
  restic restore latest --target restored
  diff -r tree "restored$PWD/tree" || diff -r tree restored/tree
}

goes_on() {
  rm tree/plain.bin
  random_file tree/new 3000000
  restic backup tree
  equal "$(restic snapshots --json | python3 -c 'import json,sys; print(len(json.load(sys.stdin)))')" 2
  restic forget --keep-last 1 --prune
  restic check --read-data
  restic restore latest --target again
  diff -r tree "again$PWD/tree" || diff -r tree again/tree
}

# What restic forgets gets a delete marker; the versions behind it stay, and the markers can be taken away again.
survives_its_own_deletes() {
  local bucket=$(new_bucket larder-restic-lock) lock
  aws() { "$CLIENTS/python/bin/aws" --endpoint-url "$ENDPOINT" s3api "$@" --bucket "$bucket"; }
  lock='{"ObjectLockEnabled":"Enabled","Rule":{"DefaultRetention":{"Mode":"COMPLIANCE","Days":1}}}'
  aws create-bucket --object-lock-enabled-for-bucket
  aws put-object-lock-configuration --object-lock-configuration "$lock"
  export RESTIC_REPOSITORY=s3:$ENDPOINT/$bucket/repository
  restic init
  restic backup tree
  restic forget latest
  restic prune
  equal "$(restic snapshots --json)" "[]"
  aws list-object-versions --query 'Versions[].[Key,VersionId]' --output text >versions
  while read -r key version; do
    refused AccessDenied aws delete-object --key "$key" --version-id "$version" --bypass-governance-retention
  done < <(grep -v /locks/ versions)
  aws list-object-versions --query 'DeleteMarkers[].[Key,VersionId]' --output text >markers
  while read -r key version; do
    case $key in */locks/*) ;; *) aws delete-object --key "$key" --version-id "$version" ;; esac
  done <markers
  restic check --read-data
  restic restore latest --target unlocked
  diff -r tree "unlocked$PWD/tree" || diff -r tree unlocked/tree
}

check "init, backup, check --read-data" backs_up
check "restore gives the same tree" restores
check "a second backup, forget --prune, check, restore" goes_on
check "in a bucket with a default retention nothing is lost by forget --prune" survives_its_own_deletes
exit $FAILED
