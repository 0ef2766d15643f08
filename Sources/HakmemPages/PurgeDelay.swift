import HakmemPlatform
import Synchronization

/// How long free pages wait for their return: HAKMEM_PURGE_DELAY, and twice, four or eight times as
/// long while memory is wanted again soon after it went.
///
/// Each such return makes it one step longer, once a delay; four delays without one make it a step
/// shorter.
package struct PurgeDelay {
  package struct State: ~Copyable {
    /// The delay is doubled so many times.
    let doublings: Atomic<UInt32>
    let changedAt: Atomic<UInt32>
  }
  private let state: UnsafeMutablePointer<State>
  package init(unsafeAt address: UInt) { state = Memory.pointer(at: address) }

  package static var shared: PurgeDelay { PurgeDelay(unsafeAt: PagesStorage.purgeDelay) }

  private static let mostDoublings: UInt32 = 3
  private static let quietDelays: UInt32 = 4

  /// What the option says, in milliseconds.
  package static var configured: UInt32 { UInt32(Option.purgeDelay.value) }

  package var milliseconds: UInt32 {
    Self.configured << state.pointee.doublings.load(ordering: .relaxed)
  }

  /// Memory is wanted that was given back not long ago.
  package func lengthen(at now: UInt32 = Clock.milliseconds()) {
    let doublings = state.pointee.doublings.load(ordering: .relaxed)
    let changedAt = state.pointee.changedAt.load(ordering: .relaxed)
    if doublings == Self.mostDoublings {
      return state.pointee.changedAt.store(now, ordering: .relaxed)
    }
    // One burst is one reason.
    guard changedAt == 0 || now &- changedAt >= Self.configured else { return }
    change(to: doublings + 1, at: now)
  }

  /// Called now and then.
  package func decay(at now: UInt32 = Clock.milliseconds()) {
    let doublings = state.pointee.doublings.load(ordering: .relaxed)
    guard doublings > 0,
      now &- state.pointee.changedAt.load(ordering: .relaxed) >= Self.quietDelays &* milliseconds
    else { return }
    change(to: doublings - 1, at: now)
  }

  private func change(to doublings: UInt32, at now: UInt32) {
    state.pointee.doublings.store(doublings, ordering: .relaxed)
    state.pointee.changedAt.store(now, ordering: .relaxed)
  }
}
