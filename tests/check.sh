#!/usr/bin/env bash
# Four tiers: quick (under 1 min warm), check (under 10 min), ci (check with nothing left out, and long runs), nightly (hours).
# Needs no network when the locked dependencies are already here.
set -euo pipefail
cd "$(dirname "$0")/.."

step() {
    printf '\n== %s\n' "$*"
    "$@"
}

# Tests that mostly wait, at the same time; each argument is the rest of a `cargo test` of the whole workspace, or all would be
# built again with the features of one package. What they said comes in their order.
side_by_side() {
    local said run pids=() failed=0
    said=$(mktemp -d)
    for run in "$@"; do
        # shellcheck disable=SC2086 # words of the line
        step cargo test --locked --workspace $run >"$said/${#pids[@]}" 2>&1 &
        pids+=($!)
    done
    for run in "${!pids[@]}"; do
        wait "${pids[$run]}" || failed=1
        cat "$said/$run"
    done
    rm -r "$said"
    return "$failed"
}

# The packages with a change that is not committed, or else with one in the last commit.
changed_packages() {
    local files
    files=$(git diff --name-only HEAD; git ls-files --others --exclude-standard)
    [ -n "$files" ] || files=$(git show --name-only --format= HEAD)
    sed -E 's,^protocol/([^/]+)/.*,\1,; t; s,^simulator/.*,simulator,; t; s,.*,chaobiao,' <<<"$files" | sort -u
}

lints() {
    step cargo fmt --all --check
    step cargo clippy --locked --workspace --all-targets -- -D warnings
}

quick() {
    lints
    local packages=()
    for package in $(changed_packages); do
        packages+=(--package "$package")
    done
    step cargo test --locked --lib --bins "${packages[@]}"
    step cargo test --locked --test architecture --test coverage
}

check() {
    lints
    step cargo test --workspace # as the README says it; holds the architecture and coverage tests
    RUSTDOCFLAGS="-D warnings" step cargo doc --locked --workspace --no-deps
    if cargo deny --version >/dev/null 2>&1; then
        step cargo deny check
    else
        echo "cargo-deny is not installed: licences, advisories and sources were not checked"
    fi
}

# What takes minutes and is worth them on every landing: months of nights, and beside them what mostly waits (years are for
# `nightly`); then the demonstration and the console in a browser, where a person's patience counts.
long_runs() {
    side_by_side \
        "--test night -- --ignored --nocapture --skip f43" \
        "--test supply f28 -- --ignored --nocapture" \
        "--test crash -- --ignored --nocapture f26_f27_i21_at_each f30" \
        "--test database_away -- --ignored --nocapture --skip minute --test-threads=4"
    step cargo test --locked --workspace --test cli_serve --test cli_demo --test browser -- --ignored --nocapture
}

nightly() {
    check
    export PROPTEST_CASES="${PROPTEST_CASES:-1000000}" DLT645_FRAMES="${DLT645_FRAMES:-100000000}"
    export CHAOBIAO_LATE_ANSWERS="${CHAOBIAO_LATE_ANSWERS:-1000000}" CHAOBIAO_STORMS="${CHAOBIAO_STORMS:-20000}"
    export CHAOBIAO_TOWNS="${CHAOBIAO_TOWNS:-10000}" CHAOBIAO_TERMINAL_METERS="${CHAOBIAO_TERMINAL_METERS:-200}"
    export CHAOBIAO_METERS="${CHAOBIAO_METERS:-200}" CHAOBIAO_LINES="${CHAOBIAO_LINES:-3125}"
    export CHAOBIAO_YEAR_METERS="${CHAOBIAO_YEAR_METERS:-2000}" CHAOBIAO_SWEEPS="${CHAOBIAO_SWEEPS:-20}"
    # What a night does not have it says, and does not pass for having run.
    export CHAOBIAO_TEST_REQUIRE="${CHAOBIAO_TEST_REQUIRE:-postgres,chromium,schemathesis}"
    step cargo test --locked --workspace --release
    step cargo test --locked --workspace --release --tests -- --ignored --nocapture
}

rustc --version
tier="${1:-check}"
case "$tier" in
    quick | check | nightly) "$tier" ;;
    ci)
        export CHAOBIAO_TEST_REQUIRE=postgres,chromium
        check
        long_runs
        ;;
    *)
        echo "usage: tests/check.sh [quick|check|ci|nightly]" >&2
        exit 2
        ;;
esac
printf '\n%s: passed in %s s\n' "$tier" "$SECONDS"
