#!/usr/bin/env bash
# Watches a script that does not learn, then the same script with the remedies that were named. Usage: examples/demo.sh [GRADWELL]
set -euo pipefail
gradwell=${1:-gradwell}
cd "$(dirname "$0")/.."

accuracy() { tail -n 1 "$1"; }

sick=$(mktemp) cured=$(mktemp)
trap 'rm -f "$sick" "$cured"' EXIT
echo "== gradwell run examples/digits.py"
"$gradwell" run examples/digits.py | tee "$sick"
echo
echo "== gradwell run examples/digits_cured.py   (ReLU instead of sigmoid, He's initial weights)"
"$gradwell" run examples/digits_cured.py | tee "$cured"
echo
echo "before: $(accuracy "$sick")"
echo "after:  $(accuracy "$cured")"
