import HakmemPlatform
import Synchronization

/// What lies in the SuperSlabs of page runs, for who looks at the heap.
extension PageRuns {
  /// Calls `body` for each run of a SuperSlab of kind `pageRuns`: start, bytes, live or cached.
  package static func forEachRun(in superSlab: SuperSlab, _ body: (UInt, UInt, Bool) -> Void) {
    let address = superSlab.record.pointee.runTable
    guard address != 0 else { return }
    let table = RunTable(unsafeAt: address)
    for page in 0..<Int(Constants.pagesPerSuperSlab) {
      let length = table.length(at: page).pointee.load(ordering: .relaxed)
      guard length != 0 else { continue }
      body(
        table.pointer(to: page), UInt(length & ~RunTable.cachedFlag) << Constants.pageShift,
        length & RunTable.cachedFlag == 0)
    }
  }

  /// What pages of a SuperSlab of this kind are used for.
  package enum Use { case live, cached, freeUsed, freeClean }

  /// Calls `body` for each run and each stretch of free pages: start, bytes, use.
  package static func forEachStretch(in superSlab: SuperSlab, _ body: (UInt, UInt, Use) -> Void) {
    guard superSlab.record.pointee.runTable != 0 else { return }
    let table = RunTable(unsafeAt: superSlab.record.pointee.runTable)
    let pages = Int(Constants.pagesPerSuperSlab)
    var page = 0
    while page < pages {
      let length = table.length(at: page).pointee.load(ordering: .relaxed)
      let use: Use
      var end = page + 1
      if length != 0 {
        use = length & RunTable.cachedFlag == 0 ? .live : .cached
        end = min(page + Int(length & ~RunTable.cachedFlag), pages)
      } else {
        let isDirty = table.isDirty(page)
        use = isDirty ? .freeUsed : .freeClean
        while end < pages, table.isDirty(end) == isDirty,
          table.length(at: end).pointee.load(ordering: .relaxed) == 0
        { end += 1 }
      }
      body(table.pointer(to: page), UInt(end - page) << Constants.pageShift, use)
      page = max(end, page + 1)
    }
  }
}
