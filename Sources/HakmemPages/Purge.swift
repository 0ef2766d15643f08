import CHakmemShims
import HakmemPlatform
import Synchronization

/// Giving pages back to the kernel.
package enum Purge {
  /// Whether pages go when the kernel is short of memory (HAKMEM_PURGE=free): until then they hold what
  /// they held.
  package static var isLazy: Bool { Option.purge.isOn }

  static func advice(lazily: Bool) -> SystemCalls.Advice { lazily ? .free : .dontNeed }

  /// Drops the pages of a range; unless `lazily` it reads as zeroes from then on. False when the kernel
  /// refuses, as it does for memory that the program locked: then the contents stay.
  package static func release(_ start: UInt, _ byteCount: UInt, lazily: Bool = false) -> Bool {
    guard !isHugePage(at: start), SystemCalls.advise(start, byteCount, advice(lazily: lazily))
    else {
      return false
    }
    note(start, byteCount)
    return true
  }

  /// Whether a huge page of the pool lies there: asked to drop a part of one, the kernel may drop
  /// nothing and call that success.
  static func isHugePage(at start: UInt) -> Bool {
    Option.hugeTLB.isOn && SuperSlab.around(start)?.record.pointee.isHugePage == true
  }

  static func note(_ start: UInt, _ byteCount: UInt) {
    MapLog.note(.purged, start, byteCount)
    Events.recordPurge(of: byteCount)
    let counters = PageCounters.shared
    counters.pointee.purges.wrappingAdd(1, ordering: .relaxed)
    counters.pointee.purgedBytes.wrappingAdd(Int(byteCount), ordering: .relaxed)
  }

  /// Drops the pages of an empty SuperSlab that the caller owns; returns the bytes of its dirty
  /// granules.
  static func release(_ superSlab: SuperSlab, lazily: Bool) -> UInt {
    let dirty = superSlab.dirtyGranules
    let lazy = lazily ? 0 : superSlab.lazyGranules
    guard dirty | lazy != 0 || superSlab.isCollapsed,
      release(superSlab.start, Constants.superSlabBytes, lazily: lazily)
    else { return 0 }
    superSlab.notePurged(dirty | lazy, lazily: lazily)
    return UInt(dirty.nonzeroBitCount) << Constants.granuleShift
  }

  /// Drops free pages that were returned at least `age` milliseconds ago.
  package static func run(age: UInt32) {
    SuperSlabPool.purgeWarm(age: age)
    if age == 0 {
      SuperSlabPool.purgePrewarmed()
      SuperSlabPool.purgeLazy()
    }
    SuperSlabPool.purgeGranules(age: age, lazily: isLazy && age > 0)
    PageRuns.purge(age: age, lazily: isLazy && age > 0)
    LargeRegions.purge(age: age)
  }

  /// Drops the free dirty granules of a SuperSlab that the caller holds, in runs; returns their bytes.
  static func releaseGranules(of superSlab: SuperSlab, lazily: Bool) -> UInt {
    var mask =
      superSlab.freeGranules
      & (lazily ? superSlab.dirtyGranules : superSlab.dirtyGranules | superSlab.lazyGranules)
    var released: UInt32 = 0
    while mask != 0 {
      let first = mask.trailingZeroBitCount
      let length = (~(mask >> UInt32(first))).trailingZeroBitCount
      let run = (UInt32.max >> UInt32(32 - length)) << UInt32(first)
      let isReleased = release(
        superSlab.start &+ UInt(first) << Constants.granuleShift,
        UInt(length) << Constants.granuleShift, lazily: lazily)
      if isReleased { released |= run }
      mask &= ~run
    }
    superSlab.notePurged(released, lazily: lazily)
    return UInt(released.nonzeroBitCount) << Constants.granuleShift
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
    guard Option.prefault.value == Prefault.populate.rawValue,
      aheadRefused.pointee.load(ordering: .relaxed) == 0,
      ProcessFacts.systemPageBytes == Constants.pageBytes
    else { return false }
    let isDone = Populate.fill(start, byteCount)
    if !isDone { aheadRefused.pointee.store(1, ordering: .relaxed) }
    return isDone
  }

  private static var aheadRefused: UnsafeMutablePointer<Atomic<UInt>> {
    Memory.pointer(at: PagesStorage.aheadRefused)
  }

  package func apply(_ start: UInt, _ byteCount: UInt) {
    switch self {
    case .off: return
    case .populate:
      // Linux 5.14; touching where it is missing.
      if Populate.fill(start, byteCount) { return }
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
