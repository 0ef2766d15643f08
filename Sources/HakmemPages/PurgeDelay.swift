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
