import HakmemPlatform
import Synchronization

/// Blocks above the size classes, up to 1 MiB: runs of pages in SuperSlabs of their own kind.
///
/// SuperSlabs with free pages stand in lists by the length of their longest free stretch; the
/// tightest list that can serve a request is searched first, so that wide ones stay whole.
package enum PageRuns {
  package static let maximumBytes: UInt = 1 << 20
  static let listCount = 10

  struct State {
    var lists: InlineArray<10, UInt>
    var superSlabs: Int
    var liveBytes: Int
  }
  static var state: UnsafeMutablePointer<State> {
    Memory.pointer(at: PagesStorage.pageRuns)
  }

  package static var liveBytes: Int { state.pointee.liveBytes }

  /// Bytes of the run that serves a request: whole pages, beyond 16 of them in 8 steps a doubling, so
  /// that runs that threads keep serve more requests. What a request leaves over stays untouched.
  @inline(__always)
  package static func byteCount(serving request: UInt) -> UInt {
    let pages = request.roundedUp(to: Constants.pageBytes) >> Constants.pageShift
    guard pages > 16 else { return max(pages, 1) << Constants.pageShift }
    let log = UInt(UInt.bitWidth - 1 - (pages &- 1).leadingZeroBitCount)
    return pages.roundedUp(to: 1 << (log &- 3)) << Constants.pageShift
  }

  /// A run of whole pages for `byteCount`, at a multiple of `alignment` (up to 2 MiB); 0 when
  /// memory is exhausted. The contents are unspecified: see `clear`.
  package static func allocate(_ byteCount: UInt, alignment: UInt = Constants.pageBytes) -> UInt {
    let count = Int(byteCount.roundedUp(to: Constants.pageBytes) >> Constants.pageShift)
    let aligned = Int(max(alignment, Constants.pageBytes) >> Constants.pageShift)
    let lock = Lock(.pageRuns)
    lock.acquire()
    defer { lock.release() }
    let node = Topology.currentNode
    var list = Self.list(forLongest: count)
    while list < listCount {
      var address = state.pointee.lists[list]
      while address != 0 {
        let table = RunTable(unsafeAt: address)
        if table.longest >= count, table.superSlab.node == node,
          let page = table.find(count, alignment: aligned)
        {
          return begin(count, at: page, in: table)
        }
        address = table.next
      }
      list += 1
    }
    guard let table = addSuperSlab(node) else { return 0 }
    return begin(count, at: 0, in: table)
  }

  private static func begin(_ count: Int, at page: Int, in table: RunTable) -> UInt {
    relist(table) { table.take(page..<(page + count)) }
    table.length(at: page).pointee.store(UInt16(count), ordering: .relaxed)
    state.pointee.liveBytes += count << Int(Constants.pageShift)
    checkSometimes(table)
    return table.pointer(to: page)
  }

  /// Returns the run that begins at `pointer`, which the caller holds. `isOutgrown`: its block grew
  /// beyond every run, so its pages go at once, unless as many were wanted again before.
  package static func free(_ pointer: UInt, isOutgrown: Bool = false) {
    guard let table = table(of: pointer) else { return }
    let lock = Lock(.pageRuns)
    lock.acquire()
    defer { lock.release() }
    let page = table.page(of: pointer)
    let count = Int(
      table.length(at: page).pointee.exchange(0, ordering: .relaxed) & ~RunTable.cachedFlag)
    giveBack(
      page..<(page + count), to: table,
      dropping: isOutgrown && DirtyMemory.credit.bytes < count << Int(Constants.pageShift))
  }

  private static func giveBack(
    _ pages: Range<Int>, to table: RunTable, dropping: Bool = false
  ) {
    relist(table) { table.giveBack(pages) }
    if dropping { _ = drop(pages, of: table, lazily: Purge.isLazy) }
    table.returnedAt = Clock.milliseconds()
    state.pointee.liveBytes -= pages.count << Int(Constants.pageShift)
    checkSometimes(table)
    // The last one stays.
    if table.freePages == Int(Constants.pagesPerSuperSlab), state.pointee.superSlabs > 1 {
      retire(table)
    }
    if DirtyMemory.isTooMuch { purgeLocked(age: 0, lazily: Purge.isLazy) }
  }

  /// Bytes of the live run that begins at `pointer`; 0 when none does.
  package static func byteCount(at pointer: UInt) -> UInt {
    guard pointer & (Constants.pageBytes &- 1) == 0, let table = table(of: pointer) else {
      return 0
    }
    let length = table.length(at: table.page(of: pointer)).pointee.load(ordering: .relaxed)
    return length & RunTable.cachedFlag != 0 ? 0 : UInt(length) << Constants.pageShift
  }

  /// Bytes of the run that begins at `pointer` and lies free in a thread's cache; 0 when none does.
  package static func cachedByteCount(at pointer: UInt) -> UInt {
    guard pointer & (Constants.pageBytes &- 1) == 0, let table = table(of: pointer) else {
      return 0
    }
    let length = table.length(at: table.page(of: pointer)).pointee.load(ordering: .relaxed)
    return length & RunTable.cachedFlag == 0
      ? 0 : UInt(length & ~RunTable.cachedFlag) << Constants.pageShift
  }

  /// Marks the live run at `pointer` as free in a cache. Returns its bytes, 0 when no live run begins
  /// there, and the mark's place. Of two threads that free it at once only one succeeds.
  @inline(__always)
  package static func markCached(_ pointer: UInt, record: UInt) -> (byteCount: UInt, mark: UInt) {
    guard pointer & (Constants.pageBytes &- 1) == 0 else { return (0, 0) }
    let table = RunTable(unsafeAt: SuperSlab(unsafeRecord: record).record.pointee.runTable)
    let length = table.length(at: table.page(of: pointer))
    let pages = length.pointee.load(ordering: .relaxed)
    guard pages != 0, pages & RunTable.cachedFlag == 0 else { return (0, 0) }
    // Releases what the program wrote to whoever gets the run next.
    let isOurs = length.pointee.compareExchange(
      expected: pages, desired: pages | RunTable.cachedFlag, ordering: .acquiringAndReleasing
    ).exchanged
    return (isOurs ? UInt(pages) << Constants.pageShift : 0, UInt(bitPattern: length))
  }

  /// Makes the run live again that `markCached` marked.
  @inline(__always)
  package static func clearMark(_ mark: UInt) {
    let length: UnsafeMutablePointer<Atomic<UInt16>> = Memory.pointer(at: mark)
    let pages = length.pointee.load(ordering: .relaxed)
    length.pointee.store(pages & ~RunTable.cachedFlag, ordering: .relaxed)
  }

  /// What a live run's owner noted of it: how many of its bytes are more than was asked for.
  package static func slack(at pointer: UInt) -> UInt {
    guard let table = table(of: pointer) else { return 0 }
    return UInt(table.slack(at: table.page(of: pointer)).pointee)
  }

  package static func setSlack(_ slack: UInt, at pointer: UInt) {
    guard let table = table(of: pointer) else { return }
    table.slack(at: table.page(of: pointer)).pointee = UInt16(slack)
  }

  /// Makes the first `byteCount` bytes, whole pages, of a run that was just allocated read as
  /// zeroes: clears its dirty pages only.
  package static func clear(_ pointer: UInt, _ byteCount: UInt) {
    guard let table = table(of: pointer) else { return }
    let page = table.page(of: pointer)
    let count = Int(byteCount >> Constants.pageShift)
    table.forEachDirty(in: page..<(page + count)) { dirty in
      Zeroing.clear(table.pointer(to: dirty.lowerBound), UInt(dirty.count) << Constants.pageShift)
    }
  }

  /// Makes the live run at `pointer` longer or shorter where it stands. False when the pages behind
  /// it are taken.
  package static func resize(_ pointer: UInt, to byteCount: UInt) -> Bool {
    guard let table = table(of: pointer), byteCount <= maximumBytes else { return false }
    let new = Int(Self.byteCount(serving: byteCount) >> Constants.pageShift)
    let page = table.page(of: pointer)
    let lock = Lock(.pageRuns)
    lock.acquire()
    defer { lock.release() }
    let length = table.length(at: page)
    let old = Int(length.pointee.load(ordering: .relaxed))
    if new > old {
      let added = (page + old)..<(page + new)
      guard table.isFree(added) else { return false }
      relist(table) { table.take(added) }
      state.pointee.liveBytes += added.count << Int(Constants.pageShift)
      length.pointee.store(UInt16(new), ordering: .relaxed)
    } else if new < old {
      length.pointee.store(UInt16(new), ordering: .relaxed)
      giveBack((page + new)..<(page + old), to: table)
    }
    return true
  }

  // MARK: SuperSlabs

  private static func table(of pointer: UInt) -> RunTable? {
    let record = SuperSlabRegistry.record(at: pointer)
    guard SpanKind.of(record: record) == .pageRuns else { return nil }
    return RunTable(unsafeAt: SuperSlab(unsafeRecord: record).record.pointee.runTable)
  }

  private static func addSuperSlab(_ node: UInt) -> RunTable? {
    guard let superSlab = SuperSlabPool.takeEmpty(node: node) else { return nil }
    var address = superSlab.record.pointee.runTable
    if address == 0 {
      address = SuperSlabPool.allocateMetadata(RunTable.byteCount)
      guard address != 0 else {
        SuperSlabPool.putEmpty(superSlab)
        return nil
      }
      superSlab.record.pointee.runTable = address
    }
    let table = RunTable(unsafeAt: address)
    table.begin(superSlab)
    superSlab.begin(.pageRuns)
    SuperSlabPool.trace(superSlab, "holds page runs")
    state.pointee.superSlabs += 1
    DirtyMemory.addInUse(Int(Constants.granulesPerSuperSlab))
    insert(table, into: list(of: table))
    return table
  }

  /// The empty SuperSlabs go to the pool, also the last one, which others want now.
  package static func retireEmpty() {
    let lock = Lock(.pageRuns)
    lock.acquire()
    defer { lock.release() }
    var address = state.pointee.lists[listCount - 1]
    while address != 0 {
      let table = RunTable(unsafeAt: address)
      address = table.next
      if table.freePages == Int(Constants.pagesPerSuperSlab) { retire(table) }
    }
  }

  private static func retire(_ table: RunTable) {
    state.pointee.superSlabs -= 1
    DirtyMemory.addInUse(-Int(Constants.granulesPerSuperSlab))
    remove(table, from: list(of: table))
    table.end()
    SuperSlabPool.putEmpty(table.superSlab)
  }

  // MARK: Lists

  /// The list of tables whose longest free stretch has between 2ⁿ and 2ⁿ⁺¹ - 1 pages.
  static func list(forLongest pages: Int) -> Int {
    Int.bitWidth - 1 - pages.leadingZeroBitCount
  }

  private static func relist(_ table: RunTable, _ change: () -> Void) {
    let old = list(of: table)
    change()
    let new = list(of: table)
    guard new != old else { return }
    if old >= 0 { remove(table, from: old) }
    if new >= 0 { insert(table, into: new) }
  }

  /// The list that a table stands in; -1 for one without free pages.
  private static func list(of table: RunTable) -> Int {
    table.longest == 0 ? -1 : list(forLongest: table.longest)
  }

  private static func insert(_ table: RunTable, into list: Int) {
    let head = state.pointee.lists[list]
    table.next = head
    table.previous = 0
    if head != 0 { RunTable(unsafeAt: head).previous = table.address }
    state.pointee.lists[list] = table.address
  }

  private static func remove(_ table: RunTable, from list: Int) {
    if table.previous != 0 {
      RunTable(unsafeAt: table.previous).next = table.next
    } else {
      state.pointee.lists[list] = table.next
    }
    if table.next != 0 { RunTable(unsafeAt: table.next).previous = table.previous }
  }
}
