import CHakmemShims
import HakmemPlatform
import Synchronization

/// Giving pages back to the kernel.
package enum Purge {
  /// Drops the pages of a range; it reads as zeroes from then on. False when the kernel refuses, as
  /// it does for memory that the program locked: then the contents stay.
  package static func release(_ start: UInt, _ byteCount: UInt) -> Bool {
    guard SystemCalls.advise(start, byteCount, .dontNeed) else { return false }
    MapLog.note(.purged, start, byteCount)
    let counters = PageCounters.shared
    counters.pointee.purges.wrappingAdd(1, ordering: .relaxed)
    counters.pointee.purgedBytes.wrappingAdd(Int(byteCount), ordering: .relaxed)
    return true
  }

  /// Drops the pages of an empty SuperSlab that the caller owns.
  static func release(_ superSlab: SuperSlab) {
    guard superSlab.dirtyGranules != 0,
      release(superSlab.start, Constants.superSlabBytes)
    else { return }
    superSlab.record.pointee.dirtyGranules.store(0, ordering: .relaxed)
    if superSlab.record.pointee.runTable != 0 {
      RunTable(unsafeAt: superSlab.record.pointee.runTable).forgetDirty()
    }
  }

  /// Drops free pages that were returned at least `age` milliseconds ago.
  package static func run(age: UInt32) {
    SuperSlabPool.purgeWarm(age: age)
    if age == 0 { SuperSlabPool.purgePrewarmed() }
    let now = Clock.milliseconds()
    SuperSlabPool.forEachAvailable {
      $0.freeGranules & $0.dirtyGranules != 0
        && now &- $0.record.pointee.returnedAt.load(ordering: .relaxed) >= age
    } _: {
      releaseGranules(of: $0)
    }
    PageRuns.purge(age: age)
    LargeRegions.purge(age: age)
  }

  /// Drops the free dirty granules of a SuperSlab that the caller holds, in runs.
  private static func releaseGranules(of superSlab: SuperSlab) {
    var mask = superSlab.freeGranules & superSlab.dirtyGranules
    while mask != 0 {
      let first = mask.trailingZeroBitCount
      let length = (~(mask >> UInt32(first))).trailingZeroBitCount
      let run = (UInt32.max >> UInt32(32 - length)) << UInt32(first)
      let isReleased = release(
        superSlab.start &+ UInt(first) << Constants.granuleShift,
        UInt(length) << Constants.granuleShift)
      if isReleased {
        superSlab.record.pointee.dirtyGranules.bitwiseAnd(~run, ordering: .relaxed)
      }
      mask &= ~run
    }
  }
}

/// How memory that reads as zeroes gets its pages before it is used.
package enum Prefault: UInt {
  case off = 0
  case populate = 1
  case touch = 2

  /// Makes the pages of a range present with one system call, ahead of their use. False when the
  /// kernel does not; one that refused is not asked again.
  package static func ahead(_ start: UInt, _ byteCount: UInt) -> Bool {
    guard Option.prefault.value == Prefault.populate.rawValue, !isAheadRefused,
      ProcessFacts.systemPageBytes == Constants.pageBytes
    else { return false }
    let isDone = SystemCalls.advise(start, byteCount, .populateWrite)
    if !isDone { isAheadRefused = true }
    return isDone
  }

  private static var isAheadRefused: Bool {
    get { Memory.loadWord(at: PagesStorage.aheadRefused) != 0 }
    set { Memory.storeWord(newValue ? 1 : 0, at: PagesStorage.aheadRefused) }
  }

  package func apply(_ start: UInt, _ byteCount: UInt) {
    switch self {
    case .off: return
    case .populate:
      // Linux 5.14; touching where it is missing.
      if SystemCalls.advise(start, byteCount, .populateWrite) { return }
    case .touch: break
    }
    var offset: UInt = 0
    while offset < byteCount {
      let byte: UnsafeMutablePointer<Atomic<UInt8>> = Memory.pointer(at: start &+ offset)
      // A store: the compiler drops an operation that leaves the value as it is.
      byte.pointee.store(0, ordering: .relaxed)
      offset &+= ProcessFacts.systemPageBytes
    }
  }
}
