import HakmemPlatform
import Synchronization

extension RunTable {
  /// What contradicts the table's equations; nil when nothing does. For a caller that holds the lock
  /// `pageRuns`, between changes.
  package var fault: StaticString? {
    let pages = Int(Constants.pagesPerSuperSlab)
    var page = 0
    var freePages = 0
    var stretch = 0
    var longest = 0
    while page < pages {
      let length = Int(length(at: page).pointee.load(ordering: .relaxed) & ~Self.cachedFlag)
      if isFree(page..<(page + 1)) {
        if length != 0 { return "a run begins at a free page" }
        freePages += 1
        stretch += 1
        longest = max(longest, stretch)
        page += 1
        continue
      }
      stretch = 0
      if length == 0 { return "a page that is not free belongs to no run" }
      if page + length > pages { return "a run leaves its SuperSlab" }
      for inner in (page + 1)..<(page + length) {
        if isFree(inner..<(inner + 1)) { return "a page of a run is free" }
        if self.length(at: inner).pointee.load(ordering: .relaxed) != 0 {
          return "a run begins in another"
        }
      }
      page += length
    }
    if let fault = faultOfMaps { return fault }
    if freePages != self.freePages { return "the count of free pages is wrong" }
    return longest == self.longest ? nil : "the longest free stretch is wrong"
  }
}

extension PageRuns {
  /// What contradicts the lists of SuperSlabs; nil when nothing does. Takes no lock.
  package static var fault: StaticString? {
    for list in 0..<listCount {
      var previous: UInt = 0
      var address = state.pointee.lists[list]
      while address != 0 {
        let table = RunTable(unsafeAt: address)
        if table.previous != previous { return "a link between run tables is wrong" }
        if table.longest == 0 || Self.list(forLongest: table.longest) != list {
          return "a run table stands in the wrong list"
        }
        if table.superSlab.kind != .pageRuns { return "a listed SuperSlab holds no page runs" }
        if let fault = table.fault { return fault }
        previous = address
        address = table.next
      }
    }
    return nil
  }

  /// In debug builds, the one table that changed, now and then.
  static func checkSometimes(_ table: RunTable) {
    let pagesBetweenChecks = 16
    if table.freePages % pagesBetweenChecks == 0 { check(table.fault) }
  }
}
