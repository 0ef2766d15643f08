import CHakmemWhiteBox
import HakmemPages
import HakmemPlatform
import Synchronization

enum PageRunsTests {
  static let all = [
    WhiteBoxTest("PageRuns.runsAreApartAndKeepTheirContents", random),
    WhiteBoxTest("PageRuns.runsAreAligned", alignment),
    WhiteBoxTest("PageRuns.resizeWorksInPlaceOnly", resize),
    WhiteBoxTest("PageRuns.clearedRunsReadAsZeroes", clear),
    WhiteBoxTest("PageRuns.purgedPagesReadAsZeroes", purge),
    WhiteBoxTest("PageRuns.outgrownRunsLeaveTheirPagesUnlessTheseAreWanted", outgrown),
    WhiteBoxTest("PageRuns.lockedPagesStayDirty", locked),
    WhiteBoxTest("PageRuns.oneOfManyThreadsFreesARun", cached),
    WhiteBoxTest("PageRuns.onlyARunsFirstByteNamesIt", names),
    WhiteBoxTest("PageRuns.emptySuperSlabsLeaveButForTheLast", retirement),
    WhiteBoxTest("PageRuns.wholeSystemPagesLieInside", systemPages),
    WhiteBoxTest("PageRuns.threadsShareTheLists", threads),
  ]

  private static let page = Constants.pageBytes

  private struct Run {
    var start: UInt
    var bytes: UInt
    var mark: UInt
    /// Marks the first and the last word of each page.
    func fill() {
      for offset in stride(from: 0, to: bytes, by: 4096) {
        Memory.storeWord(mark &+ offset, at: start &+ offset)
        Memory.storeWord(mark &+ offset, at: start &+ offset &+ 4088)
      }
    }
    func isIntact(upTo limit: UInt = .max) -> Bool {
      for offset in stride(from: 0, to: min(bytes, limit), by: 4096)
      where Memory.loadWord(at: start &+ offset) != mark &+ offset
        || Memory.loadWord(at: start &+ offset &+ 4088) != mark &+ offset
      { return false }
      return true
    }
  }

  private static func churn(_ seed: Int, rounds: Int, checks: Bool) {
    var random = Random(seed)
    var runs: [Run] = []
    for round in 0..<rounds {
      switch random.below(10) {
      case 0..<5 where runs.count < 100:
        let bytes = UInt(1 + random.below(random.below(8) == 0 ? 256 : 40)) &* page
        let start = PageRuns.allocate(bytes)
        expect(start != 0)
        expectEqual(PageRuns.byteCount(at: start), bytes, "the bytes")
        let run = Run(start: start, bytes: bytes, mark: random.next())
        run.fill()
        runs.append(run)
      case 5 where !runs.isEmpty:
        let index = random.below(runs.count)
        let bytes = PageRuns.byteCount(serving: UInt(9 + random.below(200)) &* page)
        let old = runs[index].bytes
        if PageRuns.resize(runs[index].start, to: bytes) {
          expect(runs[index].isIntact(upTo: bytes), "a resized run lost its contents")
          runs[index].bytes = bytes
          runs[index].fill()
        } else {
          expect(bytes > old, "a run did not shrink")
        }
        expectEqual(PageRuns.byteCount(at: runs[index].start), runs[index].bytes, "the bytes")
      default:
        guard !runs.isEmpty else { continue }
        let run = runs.remove(at: random.below(runs.count))
        expect(run.isIntact(), "a run lost its contents")
        expect(mark(run.start) != 0)
        PageRuns.free(run.start)
        if checks { expectEqual(PageRuns.byteCount(at: run.start), 0, "the bytes of a free run") }
      }
      if checks, round % 20 == 0 { expectNoFault(PageRuns.fault) }
    }
    for run in runs {
      expect(run.isIntact(), "a run lost its contents")
      PageRuns.free(run.start)
    }
  }

  private static func random() {
    Fixture.setUp()
    churn(13, rounds: 5000, checks: true)
    expectEqual(PageRuns.liveBytes, 0, "the live bytes")
    expectNoFault(PageRuns.fault)
  }

  private static func threads() {
    Fixture.setUp()
    Fixture.onThreads(4) { churn(17 + $0, rounds: 1500, checks: false) }
    expectEqual(PageRuns.liveBytes, 0, "the live bytes")
    expectNoFault(PageRuns.fault)
  }

  private static func alignment() {
    Fixture.setUp()
    var alignment = page
    while alignment <= 1 << 20 {
      for bytes: UInt in [page, 5 * page, 1 << 20] {
        _ = PageRuns.allocate(3 * page)
        let start = PageRuns.allocate(bytes, alignment: alignment)
        expect(start != 0 && start % alignment == 0)
      }
      alignment *= 2
    }
    expectNoFault(PageRuns.fault)
  }

  private static func resize() {
    Fixture.setUp()
    let first = PageRuns.allocate(10 * page)
    let second = PageRuns.allocate(10 * page)
    expect(second == first &+ 10 * page, "runs lie side by side")
    expect(!PageRuns.resize(first, to: 11 * page), "the next page is taken")
    expect(PageRuns.resize(first, to: 4 * page))
    expectEqual(PageRuns.byteCount(at: first), 4 * page, "the bytes")
    expect(PageRuns.resize(first, to: 10 * page))
    expect(PageRuns.resize(first, to: 10 * page - 1), "sizes are rounded up")
    expectEqual(PageRuns.byteCount(at: first), 10 * page, "the bytes")
    expect(!PageRuns.resize(second, to: PageRuns.maximumBytes + 1))
    expect(PageRuns.resize(second, to: PageRuns.maximumBytes))
    let last = PageRuns.allocate(200 * page)
    expect(!PageRuns.resize(last, to: PageRuns.maximumBytes), "the SuperSlab ends")
    expectNoFault(PageRuns.fault)
  }

  private static func clear() {
    Fixture.setUp()
    for round in 0..<20 {
      let bytes = UInt(8 + round) &* page
      let start = PageRuns.allocate(bytes)
      PageRuns.clear(start, PageRuns.byteCount(at: start))
      expect(isZero(start, bytes), "a cleared run is not zero")
      Memory.storeWord(1, at: start &+ bytes &- 8)
      Memory.storeWord(1, at: start)
      PageRuns.free(start)
    }
  }

  private static func purge() {
    Fixture.setUp()
    let start = PageRuns.allocate(64 * page)
    let kept = PageRuns.allocate(page)
    for offset in stride(from: 0, to: 64 * page, by: 512) {
      Memory.storeWord(1, at: start &+ offset)
    }
    Memory.storeWord(7, at: kept)
    PageRuns.free(start)
    PageRuns.purge(age: .max, lazily: false)
    expect(Memory.loadWord(at: start) == 1, "young pages stay")
    PageRuns.purge(age: 0, lazily: false)
    expect(whitebox_is_resident(start, Int(page)) == 0)
    expect(isZero(start, 64 * page))
    expect(Memory.loadWord(at: kept) == 7)
    guard let superSlab = SuperSlab.around(start) else { return }
    expectEqual(superSlab.freeDirtyBytes, 0, "the free dirty bytes")
  }

  private static func outgrown() {
    Fixture.setUp()
    while Clock.milliseconds() == 0 { whitebox_sleep(10) }
    let bytes = 150 * page
    func leaveOne() -> UInt {
      let start = PageRuns.allocate(bytes)
      for offset in stride(from: 0, to: bytes, by: 512) { Memory.storeWord(1, at: start &+ offset) }
      PageRuns.free(start, isOutgrown: true)
      expectNoFault(PageRuns.fault)
      return start
    }
    let neighbour = PageRuns.allocate(page)
    Memory.storeWord(7, at: neighbour)
    let start = leaveOne()
    guard let superSlab = SuperSlab.around(start) else { return expect(false) }
    expectEqual(superSlab.freeDirtyBytes, 0, "the free dirty bytes")
    expect(isZero(start, bytes))
    expectEqual(Memory.loadWord(at: neighbour), 7, "the neighbour's word")
    for _ in 0..<2 { DirtyMemory.credit.regret(bytes, returnedAt: Clock.milliseconds()) }
    expect(leaveOne() == start)
    expectEqual(superSlab.freeDirtyBytes, Int(bytes), "the free dirty bytes of wanted pages")
  }

  private static func locked() {
    Fixture.setUp()
    let bytes = 16 * page
    let start = PageRuns.allocate(bytes)
    guard whitebox_lock_memory(start, Int(bytes)) != 0 else { return }
    Memory.storeWord(1, at: start)
    PageRuns.free(start)
    PageRuns.purge(age: 0, lazily: false)
    guard let superSlab = SuperSlab.around(start) else { return }
    expectEqual(superSlab.freeDirtyBytes, Int(bytes), "the free dirty bytes")
    let again = PageRuns.allocate(bytes)
    expect(again == start)
    PageRuns.clear(again, PageRuns.byteCount(at: again))
    expect(isZero(again, bytes), "a run of locked pages is not cleared")
  }

  /// The bytes of the run at `start` after marking it as cached; 0 when no live one begins there.
  private static func mark(_ start: UInt) -> UInt {
    PageRuns.markCached(start, record: SuperSlabRegistry.record(at: start)).byteCount
  }

  private static func lengthWord(_ start: UInt) -> UInt {
    guard let superSlab = SuperSlab.around(start) else { return 0 }
    let table = RunTable(unsafeAt: superSlab.runTable)
    return UInt(bitPattern: table.length(at: table.page(of: start)))
  }

  private static func cached() {
    Fixture.setUp()
    for _ in 0..<50 {
      let start = PageRuns.allocate(10 * page)
      let winners = Fixture.words(1)
      Fixture.onThreads(4) { _ in
        if mark(start) != 0 { winners.pointee.wrappingAdd(1, ordering: .relaxed) }
      }
      expectEqual(winners.pointee.load(ordering: .relaxed), 1, "threads that freed the run")
      expectEqual(PageRuns.byteCount(at: start), 0, "the bytes of a cached run")
      expectEqual(PageRuns.cachedByteCount(at: start), 10 * page, "the cached bytes")
      let word = lengthWord(start)
      PageRuns.clearMark(word)
      expectEqual(PageRuns.byteCount(at: start), 10 * page, "the bytes of a run that is live again")
      PageRuns.free(start)
    }
  }

  private static func names() {
    Fixture.setUp()
    let start = PageRuns.allocate(10 * page)
    for offset: UInt in [1, 8, page, 9 * page, 10 * page] {
      expectEqual(PageRuns.byteCount(at: start &+ offset), 0, "the bytes inside a run")
    }
    expect(mark(start &+ page) == 0 && mark(start &+ 8) == 0)
    expectEqual(PageRuns.byteCount(at: 0), 0, "the bytes at NULL")
    PageRuns.free(start)
    expect(mark(start) == 0)
  }

  private static func retirement() {
    Fixture.setUp()
    var starts: [UInt] = []
    for _ in 0..<8 { starts.append(PageRuns.allocate(1 << 20)) }
    var inUse = 0
    SuperSlab.forEach { if $0.kind == .pageRuns { inUse += 1 } }
    expectEqual(inUse, 4, "SuperSlabs in use")
    for start in starts { PageRuns.free(start) }
    inUse = 0
    SuperSlab.forEach { if $0.kind == .pageRuns { inUse += 1 } }
    expectEqual(inUse, 1, "SuperSlabs in use")
    expectNoFault(PageRuns.fault)
  }

  private static func systemPages() {
    func whole(_ pages: Range<Int>, _ kibibytes: UInt) -> Range<Int> {
      PageRuns.wholeSystemPages(in: pages, of: kibibytes << 10)
    }
    expect(whole(3..<5, 4) == 3..<5)
    expect(whole(3..<5, 16).isEmpty)
    expect(whole(3..<9, 16) == 4..<8)
    expect(whole(4..<8, 16) == 4..<8)
    expect(whole(5..<7, 16).isEmpty)
    expect(whole(1..<40, 64) == 16..<32)
    expect(whole(511..<512, 64).isEmpty)
  }

  private static func isZero(_ start: UInt, _ bytes: UInt) -> Bool {
    for offset in stride(from: 0, to: bytes, by: 8) where Memory.loadWord(at: start &+ offset) != 0
    {
      return false
    }
    return true
  }
}
