import HakmemPlatform
import Synchronization

/// Mappings for large regions made ahead, several with one call, while a program takes one after the
/// other: what the kernel does for a mapping of its own is a third of what such a block costs.
///
/// A region that lies in one has its gap mapped too: it grows into it without a call, and what runs
/// over its end by less than 2 MiB does not fault.
extension AddressSpace {
  private static let quickMilliseconds: UInt32 = 10
  private static let leastPace: UInt32 = 4
  private static let mostRegions: UInt32 = 32
  private static let mostBytes: UInt = 1 << 30
  private static let largestRegion: UInt = 64 << 20

  /// Notes that a large region is wanted. True when it is one of many that follow one another.
  static func noteLarge(_ byteCount: UInt) -> Bool {
    let lock = Lock(.addressSpace)
    lock.acquire()
    defer { lock.release() }
    let now = Clock.milliseconds()
    let isQuick = now &- state.pointee.lastLargeAt <= quickMilliseconds
    state.pointee.lastLargeAt = now
    let pace = isQuick ? min(state.pointee.largePace + 1, mostRegions) : 0
    state.pointee.largePace = pace
    return pace >= leastPace && byteCount <= largestRegion
  }

  /// A place for a large region and its gap in what is mapped ahead; nil when its mapping should be
  /// one of its own.
  static func takeAhead(
    _ byteCount: UInt
  ) -> (start: UInt, mappedBytes: UInt, mapping: UInt)? {
    let lock = Lock(.addressSpace)
    lock.acquire()
    defer { lock.release() }
    let unit = Constants.superSlabBytes
    let bytes = byteCount.roundedUp(to: unit) &+ unit
    if ahead.count < bytes {
      dropAheadLocked()
      guard mapAhead(min(UInt(state.pointee.largePace) &* bytes, mostBytes)) else { return nil }
    }
    let start = state.pointee.aheadStart
    state.pointee.aheadStart = start &+ bytes
    return (start, bytes, state.pointee.aheadEnd)
  }

  /// Gives back what is mapped ahead and in nobody's hands, unless a region was taken in the last `age`
  /// milliseconds.
  package static func dropAhead(age: UInt32) {
    let lock = Lock(.addressSpace)
    lock.acquire()
    defer { lock.release() }
    if Clock.milliseconds() &- state.pointee.lastLargeAt >= age { dropAheadLocked() }
  }

  private static var ahead: Range<UInt> { state.pointee.aheadStart..<state.pointee.aheadEnd }

  private static func mapAhead(_ byteCount: UInt) -> Bool {
    guard areMappingsEmpty,
      let start = mapAmongLargeLocked(byteCount, alignment: Constants.superSlabBytes, gap: 0)
    else { return false }
    PageCounters.shared.pointee.maps.wrappingAdd(1, ordering: .relaxed)
    SystemCalls.nameMapping(start, byteCount, "hakmem large")
    state.pointee.aheadStart = start
    state.pointee.aheadEnd = start &+ byteCount
    return true
  }

  /// Whether a new mapping has no pages before it is used: after mlockall(2) with MCL_FUTURE it has all.
  private static var areMappingsEmpty: Bool {
    let page = ProcessFacts.systemPageBytes
    guard let probe = SystemCalls.map(byteCount: page, protection: .readWrite) else { return false }
    defer { SystemCalls.unmap(probe, page) }
    // Which the kernel refuses for locked pages.
    return SystemCalls.advise(probe, page, .dontNeed)
  }

  private static func dropAheadLocked() {
    guard !ahead.isEmpty else { return }
    SystemCalls.unmap(ahead.lowerBound, UInt(ahead.count))
    state.pointee.aheadStart = state.pointee.aheadEnd
  }
}
