import CHakmemShims
import Synchronization

/// The locks while the process is copied: taken before, so that no other thread holds one, and released
/// after. A signal handler may fork while its thread does: each of the two releases what it took
/// itself, in the child, too, where the handler may return into the fork that it interrupted.
///
/// A word of the thread's says which fork took a lock, by its depth: a byte for each rank, and the
/// present depth in the highest one. A signal at any instruction finds a lock that is held by its thread,
/// and leaves it, or the word as it was.
package enum ForkLocks {
  private static let depthShift: UInt64 = 56

  private static var word: UnsafeMutablePointer<Atomic<UInt64>> {
    Memory.pointer(at: UInt(bitPattern: hakmem_thread_fork_word()))
  }

  /// Forks that the thread is in the middle of.
  package static var depth: UInt64 { word.pointee.load(ordering: .relaxed) >> depthShift }

  private static func shift(_ rank: LockRank) -> UInt64 { UInt64(rank.rawValue) * 8 }

  private static func isTaken(_ rank: LockRank) -> Bool {
    let depth = word.pointee.load(ordering: .relaxed) >> shift(rank) & 0xff
    return depth != 0 && depth == Self.depth
  }

  private static func forget(_ rank: LockRank) {
    word.pointee.bitwiseAnd(~(0xff << shift(rank)), ordering: .relaxed)
  }

  /// Takes every lock that the thread does not hold. If it holds one, in a signal handler, the others are
  /// only tried for a while, because who holds one may wait for this thread's.
  package static func take() {
    word.pointee.wrappingAdd(1 << depthShift, ordering: .relaxed)
    let holdsOne = Lock.isAnyHeldByThisThread
    LockRank.forEach { rank in
      let lock = Lock(rank)
      if lock.isHeldByThisThread { return }
      if !holdsOne {
        lock.acquire()
      } else if !lock.tryAcquireForAWhile() {
        return
      }
      word.pointee.bitwiseOr(depth << shift(rank), ordering: .relaxed)
    }
  }

  /// In the parent.
  package static func release() {
    LockRank.forEach { rank in
      guard isTaken(rank) else { return }
      forget(rank)
      Lock(rank).release()
    }
    word.pointee.wrappingSubtract(1 << depthShift, ordering: .relaxed)
  }

  /// In the child: frees all locks but those that the thread held before. Returns whether all of them
  /// were taken.
  package static func reset() -> Bool {
    var all = true
    LockRank.forEach { rank in
      let isTaken = isTaken(rank)
      if !isTaken { all = false }
      // One that neither was taken nor is this thread's had a holder that is no more.
      guard isTaken || !Lock(rank).isHeldByThisThread else { return }
      forget(rank)
      Lock(rank).reset()
    }
    word.pointee.wrappingSubtract(1 << depthShift, ordering: .relaxed)
    return all
  }
}
