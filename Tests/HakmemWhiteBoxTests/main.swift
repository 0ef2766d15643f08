import CHakmemWhiteBox
import HakmemPlatform

/// `--list` prints the name of each test; NAME runs that test in this process; without arguments all
/// run, each in a child.
func run() -> Int32 {
  let count = Int(whitebox_argument_count())
  guard count > 1, let argument = whitebox_argument(1) else { return runAll() }
  if isEqual(argument, "--list") {
    forEachTest { write($0.name, "\n") }
    return 0
  }
  var found: WhiteBoxTest?
  forEachTest { if isEqual(argument, $0.name) { found = $0 } }
  guard let test = found else { return 2 }
  return run(test)
}

func run(_ test: WhiteBoxTest) -> Int32 {
  whitebox_clear_environment()
  whitebox_alarm(60)
  test.body()
  return Expectation.failureCount == 0 ? 0 : 1
}

func runAll() -> Int32 {
  var failed: Int32 = 0
  forEachTest { test in
    let child = whitebox_fork()
    if child == 0 { whitebox_end_child(run(test)) }
    let isGood = whitebox_wait(child) == 0
    if !isGood { failed += 1 }
    write(isGood ? "ok      " : "FAILED  ", test.name, "\n")
  }
  return failed == 0 ? 0 : 1
}

func forEachTest(_ body: (WhiteBoxTest) -> Void) {
  for group in [
    TextTests.all, OptionsTests.all, MemoryLimitTests.all, ControlGroupTests.all, PageSizeTests.all,
    LockTests.all,
    TaggedStackTests.all, MetadataRegionTests.all,
    StorageTests.all, AddressSpaceTests.all, ClassMapTests.all, SuperSlabRegistryTests.all,
    RunTableTests.all, PageRunsTests.all, SuperSlabTests.all, KeepCreditTests.all,
    SuperSlabPoolTests.all, LargeRegionsTests.all, LargeRegionPiecesTests.all,
    ZeroingTests.all, SizeClassTests.all,
    SlabTests.all,
    ForkLocksTests.all, PurgeListTests.all, SlabPagesTests.all,
    SlabListTests.all, BatchTests.all, DepotTests.all, ThreadCacheTests.all, TrimTests.all,
    HousekeepingTests.all,
    QuarantineTests.all,
    GateTests.all,
    RecorderTests.all,
  ] {
    for test in group { body(test) }
  }
}

whitebox_end_child(run())
