import CHakmem
import CHakmemEntry
import CHakmemShims
import HakmemPages
import HakmemPlatform
import HakmemRecorder
import HakmemSlabs
import HakmemThreadCache
import Synchronization

/// Start, fork and end of the process, as the allocator sees them.
enum Process {
  private struct State: ~Copyable {
    let phase: Atomic<UInt32>
  }
  private enum Phase {
    static let fresh: UInt32 = 0
    static let starting: UInt32 = 1
    static let ready: UInt32 = 2
  }
  private static var state: UnsafeMutablePointer<State> {
    Memory.pointer(at: MallocStorage.process)
  }
  static var stateBytes: Int { MemoryLayout<State>.size }

  static var isReady: Bool { state.pointee.phase.load(ordering: .acquiring) == Phase.ready }

  /// Makes the allocator ready, on the first call of any thread. False when the kernel gives no
  /// memory for it; a later call tries again.
  static func start() -> Bool {
    // Medium and large calls come here each time: no write to a line that all threads share.
    if isReady { return true }
    while true {
      // Acquires all that the starting thread set up.
      let (ours, phase) = state.pointee.phase.compareExchange(
        expected: Phase.fresh, desired: Phase.starting, successOrdering: .acquiring,
        failureOrdering: .acquiring)
      if ours {
        let isUp = setUp()
        state.pointee.phase.store(isUp ? Phase.ready : Phase.fresh, ordering: .releasing)
        return isUp
      }
      if phase == Phase.ready { return true }
      SystemCalls.yieldProcessor()
    }
  }

  private static func setUp() -> Bool {
    check(PlatformStorage.fault)
    ProcessFacts.learn()
    Secret.learn()
    CallStack.learn()
    Option.readEnvironment()
    ProcessFacts.learnLimits()
    SizeClass.learn()
    Hardening.learn()
    ThreadCache.learnLayout()
    check(
      PagesStorage.fault ?? SlabsStorage.fault ?? CacheStorage.fault ?? MallocStorage.fault
        ?? RecorderStorage.fault ?? StatisticsPage.fault)
    guard ClassMap.create() else { return false }
    MetadataRegion.begin()
    guard Topology.learn(), Depot.create(), SlabList.createNodes(), CheckedCache.prepare(),
      GuardSampler.prepare()
    else { return false }
    hakmem_create_thread_exit_key()
    Interception.start()
    if Hardening.isOn { Interception.begin(.hardened) }
    if Option.guardSample.isOn { Interception.begin(.guardSampling) }
    if Recorder.prepare() { Interception.begin(.recorder) }
    if MapLog.begin(parent: 0) {
      AddressMap.note()
      let distance = Option.profileSample.value
      if distance > 0 { _ = HeapProfile.begin(distance: distance) }
    }
    return true
  }

  // MARK: Fork

  static func prepareFork() {
    Sweep.prepareFork()
    ForkLocks.take()
  }

  static func resumeParent() {
    ForkLocks.release()
    Sweep.resumeParent()
  }

  static func resumeChild() {
    let hadAll = ForkLocks.reset()
    Sweep.resumeChild()
    Gate.resetAfterFork()
    PinnedSlab.resetAfterFork()
    Background.resetAfterFork()
    LimitCallback.resetAfterFork()
    Recorder.forked()
    ThreadCache.inheritAfterFork(parking: hadAll)
    MapLog.continueInChild()
    StatisticsPage.leaveToParent()
    HeapProfile.continueInChild()
  }
}

// MARK: Called from C

@c @implementation
public func hakmem_process_start() {
  guard Process.start() else { return }
  Recorder.processStarted()
  if Option.statisticsPage.isOn { StatisticsPage.open(version: Version.text) }
  if Option.verbose.isOn, !Option.quiet.isOn { Report.printConfiguration() }
  if Option.background.isOn { Background.start() } else { Prewarm.run() }
  MapLog.note(.thread, hakmem_thread_pointer())
  MapLog.note(.began, 0)
}

@c @implementation
public func hakmem_process_exit() {
  MapLog.note(.ends, 0)
  guard Process.isReady else { return }
  Recorder.processEnds()
  StatisticsPage.close()
  if Option.statistics.isOn, !Option.quiet.isOn { Report.printStatistics() }
  ThreadCache.verifyFreed {
    // libc writes out what the program printed only after this, and not if the process aborts.
    hakmem_flush_standard_output()
    Misuse.report($0, $1)
  }
}

@c @implementation
public func hakmem_fork_prepare() {
  ForkLocks.enter()
  Process.prepareFork()
}

@c @implementation
public func hakmem_fork_parent() {
  Process.resumeParent()
  ForkLocks.leave()
}

@c @implementation
public func hakmem_fork_child() -> UInt32 {
  Process.resumeChild()
  ForkLocks.leave()
  return ForkLocks.depth
}
