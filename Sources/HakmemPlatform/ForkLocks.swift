import CHakmemShims
import Synchronization

/// The locks while the process is copied: taken before, so that no other thread holds one, and released
/// after. A signal handler may fork while its thread does: each of the two releases what it took
/// itself, in the child, too, where the handler may return into the fork that it interrupted.
///
/// Beside a lock stands how deep the fork was that took it. A signal at any instruction finds a lock that
/// is held by its thread, and leaves it, or everything as it was.
package enum ForkLocks {
  private static var forks: UnsafeMutablePointer<Atomic<UInt32>> {
    Memory.pointer(at: UInt(bitPattern: hakmem_thread_fork_depth()))
  }

  /// Forks that the thread is in the middle of.
  package static var depth: UInt32 { forks.pointee.load(ordering: .relaxed) }

  /// Before anything is taken or waited for.
  package static func enter() { forks.pointee.wrappingAdd(1, ordering: .relaxed) }
  /// After everything, in parent and child.
  package static func leave() { forks.pointee.wrappingSubtract(1, ordering: .relaxed) }

  private static func isTaken(_ lock: Lock) -> Bool {
    lock.isHeldByThisThread && lock.forkDepth.pointee.load(ordering: .relaxed) == depth
  }

  /// Takes every lock that the thread does not hold. If it holds one, in a signal handler, the others are
  /// only tried for a while, because who holds one may wait for this thread's.
  package static func take() {
    let holdsOne = Lock.isAnyHeldByThisThread
    LockRank.forEach { rank in
      let lock = Lock(rank)
      if lock.isHeldByThisThread { return }
      if !holdsOne {
        lock.acquire()
      } else if !lock.tryAcquireForAWhile() {
        return
      }
      lock.forkDepth.pointee.store(depth, ordering: .relaxed)
    }
  }

  /// In the parent.
  package static func release() {
    LockRank.forEach { rank in
      let lock = Lock(rank)
      guard isTaken(lock) else { return }
      lock.forkDepth.pointee.store(0, ordering: .relaxed)
      lock.release()
    }
  }

  /// In the child: frees all locks but those that the thread held before. Returns whether all of them
  /// were taken.
  package static func reset() -> Bool {
    var all = true
    LockRank.forEach { rank in
      let lock = Lock(rank)
      let isTaken = isTaken(lock)
      if !isTaken { all = false }
      // One that neither was taken nor is this thread's had a holder that is no more.
      guard isTaken || !lock.isHeldByThisThread else { return }
      lock.forkDepth.pointee.store(0, ordering: .relaxed)
      lock.reset()
    }
    return all
  }
}
