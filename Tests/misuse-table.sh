#!/bin/sh
# Prints the table of Documentation/security.md: what comes of each case of misuse/corpus.c in each
# mode, and on glibc with and without its own checks. Usage: misuse-table.sh LIBHAKMEM
set -eu
library=$1
sources=$(dirname "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cc -O1 -fno-builtin -pthread -I "$sources/../Sources/CHakmem/include" \
  -I "$sources/Programs/support" "$sources/Programs/misuse/corpus.c" -o "$folder/corpus"

# The outcome of a case under the environment given: what was said, a fault, or silence.
outcome() {
  name=$1
  shift
  status=0
  env "$@" "$folder/corpus" "$name" > "$folder/out" 2> "$folder/errors" || status=$?
  case $status in
    0) echo "–" ;;
    139) echo "fault" ;;
    134)
      for finding in "double free" "interior pointer" "heap overflow" "write after free" \
        "size mismatch" "alignment mismatch" "not a heap pointer" "read as zero"; do
        if grep -q "hakmem.*$finding\|^$finding" "$folder/errors"; then
          echo "$finding"
          return
        fi
      done
      echo "abort" ;;
    *) echo "status $status" ;;
  esac
}

row() {
  for thread in same other; do
    outcome "$1/$thread" LD_PRELOAD="$library" HAKMEM_MODE=balanced > "$folder/balanced.$thread"
    outcome "$1/$thread" LD_PRELOAD="$library" HAKMEM_MODE=hardened > "$folder/hardened.$thread"
    outcome "$1/$thread" > "$folder/glibc.$thread"
    outcome "$1/$thread" LD_PRELOAD=libc_malloc_debug.so.0 MALLOC_CHECK_=3 > "$folder/check.$thread"
  done
  printf '| %s ' "$1"
  for column in balanced hardened glibc check; do
    same=$(cat "$folder/$column.same")
    other=$(cat "$folder/$column.other")
    if [ "$same" = "$other" ]; then printf '| %s ' "$same"; else printf '| %s / %s ' "$same" "$other"; fi
  done
  echo '|'
}

echo '| case | `balanced` | `hardened` | glibc | glibc, `MALLOC_CHECK_=3` |'
echo '|---|---|---|---|---|'
"$folder/corpus" --list | cut -f 1 | sed 's|/[a-z]*$||' | uniq | while read -r kind; do row "$kind"; done
