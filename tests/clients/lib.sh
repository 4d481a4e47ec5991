# Sourced by the shell scripts of this folder: the environment, and `check`, which runs one named check.
#
# ENDPOINT, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY say where the server is and who asks; CLIENTS is the folder that
# install.sh filled. Each check prints `PASS client: name` or its output and `FAIL client: name`; test.sh counts them.

set -uo pipefail
: "${ENDPOINT:?the server, such as http://127.0.0.1:9000}" "${CLIENTS:?the folder that install.sh filled}"
: "${AWS_ACCESS_KEY_ID:?}" "${AWS_SECRET_ACCESS_KEY:?}"
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_DEFAULT_REGION=${AWS_DEFAULT_REGION:-us-east-1}
# No files of the person who runs this may change what the clients do.
# rclone refuses a bundle of certificates, and the server speaks plain HTTP.
unset AWS_CA_BUNDLE AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
export HOME=$WORK
cd "$WORK" || exit 1
FAILED=0

# check NAME COMMAND...: any failing command inside fails the check.
check() {
  local name=$1 status
  shift
  (set -e; "$@") >"$WORK/check.log" 2>&1
  status=$?
  if [ $status -eq 0 ]; then
    echo "PASS $CLIENT: $name"
  else
    sed 's/^/    /' "$WORK/check.log"
    echo "FAIL $CLIENT: $name"
    FAILED=1
  fi
}

# A bucket name that no earlier run used.
new_bucket() { echo "$1-$(date +%s)-$RANDOM"; }

# random_file PATH BYTES
random_file() { mkdir -p "$(dirname "$1")" && head -c "$2" /dev/urandom >"$1"; }

# A tree with the names that trouble clients and servers: spaces, signs, unicode, an empty file, depth.
odd_tree() {
  random_file "$1/plain.bin" 1000
  random_file "$1/with space.bin" 1001
  random_file "$1/plus+and%41.bin" 1002
  random_file "$1/ünïcode/日本.bin" 1003
  random_file "$1/deep/er/and/deeper/x.bin" 70000
  random_file "$1/quote'&=@.bin" 1004
  : >"$1/empty.bin"
}

# fails COMMAND...: passes when the command fails.
fails() { if "$@"; then echo "this should have failed: $*"; return 1; fi; }

# refused PATTERN COMMAND...: passes when the command fails and its output has the pattern.
refused() {
  local pattern=$1 output
  shift
  if output=$("$@" 2>&1); then echo "this should have failed: $*"; return 1; fi
  echo "$output"
  grep -q -- "$pattern" <<<"$output"
}

# slice FILE OFFSET COUNT
slice() { dd if="$1" bs=1 skip="$2" count="$3" status=none; }

# equal FOUND WANTED
equal() { [ "$1" = "$2" ] || { echo "found '$1', wanted '$2'"; return 1; }; }
