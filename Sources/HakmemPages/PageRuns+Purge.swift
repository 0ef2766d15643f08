import HakmemPlatform

/// Free pages of page runs that go back to the kernel.
extension PageRuns {
  /// Drops free pages of SuperSlabs that got none back for `age` milliseconds.
  package static func purge(age: UInt32, lazily: Bool) {
    let lock = Lock(.pageRuns)
    lock.acquire()
    defer { lock.release() }
    purgeLocked(age: age, lazily: lazily)
  }

  static func purgeLocked(age: UInt32, lazily: Bool) {
    let now = Clock.milliseconds()
    for list in 0..<listCount {
      var address = state.pointee.lists[list]
      while address != 0 {
        let table = RunTable(unsafeAt: address)
        if now &- table.returnedAt >= age, age == 0 || !table.superSlab.isYoungHugePage {
          let dropped = drop(table, lazily: lazily)
          if age > 0 { DirtyMemory.credit.waste(dropped) }
        }
        address = table.next
      }
    }
  }

  /// Drops the free pages of a SuperSlab; returns the bytes of those that were dirty.
  private static func drop(_ table: RunTable, lazily: Bool) -> UInt {
    var bytes: UInt = 0
    table.forEachPurgeable(lazily: lazily) { bytes &+= drop($0, of: table, lazily: lazily) }
    return bytes
  }

  static func drop(_ pages: Range<Int>, of table: RunTable, lazily: Bool) -> UInt {
    let whole = wholeSystemPages(in: pages, of: ProcessFacts.systemPageBytes)
    let start = table.pointer(to: whole.lowerBound)
    guard !whole.isEmpty,
      Purge.release(start, UInt(whole.count) << Constants.pageShift, lazily: lazily)
    else { return 0 }
    return table.markPurged(whole, lazily: lazily)
  }

  /// The part of `pages` that consists of whole pages of the kernel's: it would round the end up,
  /// over pages that are in use.
  package static func wholeSystemPages(in pages: Range<Int>, of systemPageBytes: UInt) -> Range<Int>
  {
    let unit = systemPageBytes >> Constants.pageShift
    let first = Int(UInt(pages.lowerBound).roundedUp(to: unit))
    return first..<max(first, Int(UInt(pages.upperBound).roundedDown(to: unit)))
  }
}
