import HakmemPages
import HakmemPlatform
import Synchronization

/// How many fresh pages a class is about to need: one, or more while it takes page after page.
///
/// A class that takes its next fresh page within `quickMilliseconds` of the last one gets twice as
/// many at once, made present by one system call; after a pause it begins with one again, by a page
/// fault. So a heap that grows has few faults, and one that does not has no pages that nobody uses.
package struct FreshPace {
  package struct State: ~Copyable {
    let lastTaken: Atomic<UInt32>
    let pages: Atomic<UInt32>
  }
  private let state: UnsafeMutablePointer<State>

  package init(unsafeAt address: UInt) { state = Memory.pointer(at: address) }

  /// Two or three ticks of the coarse clock. With 20 ms a small python3 takes 1 % more memory.
  private static let quickMilliseconds: UInt32 = 10
  package static let mostPages: UInt32 = 8

  /// Pages to make ready now, at least 1. Threads may race: it is an estimate.
  package func next(atMost most: Int, at now: UInt32 = Clock.milliseconds()) -> UInt {
    let last = state.pointee.lastTaken.load(ordering: .relaxed)
    state.pointee.lastTaken.store(now, ordering: .relaxed)
    let isQuick = last != 0 && now &- last <= Self.quickMilliseconds
    let most = min(Self.mostPages, UInt32(clamping: most))
    let pages = isQuick ? min(state.pointee.pages.load(ordering: .relaxed) &* 2, most) : 1
    state.pointee.pages.store(pages, ordering: .relaxed)
    return UInt(pages)
  }
}
