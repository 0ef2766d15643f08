import HakmemPlatform
import Synchronization

/// How long free pages wait for their return: HAKMEM_PURGE_DELAY, and twice as long while memory is
/// wanted again soon after it went, until that did not happen for eight times the option's value.
package struct PurgeDelay {
  package struct State: ~Copyable {
    /// When memory was last wanted soon after it went; 0 for never.
    let lastRegret: Atomic<UInt32>
  }
  private let state: UnsafeMutablePointer<State>
  package init(unsafeAt address: UInt) { state = Memory.pointer(at: address) }

  package static var shared: PurgeDelay { PurgeDelay(unsafeAt: PagesStorage.purgeDelay) }

  /// Milliseconds after its return within which memory that is wanted was given back too early. Longer
  /// than the delay: a program that works every half second keeps its memory through its pauses, which
  /// do not count as ageing, and one that never pauses keeps what it does not use for the delay alone.
  package static var regretWindow: UInt32 { UInt32(Option.purgeDelay.value) &* 5 / 2 }

  private static let quietDelays: UInt32 = 8

  package func milliseconds(at now: UInt32 = Clock.milliseconds()) -> UInt32 {
    let configured = UInt32(Option.purgeDelay.value)
    let last = state.pointee.lastRegret.load(ordering: .relaxed)
    let isLong = last != 0 && now &- last < Self.quietDelays &* configured
    return isLong ? 2 &* configured : configured
  }

  /// Memory is wanted that was given back not long ago.
  package func lengthen(at now: UInt32 = Clock.milliseconds()) {
    state.pointee.lastRegret.store(now, ordering: .relaxed)
  }
}
