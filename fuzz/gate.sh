#!/usr/bin/env bash
# Runs every target for some time (the first argument in seconds, default 60), starting from its corpus; a finding is an
# error. New inputs are kept in `target/fuzz-corpus` for the next run.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds="${1:-60}"

if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "fuzzing skipped: cargo-fuzz is missing (cargo install --locked cargo-fuzz); cargo test --test fuzz tries seeded mutations"
    exit 0
fi
# Sanitizers need unstable compiler options, which this enables on stable; nightly compilers cannot build dfdx.
export RUSTC_BOOTSTRAP=1
cargo +stable fuzz build
for target in pipeline image artifact safetensors; do
    learned="target/fuzz-corpus/$target"
    mkdir -p "$learned"
    cargo +stable fuzz run "$target" "$learned" "fuzz/corpus/$target" -- \
        -max_total_time="$seconds" -max_len=8192 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
done
echo "fuzzing found nothing"
