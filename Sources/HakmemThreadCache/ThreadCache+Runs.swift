import HakmemPages
import HakmemPlatform

/// Page runs that the thread freed, about in the order of their age, so that medium blocks that come
/// and go do not take the lock each time. An entry is a run's address and, in the bits below a page,
/// its pages; beside it stands where the run is marked as cached.
extension ThreadCache {
  static let maximumRuns = 16

  private var roomForRuns: UInt { maximumMediumBytes &- record.pointee.mediumBytes }

  static func runStart(_ entry: UInt) -> UInt { entry.roundedDown(to: Constants.pageBytes) }
  static func runBytes(_ entry: UInt) -> UInt {
    (entry & (Constants.pageBytes &- 1)) << Constants.pageShift
  }

  /// A kept run of exactly that many bytes; 0 when there is none.
  package func takeRun(_ byteCount: UInt) -> UInt {
    beginChange()
    defer { endChange() }
    let pages = byteCount >> Constants.pageShift
    let newest = Int(record.pointee.runCount) - 1
    var index = newest
    while index >= 0 {
      let entry = record.pointee.runs[index]
      if entry & (Constants.pageBytes &- 1) == pages {
        PageRuns.clearMark(record.pointee.runMarks[index])
        record.pointee.runs[index] = record.pointee.runs[newest]
        record.pointee.runMarks[index] = record.pointee.runMarks[newest]
        record.pointee.runCount = UInt32(newest)
        record.pointee.runBytes &-= byteCount
        return Self.runStart(entry)
      }
      index -= 1
    }
    return 0
  }

  /// Keeps a run that is marked as cached; the oldest ones go when there are too many.
  package func keepRun(_ run: UInt, _ byteCount: UInt, _ mark: UInt) {
    guard byteCount <= roomForRuns else {
      noteRefusal()
      return Self.release(run, byteCount)
    }
    beginChange()
    defer { endChange() }
    if record.pointee.runCount == Self.maximumRuns
      || record.pointee.runBytes &+ byteCount > roomForRuns
    {
      makeRoom(byteCount)
    }
    let place = Int(record.pointee.runCount)
    record.pointee.runs[place] = run | byteCount >> Constants.pageShift
    record.pointee.runMarks[place] = mark
    record.pointee.runCount &+= 1
    record.pointee.runBytes &+= byteCount
  }

  @inline(never)
  private func makeRoom(_ byteCount: UInt) {
    var doomed = record.pointee.runCount == Self.maximumRuns ? Self.maximumRuns / 4 : 0
    var bytes = record.pointee.runBytes &+ byteCount
    for index in 0..<doomed { bytes &-= Self.runBytes(record.pointee.runs[index]) }
    if bytes > roomForRuns { noteRefusal() }
    while bytes > roomForRuns {
      bytes &-= Self.runBytes(record.pointee.runs[doomed])
      doomed += 1
    }
    dropOldestRuns(doomed)
  }

  package func dropRuns() {
    beginChange()
    dropAllRuns()
    endChange()
  }

  /// For who has the cache to himself.
  func dropAllRuns() { dropOldestRuns(Int(record.pointee.runCount)) }

  /// Returns a run that is marked as cached.
  package static func release(_ run: UInt, _ byteCount: UInt) {
    if GuardPage.bytesBehindBlocks > 0 { GuardPage.remove(run, byteCount) }
    PageRuns.free(run)
  }

  private func dropOldestRuns(_ count: Int) {
    guard count > 0 else { return }
    for index in 0..<count {
      let entry = record.pointee.runs[index]
      record.pointee.runBytes &-= Self.runBytes(entry)
      Self.release(Self.runStart(entry), Self.runBytes(entry))
    }
    let left = Int(record.pointee.runCount) - count
    for index in 0..<left {
      record.pointee.runs[index] = record.pointee.runs[index + count]
      record.pointee.runMarks[index] = record.pointee.runMarks[index + count]
    }
    record.pointee.runCount = UInt32(left)
  }
}
