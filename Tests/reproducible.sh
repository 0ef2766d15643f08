#!/bin/sh
# Builds the library of `make dist` twice, from two copies of the sources in folders of different
# names, and compares them byte by byte.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for folder in one another-name; do
  mkdir "$work/$folder"
  (cd "$root" && tar cf - --exclude ./.build --exclude ./dist --exclude ./.git .) |
    tar xf - -C "$work/$folder"
done
for folder in one another-name; do
  make -s -C "$work/$folder" library >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
done
first=$work/one/dist/lib/libhakmem.so
second=$work/another-name/dist/lib/libhakmem.so
if ! cmp "$first" "$second"; then
  echo "reproducible: two builds of one source differ" >&2
  exit 1
fi
sha256sum <"$first" | sed 's/-$/libhakmem.so, the same twice/'
