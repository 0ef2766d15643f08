#!/bin/sh
# Checks every model of Tests/Models over all interleavings, then once more with the bug seeded that
# its header names: the model must find that one, or it could find nothing.
set -eu
models=$(cd "$(dirname "$0")/Models" && pwd)
command -v spin >/dev/null || { echo "verify: spin is not installed (apt-get install spin)" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# Prints what spin's verifier says about a model; 0 when it found nothing and went everywhere.
check() {
  rm -f pan*
  spin -a $2 "$models/$1.pml" >/dev/null
  cc -O2 -w -DSAFETY -DCOLLAPSE -DMEMLIM=4000 -o pan pan.c
  ./pan -m1000000 -w22 -n >result
  grep -q 'errors: 0' result && ! grep -qE 'max search depth too small|out of memory' result
}

for file in "$models"/*.pml; do
  model=$(basename "$file" .pml)
  check "$model" "" || { cat result; echo "verify: $model: a fault" >&2; exit 1; }
  states=$(awk '/states, stored/ { print $1 }' result)
  if check "$model" -DBUG; then
    echo "verify: $model: the seeded bug was not found" >&2
    exit 1
  fi
  grep -q 'errors: 1' result || { cat result; exit 1; }
  echo "$model: $states states, no fault; seeded bug found: $(sed -n 's/^pan:1: //p' result)"
done
