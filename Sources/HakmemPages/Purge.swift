import CHakmemShims
import HakmemPlatform
import Synchronization

/// Giving pages back to the kernel.
package enum Purge {
  /// Drops the pages of a range; it reads as zeroes from then on.
  static func release(_ start: UInt, _ byteCount: UInt) {
    guard SystemCalls.advise(start, byteCount, .dontNeed) else { return }
    let counters = PageCounters.shared
    counters.pointee.purges.wrappingAdd(1, ordering: .relaxed)
    counters.pointee.purgedBytes.wrappingAdd(Int(byteCount), ordering: .relaxed)
  }

  /// Drops the pages of an empty SuperSlab that the caller owns.
  static func release(_ superSlab: SuperSlab) {
    guard superSlab.dirtyGranules != 0 else { return }
    release(superSlab.start, Constants.superSlabBytes)
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
    SuperSlabPool.forEachAvailable { superSlab in
      if now &- superSlab.record.pointee.returnedAt.load(ordering: .relaxed) >= age {
        releaseGranules(of: superSlab)
      }
      return true
    }
    PageRuns.purge(age: age)
    LargeRegions.purge(age: age)
  }

  /// Drops the free dirty granules of a SuperSlab that the caller holds, in runs.
  private static func releaseGranules(of superSlab: SuperSlab) {
    var mask = superSlab.freeGranules & superSlab.dirtyGranules
    superSlab.record.pointee.dirtyGranules.bitwiseAnd(~mask, ordering: .relaxed)
    while mask != 0 {
      let first = mask.trailingZeroBitCount
      let length = (~(mask >> UInt32(first))).trailingZeroBitCount
      release(
        superSlab.start &+ UInt(first) << Constants.granuleShift,
        UInt(length) << Constants.granuleShift)
      mask &= length == 32 ? 0 : ~(((1 << UInt32(length)) &- 1) << UInt32(first))
    }
  }
}

/// How memory gets its pages before it is used.
package enum Prefault: UInt {
  case off = 0
  case populate = 1
  case touch = 2

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
      byte.pointee.bitwiseOr(0, ordering: .relaxed)
      offset &+= ProcessFacts.systemPageBytes
    }
  }
}
