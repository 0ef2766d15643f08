import HakmemPlatform
import Synchronization

/// Who wants to see every call. While somebody does, the threads stay at their closed headers, so
/// that each call takes the slow path; while nobody does, it costs nothing.
package enum Interception {
  package enum Reason: UInt32 {
    case recorder = 1
    case profiler = 2
    case guardSampling = 4
    case hardened = 8
  }

  /// Until the process has started every call counts as intercepted, so that who is switched on
  /// then sees the first one, too.
  private static let started: UInt32 = 1 << 31

  private static var reasons: UnsafeMutablePointer<Atomic<UInt32>> {
    Memory.pointer(at: CacheStorage.interception)
  }

  @inline(__always)
  package static var isActive: Bool { reasons.pointee.load(ordering: .relaxed) != started }

  @inline(__always)
  package static func isActive(_ reason: Reason) -> Bool {
    reasons.pointee.load(ordering: .relaxed) & reason.rawValue != 0
  }

  /// Whether nobody but `reason` wants to see the calls.
  package static func isActive(only reason: Reason) -> Bool {
    reasons.pointee.load(ordering: .relaxed) == reason.rawValue | started
  }

  /// Called once, as the process starts and before any thread has a cache.
  package static func start() {
    reasons.pointee.bitwiseOr(started, ordering: .relaxed)
  }

  /// From now on calls are intercepted, in the other threads too. A call that is on its way there
  /// may pass unseen.
  package static func begin(_ reason: Reason) { change { $0 | reason.rawValue } }

  /// In a signal handler that interrupted a holder of the lock nothing changes yet.
  package static func end(_ reason: Reason) {
    if !Lock(.control).isHeldByThisThread { change { $0 & ~reason.rawValue } }
  }

  /// In the child of a fork, where nobody else runs: its one thread learns of it at the gate later.
  static func forget(_ reason: Reason) {
    reasons.pointee.store(
      reasons.pointee.load(ordering: .relaxed) & ~reason.rawValue, ordering: .relaxed)
  }

  /// Every thread learns of the change at the gate.
  private static func change(_ body: (UInt32) -> UInt32) {
    ThreadCache.sendAll {
      reasons.pointee.store(body(reasons.pointee.load(ordering: .relaxed)), ordering: .relaxed)
    }
  }
}
