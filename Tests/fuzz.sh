#!/bin/sh
# Fuzzes the library for FUZZ_SECONDS (600): allocation sequences with coverage of the library, then
# options and traces on whole programs, then profiles. What is found stays in .build/fuzz; inputs worth keeping go
# to Tests/Fuzz/corpus, which the test suite replays. Needs the clang that comes with Swift.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
seconds=${FUZZ_SECONDS:-600}
build=.build/fuzz
clang=${FUZZ_CLANG:-$(dirname "$(readlink -f "$(command -v swift)")")/clang}
coverage='-Xswiftc -Xfrontend -Xswiftc -sanitize=fuzzer
  -Xswiftc -Xfrontend -Xswiftc -sanitize-coverage=edge,inline-8bit-counters,pc-table,trace-cmp'
swift build -c release --omit-frame-pointers --product hakmem --scratch-path $build $coverage
swift build -c release --omit-frame-pointers --product hakmem-workload
compile() {
  output=$1
  shift
  "$clang" -O1 -g -fno-builtin -Wall -Wextra -Werror -pthread -rdynamic -fsanitize=fuzzer \
    -DCHECK_ABORTS -I Sources/CHakmem/include -I Tests/Programs/support "$@" -o $build/$output
}
compile heap Tests/Fuzz/heap.c -L$build/release -l:libhakmem.so "-Wl,-rpath,\$ORIGIN/release"
compile options -DOPTIONS Tests/Fuzz/process.c
compile traces -DTRACES Tests/Fuzz/process.c
# A library for coverage serves libFuzzer's programs only: whole programs run on the plain one.
swift build -c release --omit-frame-pointers --product hakmem
FUZZ_LIBRARY=$root/.build/release/libhakmem.so
FUZZ_WORKLOAD=$root/.build/release/hakmem-workload
export FUZZ_LIBRARY FUZZ_WORKLOAD
run() {
  target=$1 share=$2
  shift 2
  mkdir -p $build/found/$target
  echo "fuzz: $target for $share seconds"
  $build/$target -max_total_time=$share -timeout=120 -rss_limit_mb=4000 -print_final_stats=1 \
    -artifact_prefix=$build/found/ "$@" $build/found/$target Tests/Fuzz/corpus/$target
}
run heap $((seconds * 8 / 10)) -max_len=4096
run options $((seconds / 10)) -max_len=300 -dict=Tests/Fuzz/options.dict
run traces $((seconds / 10)) -max_len=2000
# The tool reads what a profiled process leaves.
PROFILE_SEED=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
PROFILE_INPUTS=$((seconds * 20))
export PROFILE_SEED PROFILE_INPUTS
echo "fuzz: $PROFILE_INPUTS damaged profiles, seed $PROFILE_SEED"
swift test --filter DamagedProfileTests
