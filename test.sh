#!/usr/bin/env bash
# Everything that has to pass: format, lints, unit and integration tests, real clients against the built binary.
#
#   ./test.sh          about 32 minutes on 2 cores from a fresh clone
#   ./test.sh --long   also what takes hours: more random histories, 500 rounds of crashes, 40 seeds of faults, an hour of
#                      fuzzing for each parser
#
# Clients are installed once, pinned, into LARDER_TEST_CLIENTS (default: larder-test-clients in the user's cache folder);
# see tests/clients/install.sh. One profile, dev, is built for the tests and for the binary that the clients talk to.
# The last line is `N passed, 0 failed` when all is well, and then alone the exit code is 0.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1

case "${1:-}" in
  "") FUZZ_SECONDS=15 ;;
  --long) FUZZ_SECONDS=3600; export LARDER_LONG_TESTS=1 PROPTEST_CASES=${PROPTEST_CASES:-4096} ;;
  *) echo "usage: ./test.sh [--long]" >&2; exit 2 ;;
esac

CACHE=${LARDER_TEST_CLIENTS:-${XDG_CACHE_HOME:-$HOME/.cache}/larder-test-clients}
WORK=$(mktemp -d)
SERVER=
PASSED=0 FAILED=0

finish() {
  [ -z "$SERVER" ] || { kill "$SERVER" 2>/dev/null; wait "$SERVER" 2>/dev/null; }
  rm -rf "$WORK"
}
trap finish EXIT

pass() { PASSED=$((PASSED + 1)); }
fail() { FAILED=$((FAILED + 1)); echo "FAILED: $*"; }

# step NAME COMMAND...: one step, one count.
step() {
  local name=$1 began=$SECONDS
  shift
  echo "== $name"
  if "$@"; then pass; else fail "$name"; fi
  echo "-- $name: $((SECONDS - began)) s"
}

# The counts of all `test result:` lines. A test binary that doesn't build or dies without such a line is one failure.
rust_tests() {
  echo "== tests"
  local began=$SECONDS status passed failed
  cargo test --no-fail-fast 2>&1 | tee "$WORK/tests.log" | grep -Ev '^test .* ok$|^$|^running '
  status=${PIPESTATUS[0]}
  passed=$(sed -n 's/^test result: .* \([0-9]*\) passed; .*/\1/p' "$WORK/tests.log" | awk "{ sum += \$1 } END { print sum + 0 }")
  failed=$(sed -n 's/^test result: .* \([0-9]*\) failed; .*/\1/p' "$WORK/tests.log" | awk "{ sum += \$1 } END { print sum + 0 }")
  PASSED=$((PASSED + ${passed:-0}))
  FAILED=$((FAILED + ${failed:-0}))
  [ "$status" = 0 ] || [ "${failed:-0}" != 0 ] || fail "cargo test ended with $status"
  echo "-- tests: $((SECONDS - began)) s"
}

# A line for each target. libFuzzer is built with a C++ compiler.
fuzzing() {
  local status
  echo "== fuzzing"
  command -v c++ >/dev/null || { fail "fuzzing: a C++ compiler is needed (Debian: g++)"; return; }
  fuzz/run.sh "$FUZZ_SECONDS" 2>&1 | tee "$WORK/fuzz.log"
  status=${PIPESTATUS[0]}
  PASSED=$((PASSED + $(grep -c '^fuzz .* none breaks a promise$' "$WORK/fuzz.log")))
  [ "$status" = 0 ] || fail "fuzzing ended with $status"
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

start_server() {
  local admin
  export ENDPOINT AWS_ACCESS_KEY_ID=test-access-key AWS_SECRET_ACCESS_KEY=test-secret-key-of-some-length
  ENDPOINT=http://127.0.0.1:$(free_port)
  admin=127.0.0.1:$(free_port)
  # boto3, version 1 of aws-cli and s3cmd presign in Signature Version 2 by themselves.
  LARDER_ACCESS_KEY=$AWS_ACCESS_KEY_ID LARDER_SECRET_KEY=$AWS_SECRET_ACCESS_KEY LARDER_SIGNATURE_V2=true \
    "$LARDER" server --data "$WORK/data" --address "${ENDPOINT#http://}" --admin-address "$admin" >"$WORK/server.log" 2>&1 &
  SERVER=$!
  for _ in $(seq 300); do
    curl -sf "http://$admin/health/ready" >/dev/null && return 0
    kill -0 "$SERVER" 2>/dev/null || break
    sleep 0.1
  done
  echo "the server did not become ready:"
  tail -50 "$WORK/server.log"
  return 1
}

# client COMMAND...: counts the PASS and FAIL lines; a client that says neither, or dies, is a failure.
client() {
  local began=$SECONDS status
  timeout 900 "$@" >"$WORK/client.log" 2>&1
  status=$?
  grep -Ev '^\s*$' "$WORK/client.log"
  PASSED=$((PASSED + $(grep -c '^PASS ' "$WORK/client.log")))
  FAILED=$((FAILED + $(grep -c '^FAIL ' "$WORK/client.log")))
  grep -q '^FAIL ' "$WORK/client.log" || { grep -q '^PASS ' "$WORK/client.log" && [ $status = 0 ]; } || fail "$* ended with $status"
  echo "-- $(basename "$1") $((SECONDS - began)) s"
}

clients() {
  echo "== clients"
  export CLIENTS=$CACHE
  client tests/clients/larder.sh
  client tests/clients/aws_cli.sh awscli-v1 "$CACHE/python/bin/aws"
  client tests/clients/aws_cli.sh awscli-v2 /usr/bin/aws
  client tests/clients/s3cmd.sh
  client tests/clients/rclone.sh
  client tests/clients/restic.sh
  client tests/clients/kopia.sh
  client "$CACHE/python/bin/python" tests/clients/boto3_client.py
  client "$CACHE/python/bin/python" tests/clients/minio_client.py
  client "$CACHE/python/bin/python" tests/clients/tables.py
  client "$CACHE/python/bin/python" tests/clients/chromium.py
  client tests/clients/registry.sh
  client "$CACHE/go/client"
  client node "$CACHE/js/client.mjs"
  step "the server lived through all of it" kill -0 "$SERVER"
}

for tool in cargo python3 curl; do
  command -v $tool >/dev/null || { echo "$tool is needed"; exit 1; }
done
step "format" cargo fmt --check
step "clippy" cargo clippy --all-targets --quiet -- -D warnings
rust_tests
step "the binary" cargo build --quiet
LARDER=${CARGO_TARGET_DIR:-target}/debug/larder
export LARDER
fuzzing
step "installing clients" tests/clients/install.sh "$CACHE"
before=$FAILED
step "starting larder server" start_server
if [ "$FAILED" = "$before" ]; then
  clients
  if [ "$FAILED" != "$before" ]; then
    echo "== the server's last lines"
    tail -40 "$WORK/server.log"
  fi
fi

echo "$PASSED passed, $FAILED failed"
[ "$FAILED" = 0 ]
