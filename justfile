# Recipes for `just` (cargo install just). All use the release profile, which has everything compiled once.

# The list of recipes.
default:
    @just --list

# Format, and what clippy finds without and with CUDA: the quick part of the gate.
check:
    cargo fmt --check
    cargo clippy --release --locked --all-targets -- -D warnings
    cargo clippy --release --locked --all-targets --features cuda,ci-check -- -D warnings

# The tests, or those of one file: `just test --test store`.
test *arguments:
    cargo test --release --locked {{ arguments }}

# Benchmarks: `just bench step`, `just bench analysis tsne`.
bench name *filter:
    cargo bench --locked --bench {{ name }} -- {{ filter }}

# The documentation of the library, with broken links as errors.
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --release --locked --no-deps

# Schema and reference of the configuration, regenerated from the code.
reference:
    UPDATE_DOCS=1 cargo test --release --locked --test config_errors reference

# What a change must pass.
gate:
    .ci/run

# Spelling, and corrections with `just spelling --write-changes`.
spelling *arguments:
    typos {{ arguments }}

# Advisories, licenses, sources and duplicates of dependencies.
deny:
    cargo deny --locked check

# Coverage-guided fuzzing, so many seconds a target.
fuzz seconds="60":
    fuzz/gate.sh {{ seconds }}

# The first study: two minutes, no data needed.
quickstart:
    cargo run --release --locked -- run pipelines/quickstart.toml
