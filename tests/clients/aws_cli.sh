#!/usr/bin/env bash
# aws-cli: cp, sync, rm --recursive, s3api multipart, presign. Usage: aws_cli.sh NAME PATH-OF-AWS
CLIENT=$1 AWS=$2
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
aws() { "$AWS" --endpoint-url "$ENDPOINT" "$@"; }
BUCKET=$(new_bucket larder-awscli)

copies() {
  aws s3 mb "s3://$BUCKET"
  for size in 0 1 70000 20000000; do
    random_file "up.$size" $size
    aws s3 cp --no-progress "up.$size" "s3://$BUCKET/copies/$size"
    aws s3 cp --no-progress "s3://$BUCKET/copies/$size" "down.$size"
    cmp "up.$size" "down.$size"
  done
}

pipes() {
  random_file piped 9000000
  aws s3 cp - "s3://$BUCKET/piped" <piped
  aws s3 cp "s3://$BUCKET/piped" - | cmp - piped
}

copies_on_the_server() {
  for size in 70000 20000000; do
    aws s3 cp --no-progress "s3://$BUCKET/copies/$size" "s3://$BUCKET/copied/ä $size"
    aws s3 cp --no-progress "s3://$BUCKET/copied/ä $size" "copied.$size"
    cmp "up.$size" "copied.$size"
  done
}

syncs() {
  odd_tree tree
  aws s3 sync --no-progress tree "s3://$BUCKET/tree"
  aws s3 sync --no-progress "s3://$BUCKET/tree" back
  diff -r tree back
  equal "$(aws s3 sync --no-progress tree "s3://$BUCKET/tree")" ""
  rm "tree/plain.bin"
  aws s3 sync --no-progress --delete tree "s3://$BUCKET/tree" | grep 'delete: .*plain.bin'
  aws s3 ls --recursive --summarize "s3://$BUCKET/tree/" | grep 'Total Objects: 6'
}

removes_recursively() {
  aws s3 rm --recursive "s3://$BUCKET/tree"
  equal "$(aws s3 ls --recursive "s3://$BUCKET/tree" || true)" ""
  aws s3 ls "s3://$BUCKET/copies/" | grep 70000
}

multipart_by_hand() {
  local key=by/hand upload
  random_file part1 5242880
  random_file part2 1234567
  upload=$(aws s3api create-multipart-upload --bucket "$BUCKET" --key $key --query UploadId --output text)
  etag1=$(aws s3api upload-part --bucket "$BUCKET" --key $key --upload-id "$upload" --part-number 1 --body part1 --query ETag --output text)
  etag2=$(aws s3api upload-part --bucket "$BUCKET" --key $key --upload-id "$upload" --part-number 7 --body part2 --query ETag --output text)
  equal "$(aws s3api list-parts --bucket "$BUCKET" --key $key --upload-id "$upload" --query 'Parts[].PartNumber' --output text)" $'1\t7'
  aws s3api list-multipart-uploads --bucket "$BUCKET" --query 'Uploads[].UploadId' --output text | grep -F "$upload"
  fails aws s3api head-object --bucket "$BUCKET" --key $key
  aws s3api complete-multipart-upload --bucket "$BUCKET" --key $key --upload-id "$upload" \
    --multipart-upload "{\"Parts\":[{\"PartNumber\":1,\"ETag\":$etag1},{\"PartNumber\":7,\"ETag\":$etag2}]}"
  aws s3api head-object --bucket "$BUCKET" --key $key --query ETag | grep -- '-2'
  aws s3api get-object --bucket "$BUCKET" --key $key joined
  cat part1 part2 >wanted
  cmp wanted joined
  aws s3api get-object --bucket "$BUCKET" --key $key --range bytes=5242870-5242889 across
  slice wanted 5242870 20 | cmp - across
}

aborts_multipart() {
  local upload
  upload=$(aws s3api create-multipart-upload --bucket "$BUCKET" --key aborted --query UploadId --output text)
  aws s3api upload-part --bucket "$BUCKET" --key aborted --upload-id "$upload" --part-number 1 --body part2
  aws s3api abort-multipart-upload --bucket "$BUCKET" --key aborted --upload-id "$upload"
  refused NoSuchUpload aws s3api list-parts --bucket "$BUCKET" --key aborted --upload-id "$upload"
}

# presigns_with SIGNATURE-VERSION PARAMETER: by default, version 1 presigns with Signature Version 2 in us-east-1.
presigns_with() {
  local url
  [ "$1" = default ] || printf '[default]\ns3 =\n  signature_version = %s\n' "$1" >config
  [ "$1" = default ] || export AWS_CONFIG_FILE=$PWD/config
  url=$(aws s3 presign "s3://$BUCKET/copied/ä 70000" --expires-in 60)
  [[ $url == *"$2"* ]]
  curl -sSf "$url" | cmp - up.70000
  equal "$(curl -s -o /dev/null -w '%{http_code}' "${url/70000/20000000}")" 403
  equal "$(curl -s -o /dev/null -w '%{http_code}' "${url%%\?*}")" 403
}

presigns() {
  case $CLIENT in
    *v1) presigns_with default AWSAccessKeyId= ;;
    *) presigns_with default X-Amz-Signature= ;;
  esac
  presigns_with s3v4 X-Amz-Signature=
}

tags_and_metadata() {
  aws s3api put-object --bucket "$BUCKET" --key tagged --body part2 --tagging 'a=1&b=x%20y' --metadata colour=blue \
    --cache-control max-age=5 --content-type text/x-test
  equal "$(aws s3api head-object --bucket "$BUCKET" --key tagged --query '[Metadata.colour,CacheControl,ContentType]' --output text)" \
    $'blue\tmax-age=5\ttext/x-test'
  aws s3api get-object-tagging --bucket "$BUCKET" --key tagged --output text | grep 'x y'
  aws s3api put-object-tagging --bucket "$BUCKET" --key tagged --tagging 'TagSet=[{Key=only,Value=one}]'
  equal "$(aws s3api get-object-tagging --bucket "$BUCKET" --key tagged --query 'TagSet[].Key' --output text)" only
  aws s3api delete-object-tagging --bucket "$BUCKET" --key tagged
  equal "$(aws s3api get-object-tagging --bucket "$BUCKET" --key tagged --query 'length(TagSet)')" 0
}

refuses_a_wrong_secret() {
  AWS_SECRET_ACCESS_KEY=wrong refused SignatureDoesNotMatch aws s3api list-objects-v2 --bucket "$BUCKET"
  AWS_ACCESS_KEY_ID=nobody refused InvalidAccessKeyId aws s3api list-objects-v2 --bucket "$BUCKET"
}

removes_the_bucket() {
  fails aws s3 rb "s3://$BUCKET"
  aws s3 rb --force "s3://$BUCKET"
  refused 404 aws s3api head-bucket --bucket "$BUCKET"
}

check "cp up and down, one request and multipart" copies
check "cp from and to a pipe" pipes
check "cp from key to key, one request and in parts" copies_on_the_server
check "sync there, back, again, and with --delete" syncs
check "rm --recursive takes its prefix and nothing else" removes_recursively
check "s3api multipart, listed, completed, read across parts" multipart_by_hand
check "s3api abort-multipart-upload" aborts_multipart
check "presign; a changed or unsigned URL is refused" presigns
check "metadata and tags" tags_and_metadata
check "a wrong secret and an unknown key are refused" refuses_a_wrong_secret
check "rb refuses a bucket with objects, rb --force empties it" removes_the_bucket
exit $FAILED
