#!/usr/bin/env bash
# Fuzzes each parser of what strangers send, by coverage (libFuzzer).
#
#   fuzz/run.sh [SECONDS [TARGET...]]      so long for each target, 20 s by default
#
# Inputs that reach something new are kept in LARDER_FUZZ_CORPUS (default: fuzz-corpus in the target folder) and are where the
# next run begins, beside fuzz/seeds. An input that breaks a promise is kept in fuzz-findings, and shown; run it again with
#   LARDER_FUZZ_TARGET=TARGET TARGET_FOLDER/debug/larder-fuzz FILE
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
SECONDS_EACH=${1:-20}
shift || true
FOLDER=${CARGO_TARGET_DIR:-target}
CORPUS=${LARDER_FUZZ_CORPUS:-$FOLDER/fuzz-corpus}
FINDINGS=$FOLDER/fuzz-findings
TARGETS=("$@")
[ ${#TARGETS[@]} -gt 0 ] || for seeds in fuzz/seeds/*; do TARGETS+=("$(basename "$seeds")"); done

RUSTC_WORKSPACE_WRAPPER=$PWD/fuzz/instrument.sh cargo build --quiet -p larder-fuzz

FAILED=0
for target in "${TARGETS[@]}"; do
  mkdir -p "$CORPUS/$target" "$FINDINGS/$target"
  log=$FINDINGS/$target.log
  if LARDER_FUZZ_TARGET=$target "$FOLDER/debug/larder-fuzz" "$CORPUS/$target" "fuzz/seeds/$target" -max_total_time="$SECONDS_EACH" \
    -max_len=8192 -timeout=10 -rss_limit_mb=1024 -artifact_prefix="$FINDINGS/$target/" -print_final_stats=1 >"$log" 2>&1; then
    echo "fuzz $target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs, none breaks a promise"
  else
    tail -40 "$log"
    echo "fuzz $target: FAILED, inputs in $FINDINGS/$target"
    FAILED=1
  fi
done
exit $FAILED
