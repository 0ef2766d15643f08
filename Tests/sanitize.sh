#!/bin/sh
# Runs the white-box tests under ThreadSanitizer, each in a process of its own. Races that are meant
# stand in Tests/thread-sanitizer.txt; anything else fails.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
build=.build/sanitizer
swift build --sanitize thread --product HakmemWhiteBoxTests --scratch-path $build
# The sanitizer's runtime needs a library that comes with Swift.
runtime=$(dirname "$(readlink -f "$(command -v swift)")")/../lib/swift/linux
export LD_LIBRARY_PATH="$runtime${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export TSAN_OPTIONS="suppressions=$root/Tests/thread-sanitizer.txt exitcode=66"

skipped=0 failed=0
for test in $($build/debug/HakmemWhiteBoxTests --list); do
  case $test in
  # These limit the address space, lock memory or want a whole TiB, which the sanitizer prevents.
  MemoryLimit.superSlabsAndRegionsCount* | AddressSpace.nothingIsReserved | AddressSpace.serves* | \
    ClassMap.isSmallUnder* | MetadataRegion.endsWithZeroWhenItIsUsedUp | *.locked* | \
    SuperSlabPool.addressesGoToLargeRegions* | PurgeList.saysWhat* | ThreadCache.servesNil* | \
    LargeRegions.keptOnesFit* | SlabPages.behindTheLastBlockThatStay*) skipped=$((skipped + 1)) ;;
  # Its child starts threads, which the sanitizer refuses.
  ThreadCache.childOfAFork*) skipped=$((skipped + 1)) ;;
  # Blocks pass from thread to thread by a barrier on all processors, which the sanitizer cannot see.
  Trim.losesAndDoublesNothing) skipped=$((skipped + 1)) ;;
  *)
    status=0
    timeout -s KILL 300 $build/debug/HakmemWhiteBoxTests "$test" >$build/output 2>&1 || status=$?
    if [ $status != 0 ]; then
      cat $build/output
      echo "sanitize: $test: status $status" >&2
      failed=1
    fi
    ;;
  esac
done
[ $failed = 0 ] && echo "sanitize: nothing found; $skipped tests skipped"
