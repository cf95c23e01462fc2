#!/usr/bin/env bash
# Instructions a frame, counted by callgrind as the difference of two run lengths; noise cannot touch them.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v valgrind >/dev/null; then
    echo "valgrind is not installed: instructions were not counted"
    exit 0
fi
codec=$(cargo bench --quiet --locked --package dlt645 --bench codec --no-run --message-format=json |
    sed -n 's/.*"executable":"\([^"]*codec-[^"]*\)".*/\1/p' | tail -n 1)

# Instructions of the whole run of a case, so many thousand frames long.
run() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$codec" count "$1" "$2" 2>&1 |
        sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

printf '%-22s %10s %10s %7s %7s\n' 'instructions a frame' hand-tuned dlt645 ratio goal
for values in 1 5; do
    for who in hand ours; do
        declare "$who=$((($(run "$who-$values" 3) - $(run "$who-$values" 1)) / 2000))"
    done
    goal=$([ "$values" = 1 ] && echo 340 || echo 560)
    # shellcheck disable=SC2154
    printf '%-22s %10d %10d %4d.%02d %7d\n' "$((20 + 4 * values)) bytes, $values value(s)" "$hand" "$ours" \
        $((ours / hand)) $((ours * 100 / hand % 100)) "$goal"
done
