import HakmemPages
import HakmemPlatform
import Synchronization

enum RunTableTests {
  static let all = [
    WhiteBoxTest("RunTable.agreesWithAModelOfBooleans", model),
    WhiteBoxTest("RunTable.findsTheLowestAlignedStretch", find),
    WhiteBoxTest("RunTable.dirtyPagesAgreeWithAModel", dirty),
    WhiteBoxTest("RunTable.takesOverAndLeavesDirtyGranules", granules),
    WhiteBoxTest("RunTable.faultsAreFound", faults),
  ]

  private static let pages = Int(Constants.pagesPerSuperSlab)

  private static func table() -> RunTable {
    let table = RunTable(unsafeAt: MetadataRegion.allocate(RunTable.byteCount))
    guard let superSlab = SuperSlab.create() else { Fatal.stop("no SuperSlab") }
    table.begin(superSlab)
    return table
  }

  private static func longest(_ isFree: [Bool]) -> Int {
    var longest = 0
    var length = 0
    for free in isFree {
      length = free ? length + 1 : 0
      longest = max(longest, length)
    }
    return longest
  }

  private static func firstFit(_ isFree: [Bool], _ count: Int, _ alignment: Int) -> Int? {
    var start = 0
    while start + count <= isFree.count {
      var length = 0
      while length < count, isFree[start + length] { length += 1 }
      if length == count { return start }
      start += alignment
    }
    return nil
  }

  private static func model() {
    Fixture.setUp()
    var random = Random(7)
    let table = table()
    var isFree = [Bool](repeating: true, count: pages)
    var runs: [Range<Int>] = []
    for _ in 0..<4000 {
      if random.below(100) < 55 {
        let count = random.below(10) == 0 ? 1 + random.below(256) : 1 + random.below(24)
        let alignment = 1 << random.below(random.below(4) == 0 ? 9 : 2)
        let found = table.find(count, alignment: alignment)
        let expected = firstFit(isFree, count, alignment)
        expectEqual(found ?? pages, expected ?? pages, "the first page found")
        guard let start = found else { continue }
        let run = start..<(start + count)
        expect(table.isFree(run))
        table.take(run)
        table.length(at: start).pointee.store(UInt16(count), ordering: .relaxed)
        for page in run { isFree[page] = false }
        runs.append(run)
      } else if !runs.isEmpty {
        let run = runs.remove(at: random.below(runs.count))
        table.length(at: run.lowerBound).pointee.store(0, ordering: .relaxed)
        table.giveBack(run)
        for page in run { isFree[page] = true }
      }
      expectEqual(table.longest, longest(isFree), "the longest stretch")
      var free = 0
      for page in isFree where page { free += 1 }
      expectEqual(table.freePages, free, "the free pages")
      expectNoFault(table.fault)
      let start = random.below(pages)
      let end = start + 1 + random.below(pages - start)
      var isAllFree = true
      for page in start..<end where !isFree[page] { isAllFree = false }
      expect(table.isFree(start..<end) == isAllFree)
    }
    expect(!table.isFree((pages - 1)..<(pages + 1)), "a range beyond the SuperSlab is not free")
  }

  private static func find() {
    Fixture.setUp()
    let table = table()
    expectEqual(table.find(pages, alignment: pages) ?? -1, 0, "a whole SuperSlab")
    expect(table.find(pages + 1, alignment: 1) == nil)
    table.take(0..<1)
    expectEqual(table.find(1, alignment: 16) ?? -1, 16, "the first aligned page")
    expectEqual(table.find(pages - 1, alignment: 1) ?? -1, 1, "all the rest")
    expect(table.find(pages - 16, alignment: 16) == 16)
    expect(table.find(pages - 15, alignment: 16) == nil)
    table.take(1..<pages)
    expectEqual(table.longest, 0, "the longest stretch")
    expect(table.find(1, alignment: 1) == nil)
    table.giveBack((pages - 1)..<pages)
    expectEqual(table.find(1, alignment: 1) ?? -1, pages - 1, "the last page")
  }

  private static func dirty() {
    Fixture.setUp()
    var random = Random(11)
    let table = table()
    var isFree = [Bool](repeating: true, count: pages)
    var isDirty = [Bool](repeating: false, count: pages)
    var isLazy = isDirty
    for _ in 0..<1500 {
      let start = random.below(pages)
      let range = start..<(start + 1 + random.below(min(40, pages - start)))
      switch random.below(3) {
      case 0 where table.isFree(range):
        table.take(range)
        for page in range {
          isFree[page] = false
          // What went lazily may hold anything.
          if isLazy[page] { isDirty[page] = true }
          isLazy[page] = false
        }
      case 1:
        var isTaken = true
        for page in range where isFree[page] { isTaken = false }
        guard isTaken else { continue }
        table.giveBack(range)
        for page in range {
          isFree[page] = true
          isDirty[page] = true
        }
      case 2 where table.isFree(range):
        let lazily = random.bool()
        var dirtyBytes: UInt = 0
        for page in range {
          if isDirty[page] { dirtyBytes += 4096 }
          isDirty[page] = false
          isLazy[page] = lazily
        }
        expectEqual(table.markPurged(range, lazily: lazily), dirtyBytes, "the dirty bytes")
      default: continue
      }
      let part = random.below(pages)..<pages
      expectStretches("a dirty page", { page in part.contains(page) && isDirty[page] }) {
        table.forEachDirty(in: part, $0)
      }
      expectStretches("a page to purge lazily", { page in isFree[page] && isDirty[page] }) {
        table.forEachPurgeable(lazily: true, $0)
      }
      expectStretches(
        "a page to purge", { page in isFree[page] && (isDirty[page] || isLazy[page]) }
      ) {
        table.forEachPurgeable(lazily: false, $0)
      }
      var bytes = 0
      for page in 0..<pages where isFree[page] && isDirty[page] { bytes += 4096 }
      expectEqual(table.freeDirtyBytes, bytes, "the free dirty bytes")
    }
  }

  private static func expectStretches(
    _ what: StaticString, _ isExpected: (Int) -> Bool, _ forEach: ((Range<Int>) -> Void) -> Void
  ) {
    var seen = [Bool](repeating: false, count: pages)
    forEach { stretch in
      expect(!stretch.isEmpty)
      for page in stretch {
        expect(!seen[page], "a page comes twice")
        seen[page] = true
      }
    }
    for page in 0..<pages { expect(seen[page] == isExpected(page), what) }
  }

  private static func granules() {
    Fixture.setUp()
    let table = table()
    let superSlab = table.superSlab
    table.take(0..<40)
    table.giveBack(20..<40)
    table.end()
    expectEqual(UInt(superSlab.dirtyGranules), 0b110, "the dirty granules")
    // Granules 1 and 2 are pages 16 to 47.
    table.begin(superSlab)
    expectEqual(table.freeDirtyBytes, 32 * 4096, "the free dirty bytes")
    expectEqual(table.freePages, pages, "the free pages")
    table.markPurged(16..<24, lazily: true)
    table.markPurged(24..<48, lazily: false)
    table.end()
    expectEqual(UInt(superSlab.dirtyGranules), 0, "the dirty granules")
    expectEqual(UInt(superSlab.lazyGranules), 0b10, "the granules that went lazily")
    table.begin(superSlab)
    table.take(20..<60)
    var dirty = 0
    table.forEachDirty(in: 0..<pages) { dirty += $0.count }
    expectEqual(dirty, 12, "the pages in use that may hold anything")
  }

  private static func faults() {
    Fixture.setUp()
    let table = table()
    table.take(4..<8)
    expect(table.fault != nil, "pages that belong to no run")
    table.length(at: 4).pointee.store(4, ordering: .relaxed)
    expectNoFault(table.fault)
    table.length(at: 4).pointee.store(5, ordering: .relaxed)
    expect(table.fault != nil, "a run over a free page")
    table.length(at: 4).pointee.store(3, ordering: .relaxed)
    expect(table.fault != nil, "a run that is too short")
    table.length(at: 4).pointee.store(4, ordering: .relaxed)
    table.length(at: 6).pointee.store(1, ordering: .relaxed)
    expect(table.fault != nil, "a run in a run")
  }
}
