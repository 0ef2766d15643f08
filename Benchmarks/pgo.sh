#!/bin/sh
# Builds the library with a profile of the benchmark's workloads, and prints what that gained beside
# the build without one: interleaved runs with their intervals, then instructions. Needs the release
# build. PGO_ROUNDS sets the length.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
work=$root/.build/pgo
plain=$root/.build/release
swift=${SWIFT:-swift}
tools=$(dirname "$(readlink -f "$(command -v "${swift}c")")")
runtime=$(find "$tools/../lib/clang/" -name "libclang_rt.profile*$(uname -m).a" | grep linux | head -n 1)
[ -n "$runtime" ] || { echo "pgo: the toolchain has no libclang_rt.profile" >&2; exit 1; }

# The compiler writes no object anew when only options change: so each build begins without any.
build() {
  rm -rf "$work"/build/*-linux-*
  $swift build -c release --omit-frame-pointers --product hakmem --scratch-path "$work/build" "$@"
}

build -Xswiftc -Xfrontend -Xswiftc -ir-profile-generate="$work" \
  -Xlinker -u__llvm_profile_runtime -Xlinker "$runtime"
rm -f "$work"/*.profraw
for workload in $("$plain/hakmem-workload" --list | cut -f 1); do
  # A trace needs a file; sleepers and bursts do little but wait.
  case $workload in
  trace | sleeping_threads | burst_idle) continue ;;
  fragment | fill_free | ageing) size=mib=64 ;;
  *) size= ;;
  esac
  # One file, to which each process adds its counts.
  LLVM_PROFILE_FILE=$work/%m.profraw LD_PRELOAD=$work/build/release/libhakmem.so \
    "$plain/hakmem-workload" "$workload" seconds=0.5 $size >/dev/null
done
"$tools/llvm-profdata" merge -o "$work/workloads.profdata" "$work"/*.profraw

build -Xswiftc -Xfrontend -Xswiftc -ir-profile-use="$work/workloads.profdata"
cp "$work/build/release/libhakmem.so" "$work/libhakmem.so"
size "$plain/libhakmem.so" "$work/libhakmem.so"

compare() {
  "$plain/hakmem-tool" bench --library "$plain/libhakmem.so" --allocator HAKMEM \
    --allocator "pgo=$work/libhakmem.so" --subject pgo "$@"
}
compare --rounds "${PGO_ROUNDS:-20}" --seconds 0.2 --no-latency --json "$work/speed.json"
if command -v valgrind >/dev/null; then
  compare --callgrind random_mixed random_mixed:slots=8192 tiny_hot producer_consumer calloc
fi
echo "The library: $work/libhakmem.so"
