import CHakmemShims
import HakmemPlatform
import HakmemSlabs
import Synchronization

/// Takes the blocks out of the bins of a thread that makes no calls, and its page runs, without
/// stopping it.
///
/// Nobody can know that a thread stands outside its fast paths: one that sleeps may do so in a signal
/// handler that interrupted `malloc`. But a fast path is a single operation on one bin. Once the
/// thread's word points at its closed header, and a barrier on all processors (membarrier(2)) made it
/// see that, at most one such operation is under way: it pops the newest block of a bin or pushes a
/// block on top. So the trimmer leaves each bin's top and newest block alone and takes the others,
/// which it replaces by zero words, in which no operation finds a block. The owner's next call passes
/// the gate, where the rest moves down (`closeGaps`).
///
/// A slow call of the owner's changes bins and runs as it likes; it says so first (`beginChange`) and looks at
/// its word after that, as the trimmer changes the word and looks for the sign after the barrier: so
/// one of the two sees the other.
extension ThreadCache {
  struct Trimming: ~Copyable {
    /// When bins were looked at last.
    let lookedAt: Atomic<UInt32>
    /// Numbers the requests: who made one knows it again.
    let round: Atomic<UInt32>
  }
  private static var trimming: UnsafeMutablePointer<Trimming> {
    Memory.pointer(at: CacheStorage.trimming)
  }

  // MARK: The owner

  /// The bins or the runs change from here on until `endChange`; for the cache's owner.
  @inline(__always)
  func beginChange() {
    record.pointee.isBusy.store(1, ordering: .releasing)
    hakmem_compiler_barrier()
    if hakmem_get_allocating_header() == closedHeader { beginChangeSlow() }
  }

  @inline(__always)
  func endChange() { record.pointee.isBusy.store(0, ordering: .releasing) }

  @inline(never)
  private func beginChangeSlow() {
    let closed = ThreadCache(unsafeAt: closedHeader)
    while hakmem_get_allocating_header() == closedHeader, closed.kind == .closed {
      record.pointee.isBusy.store(0, ordering: .releasing)
      // Who closed the gate may have looked already, and found nothing to wait for.
      _ = Gate.pass(closed)
      record.pointee.isBusy.store(1, ordering: .releasing)
      hakmem_compiler_barrier()
    }
  }

  /// Moves the blocks that a trimmer left to the bottom of their bins. The owner, or whoever has the
  /// cache to himself.
  func closeGaps() {
    record.pointee.trimRequest = 0
    guard record.pointee.hasGaps else { return }
    record.pointee.hasGaps = false
    for number in 1..<SizeClass.count {
      let sizeClass = SizeClass(number)
      let first = firstSlot(sizeClass)
      let top = bin(sizeClass).top
      var slot = first
      while slot < top, Memory.loadWord(at: slot) == 0 { slot &+= 8 }
      guard slot > first, !isUnused(sizeClass) else { continue }
      Memory.move(from: slot, to: first, top &- slot)
      bin(sizeClass).top = first &+ (top &- slot)
    }
  }

  /// Whether blocks were taken and the owner has not come by since.
  package var isTrimmed: Bool { record.pointee.hasGaps }

  // MARK: The trimmer

  /// Trims the caches of threads that did nothing between two looks, which are the purge delay apart.
  /// Called by one thread at a time mostly; two do no harm.
  package static func trimIdle(by perform: (() -> Void) -> Void) {
    let now = Clock.milliseconds()
    guard !Interception.isActive,
      now &- trimming.pointee.lookedAt.load(ordering: .relaxed) >= UInt32(Option.purgeDelay.value)
    else { return }
    trimming.pointee.lookedAt.store(now, ordering: .relaxed)
    let round = trimming.pointee.round.wrappingAdd(1, ordering: .relaxed).newValue | 1 << 31
    var requests = 0
    perform {
      forEach { cache in
        if cache.isIdle, cache.requestTrim(round) { requests += 1 }
      }
    }
    guard requests > 0, SystemCalls.barrierOnAllThreads() else { return }
    forEach { cache in
      if cache.record.pointee.trimRequest == round { perform { cache.trim(round) } }
    }
  }

  /// Whether bins and runs are more than a trimmer leaves and are as they were at the last look.
  private var isIdle: Bool {
    guard isOwned, self != ThreadCache.current.opened else { return false }
    var sum = record.pointee.slowCalls &* 31 &+ record.pointee.runBytes
    var mostBlocks = 0
    for number in 1..<SizeClass.count {
      let sizeClass = SizeClass(number)
      sum = sum &* 31 &+ bin(sizeClass).top
      mostBlocks = max(mostBlocks, count(sizeClass))
    }
    let isSame = sum == record.pointee.sumAtLook
    record.pointee.sumAtLook = sum
    return isSame && (mostBlocks > 1 || record.pointee.runCount > 0)
  }

  /// Points the owner's word at its closed header; false when it is not at the open one.
  private func requestTrim(_ round: UInt32) -> Bool {
    let lock = Lock(.control)
    lock.acquire()
    defer { lock.release() }
    // A thread that vanished without a sign may have taken its word with it.
    var word: UInt = 0
    guard isOwned, Gate.isOpen, !Interception.isActive,
      SystemCalls.readMemory(record.pointee.ownersWords, into: Memory.address(of: &word), 8) == 8,
      word == address
    else { return false }
    close()
    record.pointee.trimRequest = round
    return true
  }

  private func trim(_ round: UInt32) {
    let lock = Lock(.control)
    lock.acquire()
    defer { lock.release() }
    // The owner may have come by since; or it is in the middle of a slow call.
    guard record.pointee.trimRequest == round, Gate.isOpen,
      record.pointee.isBusy.load(ordering: .acquiring) == 0
    else { return }
    record.pointee.trimRequest = 0
    record.pointee.hasGaps = true
    for number in 1..<SizeClass.count {
      let sizeClass = SizeClass(number)
      let top = bin(sizeClass).top
      var slot = firstSlot(sizeClass)
      while slot < top, Memory.loadWord(at: slot) == 0 { slot &+= 8 }
      guard slot &+ 8 < top else { continue }
      let count = Int((top &- 8 &- slot) / 8)
      SlabList.giveBack(slot, count: count, of: sizeClass, reject: Misuse.report)
      countReturned(count, sizeClass)
      Memory.zero(slot, UInt(count) &* 8)
    }
    dropAllRuns()
  }
}
