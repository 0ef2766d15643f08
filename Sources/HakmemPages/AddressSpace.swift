import CHakmemShims
import HakmemPlatform
import Synchronization

/// Address space for SuperSlabs and large regions.
///
/// SuperSlabs come from arenas: long reservations that become writable step by step, so that a
/// heap of many gigabytes has few mappings. Nothing is mapped and trimmed after it was populated.
package enum AddressSpace {
  struct State {
    var next: UInt
    var end: UInt
    var committed: UInt
    var reservedTotal: UInt
    var windowNext: UInt
    /// Mapped ahead for large regions.
    var aheadStart: UInt
    var aheadEnd: UInt
    var lastLargeAt: UInt32
    /// Large mappings that came in quick succession, up to the last one.
    var largePace: UInt32
  }

  private static let smallestArena: UInt = 32 << 20
  private static let largestArena: UInt = 1 << 30
  private static let largestCommitStep: UInt = 32 << 20

  static var state: UnsafeMutablePointer<State> {
    Memory.pointer(at: PagesStorage.addressSpace)
  }

  /// A SuperSlab's worth of zero memory, aligned to its size; 0 when exhausted. `isHuge`: it is a huge
  /// page of the kernel's pool.
  package static func takeSuperSlab(isHuge: UnsafeMutablePointer<Bool>? = nil) -> UInt {
    let lock = Lock(.reservation)
    lock.acquire()
    defer { lock.release() }
    let superSlab = Constants.superSlabBytes
    if state.pointee.next &+ superSlab > state.pointee.end, !reserveArena() { return 0 }
    let start = state.pointee.next
    guard ClassMap.makeWritable(for: start) else { return 0 }
    if let isHuge, commitHugePage(at: start) {
      isHuge.pointee = true
    } else if !commit(upTo: start &+ superSlab) {
      return 0
    }
    state.pointee.next = start &+ superSlab
    PageCounters.shared.pointee.mappedBytes.wrappingAdd(Int(superSlab), ordering: .relaxed)
    return start
  }

  private static func reserveArena() -> Bool {
    let superSlab = Constants.superSlabBytes
    var byteCount = min(
      max(smallestArena, state.pointee.reservedTotal / 2).roundedUp(to: superSlab), largestArena)
    if ProcessFacts.addressSpaceLimit != .max {
      byteCount = min(byteCount, (ProcessFacts.addressSpaceLimit / 64).roundedUp(to: superSlab))
    }
    while byteCount >= superSlab {
      if let start = mapAligned(byteCount, alignment: superSlab, protection: .none) {
        state.pointee.next = start
        state.pointee.end = start &+ byteCount
        state.pointee.committed = start
        state.pointee.reservedTotal &+= byteCount
        return true
      }
      byteCount = (byteCount / 2).roundedDown(to: superSlab)
    }
    return false
  }

  /// Makes the arena writable up to `end`, in steps that grow with it.
  private static func commit(upTo end: UInt) -> Bool {
    let committed = state.pointee.committed
    if end <= committed { return true }
    let grown = (state.pointee.reservedTotal &- (state.pointee.end &- committed)) / 4
    let step =
      Option.hugeTLB.isOn
      ? 0 : min(grown, largestCommitStep).roundedUp(to: Constants.superSlabBytes)
    let target = min(max(end, committed &+ step), state.pointee.end)
    return commit(exactly: target) || commit(exactly: end)
  }

  /// With HAKMEM_HUGETLB puts a huge page of the kernel's pool at `start`. False, and nothing has
  /// changed, when the pool is empty.
  private static func commitHugePage(at start: UInt) -> Bool {
    let superSlab = Constants.superSlabBytes
    guard Option.hugeTLB.isOn, start == state.pointee.committed,
      let page = SystemCalls.mapHuge(byteCount: superSlab)
    else { return false }
    guard SystemCalls.moveMapping(from: page, superSlab, to: start, superSlab) else {
      SystemCalls.unmap(page, superSlab)
      return false
    }
    state.pointee.committed = start &+ superSlab
    PageCounters.shared.pointee.maps.wrappingAdd(1, ordering: .relaxed)
    return true
  }

  private static func commit(exactly end: UInt) -> Bool {
    let start = state.pointee.committed
    guard SystemCalls.protect(start, end &- start, .readWrite) else { return false }
    prepare(start, end &- start)
    state.pointee.committed = end
    return true
  }

  /// Names fresh memory and keeps huge pages from swelling a small heap.
  private static func prepare(_ start: UInt, _ byteCount: UInt) {
    if HugePages.current == .on {
      SystemCalls.advise(start, byteCount, .hugePage)
    } else if isFirst(start) && HugePages.current == .off || ProcessFacts.hugePagesAlways {
      SystemCalls.advise(start, byteCount, .noHugePage)
    }
    SystemCalls.nameMapping(start, byteCount, "hakmem blocks")
    PageCounters.shared.pointee.maps.wrappingAdd(1, ordering: .relaxed)
  }

  /// Whether memory for blocks begins here. It is kept from huge pages unasked: to read what the
  /// kernel does by itself costs a small process ten times as much.
  private static func isFirst(_ start: UInt) -> Bool {
    start == state.pointee.end &- state.pointee.reservedTotal
  }

  /// Maps aligned memory; what alignment costs is unmapped at once, before any page exists.
  private static func mapAligned(
    _ byteCount: UInt, alignment: UInt, protection: SystemCalls.Protection
  ) -> UInt? {
    guard ClassMap.isFull else {
      return mapInWindow(byteCount, alignment: alignment, gap: 0, protection: protection)
    }
    let (total, overflow) = byteCount.addingReportingOverflow(alignment)
    guard !overflow, let raw = SystemCalls.map(byteCount: total, protection: protection) else {
      return nil
    }
    let start = raw.roundedUp(to: alignment)
    if start > raw { SystemCalls.unmap(raw, start &- raw) }
    let tail = raw &+ total &- (start &+ byteCount)
    if tail > 0 { SystemCalls.unmap(start &+ byteCount, tail) }
    return start
  }

  /// Maps a large region. One system call unless something lies in the way.
  package static func mapLarge(_ byteCount: UInt, alignment: UInt) -> UInt? {
    let unit = max(alignment, Constants.superSlabBytes)
    let start = mapInOwnWindow(byteCount, alignment: unit, gap: 0)
    if start != nil || !ClassMap.isFull { return start }
    return mapAligned(byteCount, alignment: unit, protection: .readWrite)
  }

  /// As `mapLarge`, but only in the window, where nobody else maps. `gap` bytes behind it stay free
  /// where that is possible, for growth in place.
  package static func mapInOwnWindow(_ byteCount: UInt, alignment: UInt, gap: UInt) -> UInt? {
    PageCounters.shared.pointee.maps.wrappingAdd(1, ordering: .relaxed)
    let lock = Lock(.reservation)
    lock.acquire()
    defer { lock.release() }
    return mapInWindow(byteCount, alignment: alignment, gap: gap, protection: .readWrite)
  }

  /// A place in the window for a mapping that moves there, where RLIMIT_AS forbids to map all of it
  /// beforehand: mapping it piece by piece shows that nothing lies there, and nobody else maps in
  /// the window. A piece must be available. Nil when no place is found.
  package static func vacantPlace(_ byteCount: UInt, in piece: UInt) -> UInt? {
    let lock = Lock(.reservation)
    lock.acquire()
    defer { lock.release() }
    let window = window
    let start = max(state.pointee.windowNext, window.lowerBound).roundedUp(
      to: Constants.superSlabBytes)
    guard start < window.upperBound, byteCount <= window.upperBound &- start else { return nil }
    var offset: UInt = 0
    while offset < byteCount {
      let length = min(piece, byteCount &- offset)
      guard
        SystemCalls.mapNew(at: start &+ offset, byteCount: length, protection: .none) == .mapped
      else { return nil }
      SystemCalls.unmap(start &+ offset, length)
      offset &+= length
    }
    state.pointee.windowNext = start &+ byteCount &+ Constants.superSlabBytes
    return start
  }

  /// Maps at the next address of the window, past `gap` more bytes the next time. What lies in the
  /// way is stepped over, a few times. The caller holds the lock.
  static func mapInWindow(
    _ byteCount: UInt, alignment: UInt, gap: UInt, protection: SystemCalls.Protection
  ) -> UInt? {
    let window = window
    let first = window.lowerBound.roundedUp(to: alignment)
    guard first < window.upperBound, byteCount <= window.upperBound &- first else { return nil }
    var step = Constants.superSlabBytes
    for _ in 0..<mostSteps {
      var start = max(state.pointee.windowNext, first).roundedUp(to: alignment)
      if start > window.upperBound &- byteCount { start = first }
      switch SystemCalls.mapNew(at: start, byteCount: byteCount, protection: protection) {
      case .mapped:
        state.pointee.windowNext = start &+ byteCount &+ max(gap, Constants.superSlabBytes)
        return start
      case .occupied: state.pointee.windowNext = start &+ step
      case .refused: return nil
      }
      step &*= 2
    }
    return nil
  }

  private static let mostSteps = 24

  /// Large regions lie in the TiB behind a random place from 16 TiB up, which neither programs nor
  /// the kernel's own choices use; under a tight RLIMIT_AS they and the SuperSlabs share the class
  /// map's window. It is used from end to end before an address comes again, and each gigabyte costs
  /// a page of the registry: so it is no longer than it must be.
  private static var window: Range<UInt> {
    guard ClassMap.isFull else { return ClassMap.window }
    let random = UInt(hakmem_auxiliary_value(UInt(HAKMEM_AT_RANDOM)))
    let entropy = random == 0 ? 0 : Memory.loadWord(at: random)
    let start: UInt = 1 << 44 &+ (entropy % (1 << 20)) << Constants.superSlabShift
    return start..<(start &+ 1 << 40)
  }
}
