#!/bin/sh
# The public tests of malloc, of the C library beneath it and of fork, on the library and on glibc's own
# allocator: glibc's, musl's and LTP's. GLIBC, LIBC_TEST and LTP name repositories to clone in place of the
# public ones; GLIBC_TAG the glibc that the tests come from, else the system's. Ends with 1 when a test fails
# on the library alone that Tests/conformance.txt does not name.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
library=${HAKMEM_LIBRARY:-$root/.build/release/libhakmem.so}
work=$root/.build/conformance
glibc_tag=${GLIBC_TAG:-glibc-$(getconf GNU_LIBC_VERSION | cut -d ' ' -f 2)}
mkdir -p "$work/tests" "$work/headers" "$work/objects"
: >"$work/outcomes"

for program in git gcc make setsid aclocal autoconf pkg-config; do
  command -v $program >/dev/null || { echo "conformance: $program is not installed" >&2; exit 2; }
done
[ -e "$library" ] || { echo "conformance: $library does not exist: swift build first" >&2; exit 2; }

get() { # name, repository, tag or nothing, paths…
  [ -d "$work/$1" ] || git clone -q --depth 1 --no-checkout ${3:+--branch "$3"} "$2" "$work/$1" ||
    { echo "conformance: $2 cannot be cloned; name another repository (see this script)" >&2; exit 2; }
  folder=$work/$1
  shift 3
  git -C "$folder" checkout -q HEAD -- "$@"
}

# Runs a test from the folder that it belongs in; its status stands in $status.
run() { # library or nothing, program
  LD_PRELOAD=$1 setsid timeout -k 1 120 "$2" >"$work/output" 2>&1 </dev/null &
  group=$!
  status=0
  wait $group 2>/dev/null || status=$?
  # Some leave processes behind.
  kill -9 -- -$group 2>/dev/null || true
}

# Notes suite, name, and how the test ended on glibc and here. One that fails here has to pass on glibc
# three times more: some do by chance.
judge() { # suite, program
  run '' "$2"
  on_glibc=$status
  run "$library" "$2"
  here=$status
  if [ $here != 0 ]; then
    for _ in 1 2 3; do
      [ $on_glibc != 0 ] || { run '' "$2"; on_glibc=$status; }
    done
  fi
  echo "$1 $(basename "$2") $on_glibc $here" >>"$work/outcomes"
}

glibc_tests() {
  get glibc "${GLIBC:-https://sourceware.org/git/glibc.git}" "$glibc_tag" \
    malloc support include sysdeps/generic test-skeleton.c
  cd "$work/glibc"
  # Its own headers stay out, but for those that the system has no like of.
  for header in libc-diag array_length intprops libc-pointer-arith scratch_buffer alloc_buffer; do
    [ ! -e include/$header.h ] || cp include/$header.h "$work/headers"
  done
  for header in libc-symbols config libc-config stackinfo; do : >"$work/headers/$header.h"; done
  flags="-std=gnu11 -O1 -fno-builtin -D_GNU_SOURCE -w -include $root/Tests/conformance.h -I $work/headers
    -I . -I support -I malloc -I sysdeps/generic"
  rm -f "$work/objects"/*
  for source in support/*.c malloc/dynarray*.c malloc/scratch_buffer_*.c malloc/alloc_buffer_*.c; do
    # Those of tests that malloc's do not need may not compile.
    gcc $flags -c "$source" -o "$work/objects/$(basename "$source").o" 2>/dev/null || true
  done
  rm -f "$work/libsupport.a"
  ar rc "$work/libsupport.a" "$work/objects"/*.o
  for source in malloc/tst-*.c; do
    name=$(basename "$source" .c)
    # Parts of others, and tests that replace malloc themselves.
    case $name in tst-interpose-*) continue ;; esac
    gcc $flags "$source" "$work/libsupport.a" -pthread -ldl \
      -o "$work/tests/$name" 2>/dev/null || continue
    judge glibc "$work/tests/$name"
  done
}

musl_tests() {
  get libc-test "${LIBC_TEST:-https://repo.or.cz/libc-test.git}" '' .
  cd "$work/libc-test"
  cp config.mak.def config.mak
  make -s -k -j "$(nproc)" $(ls src/functional/*.c src/regression/*.c | sed 's/c$/exe/') \
    src/functional/dlopen_dso.so src/functional/tls_align_dso.so src/functional/tls_init_dso.so \
    >/dev/null 2>&1 || true
  for test in src/functional/*.exe src/regression/*.exe; do judge musl "./$test"; done
}

build() { # command…
  "$@" >"$work/output" 2>&1 || { tail -n 5 "$work/output"; echo "conformance: $* failed" >&2; exit 2; }
}

ltp_tests() {
  get ltp "${LTP:-https://github.com/linux-test-project/ltp.git}" '' .
  cd "$work/ltp"
  if [ ! -e include/config.h ]; then build sh -c 'make autotools && ./configure'; fi
  for folder in syscalls/mallinfo syscalls/mallinfo2 syscalls/mallopt mem/mtest07; do
    build make -j "$(nproc)" -C testcases/kernel/$folder
    for source in testcases/kernel/$folder/*.c; do
      test=${source%.c}
      case $(basename "$test") in mall*) judge ltp "$test" ;; esac
    done
  done
}

for suite in ${SUITES:-glibc musl ltp}; do (${suite}_tests); done
awk -v known="$root/Tests/conformance.txt" '
  BEGIN { while ((getline line < known) > 0) if (split(line, word, " ") > 1) expected[word[1] " " word[2]] = 1 }
  $3 == 0 { passed[$1]++; if ($4 == 0) here[$1]++
    else { isExpected = ($1 " " $2) in expected
      print $1 ": " $2 " ends with " $4 " here, with 0 on glibc" (isExpected ? " (known)" : ""); if (!isExpected) worse = 1 } }
  END { for (suite in passed) print suite ": " here[suite] + 0 " of the " passed[suite] " tests that pass on glibc"
    exit worse }' "$work/outcomes"
