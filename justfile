# The developer's manual: `just --list`.

# What must pass before a commit
check:
    cargo fmt --all --check
    cargo clippy --release --workspace --all-targets -- -D warnings

test:
    cargo test --release --workspace

# The tests of one subject while you work on it: the engine is optimised less, so a change is built in seconds instead of a minute
quick NAME="":
    CARGO_INCREMENTAL=1 cargo test --release --config 'profile.release.package."lantern".opt-level=1' -p lantern-repl --test all {{NAME}}

# JupyterLab and Notebook for real, in a headless browser
frontends:
    cargo build --release
    bash tests/jupyter/frontends.sh target/release/lantern

# Run every notebook with the release binary
tutorials:
    cargo build --release
    bash tutorials/run.sh target/release/lantern

# README's table anew, and what differs from the snapshots for `cargo insta review`
bless:
    BLESS=1 INSTA_UPDATE=new INSTA_FORCE_PASS=1 cargo test --release --workspace

# Side by side with the peers: prints ratios
bench:
    python3 benches/run.py target/release/lantern
    python3 benches/training.py target/release/lantern
    target/jupyter-venv/bin/python benches/cells.py target/release/lantern

# Make the fixtures again from the pinned Python packages and compare; loads saved adapters in a live PEFT
parity:
    bash tests/reference/parity.sh

# Compile and link for CUDA without a GPU
cuda:
    bash benches/cuda.sh
