#!/usr/bin/env bash
# rclone: copy of 1000 small and some large files, check, sync, copy and move on the server, versions.
CLIENT=rclone
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
BUCKET=$(new_bucket larder-rclone)
export RCLONE_CONFIG=$WORK/none RCLONE_CONFIG_L_TYPE=s3 RCLONE_CONFIG_L_PROVIDER=Other RCLONE_CONFIG_L_ENDPOINT=$ENDPOINT
export RCLONE_CONFIG_L_ACCESS_KEY_ID=$AWS_ACCESS_KEY_ID RCLONE_CONFIG_L_SECRET_ACCESS_KEY=$AWS_SECRET_ACCESS_KEY
export RCLONE_CONFIG_L_REGION=us-east-1 RCLONE_S3_UPLOAD_CUTOFF=8M RCLONE_S3_CHUNK_SIZE=5M
: >"$WORK/none"

copies_many() {
  mkdir -p many
  head -c 2000000 /dev/urandom | split -b 2000 -a 4 - many/file.
  random_file many/large1 31000000
  random_file many/large2 8388608
  odd_tree many/odd
  rclone mkdir "l:$BUCKET"
  rclone copy many "l:$BUCKET/many" --transfers 8
  equal "$(rclone lsf -R --files-only "l:$BUCKET/many" | wc -l)" 1009
}

checks() {
  rclone check many "l:$BUCKET/many" --checkers 8
  rclone check many "l:$BUCKET/many" --download --checkers 8
  equal "$(rclone size --json "l:$BUCKET/many" | python3 -c 'import json,sys; print(json.load(sys.stdin)["count"])')" 1009
}

syncs() {
  rm many/file.aaa*
  random_file many/file.aaba 100
  rclone sync many "l:$BUCKET/many"
  rclone check many "l:$BUCKET/many"
  rclone sync "l:$BUCKET/many" back
  diff -r many back
}

works_on_the_server() {
  rclone copyto "l:$BUCKET/many/large1" "l:$BUCKET/copy/of large1" --s3-copy-cutoff 10M
  rclone moveto "l:$BUCKET/copy/of large1" "l:$BUCKET/moved"
  rclone cat "l:$BUCKET/moved" | cmp - many/large1
  rclone touch "l:$BUCKET/moved" --timestamp 2001-02-03T04:05:06
  rclone lsl "l:$BUCKET/moved" | grep '2001-02-03'
  rclone cat "l:$BUCKET/moved" --offset 5000000 --count 100 | cmp - <(slice many/large1 5000000 100)
  equal "$(rclone lsf "l:$BUCKET/copy" 2>/dev/null)" ""
}

purges() {
  rclone purge "l:$BUCKET"
  fails rclone lsf "l:$BUCKET/"
}

keeps_versions() {
  local bucket=$(new_bucket larder-rclone-versions) before
  rclone mkdir "l:$bucket"
  rclone backend versioning "l:$bucket" Enabled
  for text in one two; do
    echo $text | rclone rcat "l:$bucket/dir/file.txt"
  done
  rclone deletefile "l:$bucket/dir/file.txt"
  equal "$(rclone lsf -R --files-only "l:$bucket")" ""
  # What is deleted is shown with the time of each version in its name.
  equal "$(rclone lsf -R --files-only --s3-versions "l:$bucket" | grep -c '^dir/file-v.*\.txt$')" 2
  rclone copy --s3-versions "l:$bucket" old
  equal "$(cat old/dir/* | sort | tr '\n' ' ')" "one two "
  fails rclone rmdir "l:$bucket"
  rclone backend versioning "l:$bucket" Suspended
  equal "$(rclone backend versioning "l:$bucket")" Suspended
  rclone backend cleanup-hidden "l:$bucket"
  equal "$(rclone lsf -R --s3-versions "l:$bucket")" ""
  rclone purge "l:$bucket"
}

check "copy 1000 small files, large ones and odd names" copies_many
check "check by hash and by download" checks
check "sync there and back with deletions" syncs
check "copy in parts, move, touch, cat a range" works_on_the_server
check "purge" purges
check "versions: shown, copied out, cleaned up" keeps_versions
exit $FAILED
