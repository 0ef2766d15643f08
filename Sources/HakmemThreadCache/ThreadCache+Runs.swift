import HakmemPages
import HakmemPlatform

/// A few page runs that the thread freed, newest last, so that medium blocks that come and go do
/// not take the lock each time.
extension ThreadCache {
  private static let maximumRuns = 8

  /// Bytes of runs that a thread keeps: what it may cache of eight size classes.
  private static var maximumRunBytes: UInt { Option.cacheBytes.value << 13 }

  /// A kept run of exactly that many bytes; 0 when there is none.
  package func takeRun(_ byteCount: UInt) -> UInt {
    var index = Int(record.pointee.runCount) - 1
    while index >= 0 {
      let run = record.pointee.runs[index]
      if PageRuns.cachedByteCount(at: run) == byteCount {
        removeRun(index, byteCount)
        return PageRuns.setCached(run, false) ? run : 0
      }
      index -= 1
    }
    return 0
  }

  /// Keeps a run that is marked as cached; the oldest ones go when there are too many.
  package func keepRun(_ run: UInt, _ byteCount: UInt) {
    guard byteCount <= Self.maximumRunBytes else { return PageRuns.free(run) }
    while record.pointee.runCount == Self.maximumRuns
      || record.pointee.runBytes &+ byteCount > Self.maximumRunBytes
    {
      dropOldestRun()
    }
    record.pointee.runs[Int(record.pointee.runCount)] = run
    record.pointee.runCount &+= 1
    record.pointee.runBytes &+= byteCount
  }

  package func dropRuns() {
    while record.pointee.runCount > 0 { dropOldestRun() }
    // Also after a fork in the midst of a change.
    record.pointee.runBytes = 0
  }

  private func dropOldestRun() {
    let run = record.pointee.runs[0]
    removeRun(0, PageRuns.cachedByteCount(at: run))
    PageRuns.free(run)
  }

  private func removeRun(_ index: Int, _ byteCount: UInt) {
    var next = index + 1
    while next < Int(record.pointee.runCount) {
      record.pointee.runs[next - 1] = record.pointee.runs[next]
      next += 1
    }
    record.pointee.runCount &-= 1
    record.pointee.runBytes &-= byteCount
  }
}
