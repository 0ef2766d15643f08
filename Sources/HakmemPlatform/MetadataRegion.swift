import CHakmemShims
import Synchronization

/// The allocator's own memory: one contiguous reservation, handed out from its start, never
/// returned. Records keep their type for ever, which the lock-free structures rely on.
///
/// Contiguous, so that 30 bits name a record; apart from every block, so that no overflow of a
/// block reaches it.
package enum MetadataRegion {
  /// 2³⁰ lines of 64 bytes: what a tagged head can name.
  private static let reservedBytes: UInt = 1 << 36
  /// At a megabyte of metadata for 100 MiB of blocks this serves 50 GiB under a tight RLIMIT_AS.
  private static let smallestReservation: UInt = 1 << 24
  private static let smallestStep: UInt = 1 << 16
  private static let largestStep: UInt = 1 << 21
  private static let filledFirst: UInt = 1 << 15

  struct State: ~Copyable {
    var base: UInt
    var reserved: UInt
    let next: Atomic<UInt>
    let committed: Atomic<UInt>
  }

  @inline(__always)
  private static var state: UnsafeMutablePointer<State> {
    Memory.pointer(at: PlatformStorage.metadata)
  }

  @inline(__always)
  package static var base: UInt { state.pointee.base }

  /// The whole reservation.
  package static var reservation: (start: UInt, byteCount: UInt) {
    (state.pointee.base, state.pointee.reserved)
  }

  package static var usedBytes: UInt { state.pointee.next.load(ordering: .relaxed) }

  /// Reserves the region, smaller where the address space is limited. False when refused.
  package static func reserve(limit: UInt) -> Bool {
    guard state.pointee.base == 0 else { return true }
    var byteCount = min(reservedBytes, max(limit / 32, smallestReservation))
      .roundedUp(to: largestStep)
    while byteCount >= smallestReservation {
      if let base = SystemCalls.map(byteCount: byteCount, protection: .none) {
        state.pointee.reserved = byteCount
        // Index 0 means «none», so the first line stays unused.
        state.pointee.next.store(Constants.lineBytes, ordering: .relaxed)
        state.pointee.base = base
        return true
      }
      byteCount /= 2
    }
    return false
  }

  /// Zero bytes, aligned to `alignment`, for ever; 0 when memory is exhausted.
  package static func allocate(_ byteCount: UInt, alignment: UInt = Constants.lineBytes) -> UInt {
    var old = state.pointee.next.load(ordering: .relaxed)
    while true {
      let start = (base &+ old).roundedUp(to: alignment) &- base
      let end = start &+ byteCount.roundedUp(to: Constants.lineBytes)
      guard end <= state.pointee.reserved, commit(upTo: end) else { return 0 }
      let (done, seen) = state.pointee.next.weakCompareExchange(
        expected: old, desired: end, ordering: .relaxed)
      if done { return base &+ start }
      old = seen
    }
  }

  /// Gives the first pages by one system call: a process that allocates uses nearly all of them, one
  /// that does not none.
  package static func fillFirstPages() {
    guard Option.prefault.value == 1 else { return }
    _ = Populate.fill(base, min(filledFirst, state.pointee.committed.load(ordering: .acquiring)))
  }

  /// Gives the reservation of a region that nobody uses back, in a library that becomes a view of
  /// another process.
  package static func abandon() {
    guard state.pointee.base != 0 else { return }
    SystemCalls.unmap(state.pointee.base, state.pointee.reserved)
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
    let target = min(
      max(end, committed &+ step).roundedUp(to: smallestStep), state.pointee.reserved)
    // When memory is tight, the step may be what the kernel refuses.
    return commit(from: committed, upTo: target)
      || commit(from: committed, upTo: min(end.roundedUp(to: smallestStep), target))
  }

  private static func commit(from committed: UInt, upTo target: UInt) -> Bool {
    let start = base &+ committed
    guard SystemCalls.protect(start, target &- committed, .readWrite) else { return false }
    SystemCalls.nameMapping(start, target &- committed, "hakmem metadata")
    if target > largestStep, ProcessFacts.hugePagesAlways {
      SystemCalls.advise(start, target &- committed, .noHugePage)
    }
    state.pointee.committed.store(target, ordering: .releasing)
    return true
  }
}
