import CHakmemShims
import HakmemPlatform
import Synchronization

/// Address space for SuperSlabs and large regions.
///
/// SuperSlabs lie one behind the other and are mapped in steps, so that a heap of many gigabytes has
/// few mappings. Nothing is mapped and trimmed after it was populated.
package enum AddressSpace {
  struct State {
    /// Of SuperSlabs; what is mapped and in nobody's hands ends at `mappedEnd`.
    var next: UInt
    var mappedEnd: UInt
    var largeNext: UInt
    /// Mapped ahead for large regions.
    var aheadStart: UInt
    var aheadEnd: UInt
    var lastLargeAt: UInt32
    /// Large mappings that came in quick succession, up to the last one.
    var largePace: UInt32
  }

  private static let largestStep: UInt = 32 << 20

  static var state: UnsafeMutablePointer<State> {
    Memory.pointer(at: PagesStorage.addressSpace)
  }

  /// A SuperSlab's worth of zero memory, aligned to its size; 0 when exhausted. `isHuge`: it is a huge
  /// page of the kernel's pool.
  package static func takeSuperSlab(isHuge: UnsafeMutablePointer<Bool>? = nil) -> UInt {
    let lock = Lock(.addressSpace)
    lock.acquire()
    defer { lock.release() }
    if state.pointee.next == state.pointee.mappedEnd, !mapMore() { return 0 }
    let start = state.pointee.next
    guard ClassMap.makeWritable(for: start) else { return 0 }
    state.pointee.next = start &+ Constants.superSlabBytes
    if let isHuge {
      switch putHugePage(at: start) {
      case .put: isHuge.pointee = true
      case .unavailable: isHuge.pointee = false
      case .gone: return 0
      }
    }
    PageCounters.shared.pointee.mappedBytes.wrappingAdd(
      Int(Constants.superSlabBytes), ordering: .relaxed)
    return start
  }

  /// Maps the next SuperSlab and, in steps that grow with what there is, some behind it.
  private static func mapMore() -> Bool {
    let superSlab = Constants.superSlabBytes
    let mapped = max(state.pointee.mappedEnd, OwnAddresses.superSlabs) &- OwnAddresses.superSlabs
    let step = max(superSlab, min(mapped / 4, largestStep).roundedUp(to: superSlab))
    return mapMore(step) || step > superSlab && mapMore(superSlab)
  }

  /// Maps so many bytes behind the last SuperSlab, past what lies in the way.
  private static func mapMore(_ byteCount: UInt) -> Bool {
    let isFirst = state.pointee.mappedEnd == 0
    var start = max(state.pointee.mappedEnd, OwnAddresses.superSlabs)
    var step = Constants.superSlabBytes
    for _ in 0..<mostSteps {
      switch SystemCalls.mapNew(at: start, byteCount: byteCount, protection: .readWrite) {
      case .mapped:
        prepare(start, byteCount, isFirst: isFirst)
        state.pointee.next = start
        state.pointee.mappedEnd = start &+ byteCount
        return true
      case .occupied: start &+= step
      case .refused: return false
      }
      step &*= 2
    }
    return false
  }

  /// What became of memory for which a huge page was wanted: it lies there, what was there does, or
  /// nothing at all.
  private enum HugePagePlacement { case put, unavailable, gone }

  /// With HAKMEM_HUGETLB puts a huge page of the kernel's pool at `start`, where nothing was written.
  private static func putHugePage(at start: UInt) -> HugePagePlacement {
    let superSlab = Constants.superSlabBytes
    guard Option.hugeTLB.isOn, let page = SystemCalls.mapHuge(byteCount: superSlab) else {
      return .unavailable
    }
    if SystemCalls.moveMapping(from: page, superSlab, to: start, superSlab) {
      PageCounters.shared.pointee.maps.wrappingAdd(1, ordering: .relaxed)
      return .put
    }
    SystemCalls.unmap(page, superSlab)
    // Linux before 5.16 moves no such page, and unmaps what lies at the goal before it says so.
    guard SystemCalls.remapFixed(at: start, byteCount: superSlab, protection: .readWrite) else {
      return .gone
    }
    prepare(start, superSlab, isFirst: false)
    return .unavailable
  }

  /// Names fresh memory and keeps huge pages from swelling a small heap. The first is kept from them
  /// unasked: to read what the kernel does by itself costs a small process ten times as much.
  private static func prepare(_ start: UInt, _ byteCount: UInt, isFirst: Bool) {
    if HugePages.current == .on {
      SystemCalls.advise(start, byteCount, .hugePage)
    } else if isFirst && HugePages.current == .off || ProcessFacts.hugePagesAlways {
      SystemCalls.advise(start, byteCount, .noHugePage)
    }
    SystemCalls.nameMapping(start, byteCount, "hakmem blocks")
    PageCounters.shared.pointee.maps.wrappingAdd(1, ordering: .relaxed)
  }

  /// Maps a large region. One system call unless something lies in the way.
  package static func mapLarge(_ byteCount: UInt, alignment: UInt) -> UInt? {
    let unit = max(alignment, Constants.superSlabBytes)
    return mapAmongLarge(byteCount, alignment: unit, gap: 0)
      ?? mapElsewhere(byteCount, alignment: unit)
  }

  /// Maps where the kernel finds room, for what the place of large regions has none; what alignment
  /// costs is unmapped at once, before any page exists.
  private static func mapElsewhere(_ byteCount: UInt, alignment: UInt) -> UInt? {
    let (total, overflow) = byteCount.addingReportingOverflow(alignment)
    guard !overflow, let raw = SystemCalls.map(byteCount: total, protection: .readWrite) else {
      return nil
    }
    let start = raw.roundedUp(to: alignment)
    if start > raw { SystemCalls.unmap(raw, start &- raw) }
    let tail = raw &+ total &- (start &+ byteCount)
    if tail > 0 { SystemCalls.unmap(start &+ byteCount, tail) }
    return start
  }

  /// As `mapLarge`, but only at the place of large regions, where nobody else maps. `gap` bytes behind
  /// it stay free where that is possible, for growth in place.
  package static func mapAmongLarge(_ byteCount: UInt, alignment: UInt, gap: UInt) -> UInt? {
    PageCounters.shared.pointee.maps.wrappingAdd(1, ordering: .relaxed)
    let lock = Lock(.addressSpace)
    lock.acquire()
    defer { lock.release() }
    return mapAmongLargeLocked(byteCount, alignment: alignment, gap: gap)
  }

  /// A place for a mapping that moves there, where RLIMIT_AS forbids to map all of it beforehand:
  /// mapping it piece by piece shows that nothing lies there, and nobody else maps there. A piece must
  /// be available. Nil when no place is found.
  package static func vacantPlace(_ byteCount: UInt, in piece: UInt) -> UInt? {
    let lock = Lock(.addressSpace)
    lock.acquire()
    defer { lock.release() }
    let large = OwnAddresses.large
    let start = max(state.pointee.largeNext, large.lowerBound).roundedUp(
      to: Constants.superSlabBytes)
    guard start < large.upperBound, byteCount <= large.upperBound &- start else { return nil }
    var offset: UInt = 0
    while offset < byteCount {
      let length = min(piece, byteCount &- offset)
      guard
        SystemCalls.mapNew(at: start &+ offset, byteCount: length, protection: .none) == .mapped
      else { return nil }
      SystemCalls.unmap(start &+ offset, length)
      offset &+= length
    }
    state.pointee.largeNext = start &+ byteCount &+ Constants.superSlabBytes
    return start
  }

  /// Maps at the next address, past `gap` more bytes the next time. What lies in the way is stepped
  /// over, a few times.
  static func mapAmongLargeLocked(_ byteCount: UInt, alignment: UInt, gap: UInt) -> UInt? {
    let large = OwnAddresses.large
    let first = large.lowerBound.roundedUp(to: alignment)
    guard first < large.upperBound, byteCount <= large.upperBound &- first else { return nil }
    var step = Constants.superSlabBytes
    for _ in 0..<mostSteps {
      var start = max(state.pointee.largeNext, first).roundedUp(to: alignment)
      if start > large.upperBound &- byteCount { start = first }
      switch SystemCalls.mapNew(at: start, byteCount: byteCount, protection: .readWrite) {
      case .mapped:
        state.pointee.largeNext = start &+ byteCount &+ max(gap, Constants.superSlabBytes)
        return start
      case .occupied: state.pointee.largeNext = start &+ step
      case .refused: return nil
      }
      step &*= 2
    }
    return nil
  }

  private static let mostSteps = 24
}
