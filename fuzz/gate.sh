#!/usr/bin/env bash
# Every target for some time (60 s, or as many seconds as the first argument says), from its corpus on; a finding is an
# error. What is learned on the way is kept in `target/fuzz-corpus`, for the next time.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds="${1:-60}"

if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "fuzzing skipped: there is no cargo-fuzz (cargo install --locked cargo-fuzz); cargo test --test fuzz tries seeded changes"
    exit 0
fi
# The address sanitizer is an option that stable compilers keep for nightly ones; a nightly compiler itself cannot build dfdx.
export RUSTC_BOOTSTRAP=1
cargo +stable fuzz build
for target in pipeline image artifact safetensors; do
    learned="target/fuzz-corpus/$target"
    mkdir -p "$learned"
    cargo +stable fuzz run "$target" "$learned" "fuzz/corpus/$target" -- \
        -max_total_time="$seconds" -max_len=8192 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
done
echo "fuzzing found nothing"
