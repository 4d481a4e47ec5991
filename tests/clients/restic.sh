#!/usr/bin/env bash
# restic: init, backup, check with all data, restore, forget with prune.
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

check "init, backup, check --read-data" backs_up
check "restore gives the same tree" restores
check "a second backup, forget --prune, check, restore" goes_on
exit $FAILED
