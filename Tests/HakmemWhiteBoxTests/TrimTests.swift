import CHakmemShims
import CHakmemWhiteBox
import HakmemPages
import HakmemPlatform
import HakmemSlabs
import HakmemThreadCache
import Synchronization

enum TrimTests {
  static let all = [
    WhiteBoxTest("Trim.takesAllButTheNewestBlockOfEachBin", idle),
    WhiteBoxTest("Trim.takesPageRuns", runs),
    WhiteBoxTest("Trim.leavesAThreadThatWorks", working),
    WhiteBoxTest("Trim.losesAndDoublesNothing", storm),
    WhiteBoxTest("ThreadCache.comesWithTheSeventeenthCall", late),
  ]

  private static let sizeClass = SizeClass(6)

  /// As `malloc` does it.
  private static func allocate() -> UInt {
    let block = ThreadCache.current.bin(forSize: 96).pop()
    return block != 0 ? block : Fixture.usableCache().allocate(sizeClass)
  }

  /// As `free` does it.
  private static func free(_ block: UInt) {
    if ThreadCache.current.bin(sizeClass).push(block) { return }
    let cache = Fixture.usableCache()
    if !cache.bin(sizeClass).push(block) { cache.overflow(block, sizeClass) }
  }

  /// `allocate` and `free` with the loads and stores of the fast paths in their order, and time to be
  /// interrupted in between.
  private static func allocateAtLeisure() -> UInt {
    let bin = ThreadCache.current.bin(forSize: 96)
    let top = bin.top
    linger()
    let block = Memory.loadWord(at: top &- 8)
    guard block != 0 else { return Fixture.usableCache().allocate(sizeClass) }
    linger()
    bin.top = top &- 8
    return block
  }

  private static func freeAtLeisure(_ block: UInt) {
    let bin = ThreadCache.current.bin(forDoubledClass: sizeClass.doubled)
    let top = bin.top
    guard top != bin.limit else { return free(block) }
    linger()
    Memory.storeWord(block, at: top)
    linger()
    bin.top = top &+ 8
  }

  private static func linger() { for _ in 0..<50 { hakmem_compiler_barrier() } }

  private static func look() { ThreadCache.trimIdle { $0() } }

  /// Two looks at a thread that is in `sleepUntilTrimmed`.
  private static func trimAtSignal(_ step: UnsafeMutablePointer<Atomic<UInt>>) {
    while step.pointee.load(ordering: .sequentiallyConsistent) < 1 { whitebox_sleep(1) }
    for _ in 0..<2 {
      whitebox_sleep(20)
      look()
    }
    step.pointee.store(2, ordering: .sequentiallyConsistent)
  }

  private static func sleepUntilTrimmed(_ step: UnsafeMutablePointer<Atomic<UInt>>) {
    step.pointee.store(1, ordering: .sequentiallyConsistent)
    while step.pointee.load(ordering: .sequentiallyConsistent) < 2 { whitebox_sleep(1) }
  }

  /// Fills the calling thread's bin and returns how many blocks lie there.
  private static func fillBin() -> Int {
    var blocks = InlineArray<60, UInt>(repeating: 0)
    for index in 0..<60 { blocks[index] = allocate() }
    for index in 0..<60 { free(blocks[index]) }
    return Fixture.usableCache().count(sizeClass)
  }

  private static func idle() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "0")
    let step = Fixture.words(1)
    Fixture.onThreads(2) { thread in
      if thread == 0 {
        let cached = fillBin()
        expect(cached >= 60)
        let cache = Fixture.usableCache()
        sleepUntilTrimmed(step)
        var left = 0
        cache.forEachBlock(sizeClass) { _ in left += 1 }
        expectEqual(left, 1, "blocks in the bin")
        expectNoFault(cache.fault)
        expect(ThreadCache.current.kind == .closed)
        // The next call passes the gate.
        expect(allocate() != 0)
        expect(ThreadCache.current == cache)
        expectEqual(cache.count(sizeClass), 0, "blocks in the bin")
        expect(fillBin() >= 60)
        expectNoFault(cache.fault)
        return
      }
      trimAtSignal(step)
    }
  }

  private static func runs() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "0")
    let step = Fixture.words(1)
    Fixture.onThreads(2) { thread in
      if thread == 0 {
        let cache = Fixture.usableCache()
        let run = PageRuns.allocate(300 << 10, alignment: Constants.pageBytes)
        let (bytes, mark) = PageRuns.markCached(run, record: SuperSlabRegistry.record(at: run))
        cache.keepRun(run, bytes, mark)
        expectEqual(cache.takeRun(bytes), run, "the run that was kept")
        expectEqual(PageRuns.markCached(run, record: SuperSlabRegistry.record(at: run)).1, mark)
        cache.keepRun(run, bytes, mark)
        sleepUntilTrimmed(step)
        expect(cache.isTrimmed)
        // Passes the gate.
        expectEqual(cache.takeRun(bytes), 0, "a run after trimming")
        expect(ThreadCache.current == cache)
        return
      }
      trimAtSignal(step)
    }
  }

  /// A change between two looks.
  private static func working() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "0")
    let step = Fixture.words(1)
    Fixture.onThreads(2) { thread in
      if thread == 0 {
        let cached = fillBin()
        var blocks = InlineArray<8, UInt>(repeating: 0)
        for round in 0..<8 {
          blocks[round] = allocate()
          step.pointee.store(UInt(2 * round + 1), ordering: .sequentiallyConsistent)
          while step.pointee.load(ordering: .sequentiallyConsistent) < 2 * round + 2 {
            whitebox_sleep(1)
          }
        }
        expect(ThreadCache.current.kind == .open)
        expectEqual(Fixture.usableCache().count(sizeClass), cached - 8, "blocks in the bin")
        return
      }
      for round in 0..<8 {
        while step.pointee.load(ordering: .sequentiallyConsistent) < 2 * round + 1 {
          whitebox_sleep(1)
        }
        look()
        step.pointee.store(UInt(2 * round + 2), ordering: .sequentiallyConsistent)
      }
    }
  }

  /// Threads that work, that are held up anywhere, also inside a fast path, and that are trimmed all
  /// the time. A block says whether somebody holds it.
  private static func storm() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "0")
    whitebox_prepare_pauses()
    let workers = 3
    let threads = Fixture.words(workers + 1)
    let rounds = Fixture.words(workers)
    let trims = Fixture.words(1)
    Fixture.onThreads(workers + 1) { thread in
      guard thread < workers else {
        var random = Random(7)
        var roundsAtPause = [UInt](repeating: 0, count: workers)
        while (0..<workers).contains(where: { threads[$0].load(ordering: .relaxed) != .max }) {
          let index = random.below(workers)
          let victim = threads[index].load(ordering: .relaxed)
          // Who is held up again at once gets nowhere.
          let round = rounds[index].load(ordering: .relaxed)
          if victim != 0, victim != .max, round != roundsAtPause[index] {
            roundsAtPause[index] = round
            whitebox_pause_thread(UInt32(victim))
          }
          for _ in 0..<3 { look() }
          ThreadCache.forEach {
            if $0.isTrimmed { trims.pointee.wrappingAdd(1, ordering: .relaxed) }
          }
        }
        return
      }
      threads[thread].store(UInt(SystemCalls.threadID()), ordering: .relaxed)
      var random = Random(thread)
      let held = Fixture.memory(64 * 8)
      while trims.pointee.load(ordering: .relaxed) < 10_000 {
        rounds[thread].wrappingAdd(1, ordering: .relaxed)
        let slot = held &+ UInt(random.below(64)) &* 8
        let block = Memory.loadWord(at: slot)
        if block == 0 {
          let block = allocateAtLeisure()
          expectEqual(Memory.loadWord(at: block), 0, "the holder of a new block")
          Memory.storeWord(UInt(thread) + 1, at: block)
          Memory.storeWord(block, at: slot)
        } else {
          expectEqual(Memory.loadWord(at: block), UInt(thread) + 1, "the holder")
          Memory.storeWord(0, at: block)
          Memory.storeWord(0, at: slot)
          freeAtLeisure(block)
        }
      }
      threads[thread].store(.max, ordering: .relaxed)
    }
    ThreadCache.forEach { expectNoFault($0.fault) }
  }

  private static func late() {
    Fixture.setUp()
    expect(ThreadCache.adoptIfWorthIt() != nil, "the first thread has none")
    Fixture.onThreads(1) { _ in
      for _ in 0..<16 { expect(ThreadCache.adoptIfWorthIt() == nil) }
      expect(ThreadCache.adoptIfWorthIt() != nil)
    }
    Fixture.onThreads(1) { _ in expect(ThreadCache.adoptIfWorthIt() != nil, "one is parked") }
  }
}
