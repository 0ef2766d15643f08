import CHakmemShims
import Synchronization

/// The allocator's own memory, handed out from its start, never returned. Records keep their type
/// for ever, which the lock-free structures rely on.
///
/// In one place, so that 30 bits name a record; apart from every block, so that no overflow of a
/// block reaches it. What somebody else mapped in the middle of it is left out.
package enum MetadataRegion {
  private static let smallestStep: UInt = 1 << 18
  private static let largestStep: UInt = 1 << 21
  private static let filledFirst: UInt = 1 << 15

  struct State: ~Copyable {
    var base: UInt
    let next: Atomic<UInt>
    let committed: Atomic<UInt>
    /// Bytes under `next` that are left out.
    let skipped: Atomic<UInt>
  }

  @inline(__always)
  private static var state: UnsafeMutablePointer<State> {
    Memory.pointer(at: PlatformStorage.metadata)
  }

  @inline(__always)
  package static var base: UInt { state.pointee.base }

  package static var usedBytes: UInt {
    let extent = extentBytes
    return extent &- min(state.pointee.skipped.load(ordering: .relaxed), extent)
  }
  /// From the region's start to the end of what is used, with what is left out between.
  package static var extentBytes: UInt { state.pointee.next.load(ordering: .relaxed) }

  /// Begins the region at its place.
  package static func begin() {
    guard state.pointee.base == 0 else { return }
    // Index 0 means «none», so the first line stays unused.
    state.pointee.next.store(Constants.lineBytes, ordering: .relaxed)
    state.pointee.base = OwnAddresses.metadata.lowerBound
  }

  /// Zero bytes, aligned to `alignment`, for ever; 0 when memory is exhausted.
  package static func allocate(_ byteCount: UInt, alignment: UInt = Constants.lineBytes) -> UInt {
    var old = state.pointee.next.load(ordering: .relaxed)
    while true {
      let start = (base &+ old).roundedUp(to: alignment) &- base
      let end = start &+ byteCount.roundedUp(to: Constants.lineBytes)
      guard commit(upTo: end) else { return 0 }
      // Not done either when what `commit` mapped lies further on.
      let (done, seen) = state.pointee.next.weakCompareExchange(
        expected: old, desired: end, ordering: .relaxed)
      if done { return base &+ start }
      old = seen
    }
  }

  /// Gives the pages that are handed out next, from a whole one on, by one system call: a process that
  /// allocates uses nearly all of them as its first thread cache, one that does not none.
  package static func fillNextPages() {
    let next = extentBytes.roundedUp(to: Constants.pageBytes)
    guard Option.prefault.value == 1, commit(upTo: next &+ filledFirst) else { return }
    _ = Populate.fill(base &+ next, filledFirst)
  }

  /// Unmaps a region that nobody uses, in a library that becomes a view of another process; leaves it
  /// if something of somebody else's lies in it.
  package static func abandon() {
    guard state.pointee.base != 0 else { return }
    let committed = state.pointee.committed.load(ordering: .acquiring)
    if state.pointee.skipped.load(ordering: .relaxed) == 0 {
      SystemCalls.unmap(state.pointee.base, committed)
    }
    state.pointee.base = 0
  }

  private static func commit(upTo end: UInt) -> Bool {
    // Acquires the store below: memory under the mark is readable.
    if end <= state.pointee.committed.load(ordering: .acquiring) { return true }
    let lock = Lock(.metadata)
    lock.acquire()
    defer { lock.release() }
    let committed = state.pointee.committed.load(ordering: .relaxed)
    if end <= committed { return true }
    let step = min(max(smallestStep, committed / 4), largestStep)
    let longer = max(end, committed &+ step).roundedUp(to: smallestStep) &- committed
    // When memory is tight, the step may be what the kernel refuses.
    return map(longer, from: committed)
      || map((end &- committed).roundedUp(to: smallestStep), from: committed)
  }

  /// Maps so many bytes more, behind what lies in the way. The caller holds the lock.
  private static func map(_ byteCount: UInt, from committed: UInt) -> Bool {
    var offset = committed
    var step = smallestStep
    while offset &+ byteCount <= UInt(OwnAddresses.metadata.count) {
      let start = base &+ offset
      switch SystemCalls.mapNew(at: start, byteCount: byteCount, protection: .readWrite) {
      case .mapped:
        SystemCalls.nameMapping(start, byteCount, "hakmem metadata")
        if offset &+ byteCount > largestStep, ProcessFacts.hugePagesAlways {
          SystemCalls.advise(start, byteCount, .noHugePage)
        }
        if offset != committed { skip(to: offset) }
        state.pointee.committed.store(offset &+ byteCount, ordering: .releasing)
        return true
      case .occupied:
        offset &+= step
        step &*= 2
      case .refused: return false
      }
    }
    return false
  }

  /// Before the new end is known: who knows it finds that nothing is handed out before `offset`.
  private static func skip(to offset: UInt) {
    var old = state.pointee.next.load(ordering: .relaxed)
    while true {
      // First: for a moment what is used counts too little rather than too much.
      state.pointee.skipped.wrappingAdd(offset &- old, ordering: .relaxed)
      let (done, seen) = state.pointee.next.weakCompareExchange(
        expected: old, desired: offset, ordering: .relaxed)
      if done { return }
      state.pointee.skipped.wrappingSubtract(offset &- old, ordering: .relaxed)
      old = seen
    }
  }
}
