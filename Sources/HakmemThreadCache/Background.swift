import CHakmemShims
import HakmemPages
import HakmemPlatform
import HakmemSlabs
import Synchronization

/// The library's own thread, with HAKMEM_BACKGROUND=1: it does the housekeeping that slow calls do
/// else, and what none of them has the time for.
///
/// Nothing depends on it. It is made without libc (`hakmem_start_background`), takes no signals, makes
/// system calls of its own alone, and holds the lock `background` while it changes the heap: fork and
/// `malloc_disable` wait for the end of such a step, and it waits for the gate between two of them. A
/// fork's child has none until its first housekeeping; when housekeeping is late (it was refused, or
/// the process was cloned past fork's handlers), slow calls do it.
package enum Background {
  struct State: ~Copyable {
    let phase: Atomic<UInt32>
    /// 1 while the thread sleeps for long, because nothing happens.
    let isResting: Atomic<UInt32>
    /// Its stack and thread-local variables, kept for the next one.
    var area: UInt
  }
  private enum Phase {
    static let none: UInt32 = 0
    static let started: UInt32 = 1
    static let refused: UInt32 = 2
  }
  private static var state: UnsafeMutablePointer<State> {
    Memory.pointer(at: CacheStorage.background)
  }

  /// Whether the thread was started: that it runs is likely, not certain.
  static var isStarted: Bool { state.pointee.phase.load(ordering: .relaxed) == Phase.started }

  /// Starts the thread unless it was; says so once when the kernel refuses.
  package static func start() {
    guard Option.background.isOn,
      state.pointee.phase.compareExchange(
        expected: Phase.none, desired: Phase.started, ordering: .relaxed
      ).exchanged
    else { return }
    if state.pointee.area == 0, let area = mapArea() { state.pointee.area = area }
    if state.pointee.area != 0, hakmem_start_background(state.pointee.area) > 0 { return }
    state.pointee.phase.store(Phase.refused, ordering: .relaxed)
    guard !Option.quiet.isOn else { return }
    Text.message {
      $0.append("hakmem: the kernel refuses a background thread; slow calls do its work\n")
    }
  }

  /// Zero memory below which an access faults: the stack grows towards it.
  private static func mapArea() -> UInt? {
    let guardBytes = ProcessFacts.systemPageBytes
    let byteCount = guardBytes &+ UInt(hakmem_background_bytes())
    guard let start = SystemCalls.map(byteCount: byteCount, protection: .readWrite) else {
      return nil
    }
    _ = SystemCalls.protect(start, guardBytes, .none)
    SystemCalls.nameMapping(start, byteCount, "hakmem metadata")
    return start &+ guardBytes
  }

  /// In the child of a fork, where the thread is not.
  package static func resetAfterFork() {
    state.pointee.isResting.store(0, ordering: .relaxed)
    state.pointee.phase.store(Phase.none, ordering: .relaxed)
  }

  /// Called by slow calls now and then: wakes the thread when it rests, starts it in a child. False
  /// when there is none.
  static func attend() -> Bool {
    guard Option.background.isOn else { return false }
    start()
    guard isStarted else { return false }
    if state.pointee.isResting.load(ordering: .relaxed) != 0,
      state.pointee.isResting.exchange(0, ordering: .relaxed) != 0
    {
      SystemCalls.wakeWord(at: UInt(bitPattern: state) &+ 4, count: 1)
    }
    return true
  }

  // MARK: In the thread

  /// Runs `body`, which changes the heap, while the gate is open, and holds back forks.
  static func step(_ body: () -> Void) {
    let lock = Lock(.background)
    while true {
      Gate.wait()
      lock.acquire()
      if Gate.isOpen { break }
      lock.release()
    }
    body()
    lock.release()
  }

  /// Waits for the end of a step that began before the gate was closed.
  static func waitForStep() {
    let lock = Lock(.background)
    lock.acquire()
    lock.release()
  }

  static func run() -> Never {
    SystemCalls.nameThread("hakmem")
    Prewarm.run()
    var rest = Rest()
    var collapsedAt = Clock.milliseconds()
    while true {
      sleep(rest.milliseconds(activity: activity))
      Housekeeping.run(pause: 0, by: step)
      step { SuperSlabPool.keepAhead() }
      while LargeRegions.hasZeroingToDo { step { LargeRegions.zeroKept() } }
      let now = Clock.milliseconds()
      if now &- collapsedAt >= collapsePeriod {
        collapsedAt = now
        Collapse.run(by: step)
      }
    }
  }

  /// A SuperSlab is collapsed when two looks find it dense.
  private static let collapsePeriod: UInt32 = 1000

  private static func sleep(_ milliseconds: UInt32) {
    let isLong = milliseconds > Housekeeping.periodMilliseconds
    state.pointee.isResting.store(isLong ? 1 : 0, ordering: .relaxed)
    SystemCalls.waitOnWord(
      at: UInt(bitPattern: state) &+ 4, while: isLong ? 1 : 0, milliseconds: milliseconds)
    state.pointee.isResting.store(0, ordering: .relaxed)
  }

  /// A number that changes with what happens in the heap.
  private static var activity: UInt {
    var sum = SlabCounters.activity &+ PageCounters.activity
    ThreadCache.forEach { sum &+= $0.record.pointee.slowCalls }
    return sum
  }

  /// How long the thread may sleep: a period while anything happens and until all that then lay free
  /// has aged, and ever longer after that, until a slow call wakes it.
  struct Rest {
    private static let longest: UInt32 = 60_000
    private var lastActivity: UInt = 0
    private var lastChange = Clock.milliseconds()
    private var length = Housekeeping.periodMilliseconds

    mutating func milliseconds(activity: UInt) -> UInt32 {
      let now = Clock.milliseconds()
      if activity != lastActivity {
        lastActivity = activity
        lastChange = now
      }
      // Pages of slabs go at the second look that finds them idle.
      let settling = 3 &* PurgeDelay.shared.milliseconds() &+ 1000
      length =
        now &- lastChange <= settling
        ? Housekeeping.periodMilliseconds : min(length &* 2, Self.longest)
      return length
    }
  }
}

@c(hakmem_background_main)
public func backgroundMain() { Background.run() }
