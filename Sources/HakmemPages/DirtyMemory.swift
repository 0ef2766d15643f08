import HakmemPlatform
import Synchronization

/// Free memory below the large blocks whose pages the kernel did not get back: pages of slabs without
/// a live block, granules without a slab, pages between page runs, empty SuperSlabs.
///
///     bytes ≤ 1.25 MiB + what was wanted again soon + 1/64 of the granules in use
///
/// Whoever frees beyond that purges at once, so that no later call is needed: a program that frees
/// everything and then sleeps keeps next to nothing. The share of what is in use pays for looking
/// through it. Bytes are nearly exact: those in slabs were counted at the last sweep of their class.
package enum DirtyMemory {
  struct State: ~Copyable {
    let bytes: Atomic<Int>
    let granulesInUse: Atomic<Int>
  }
  private static var state: UnsafeMutablePointer<State> {
    Memory.pointer(at: PagesStorage.dirtyMemory)
  }
  private static let allowance = 5 << 18

  package static var bytes: Int { state.pointee.bytes.load(ordering: .relaxed) }
  package static func add(_ byteCount: Int) {
    state.pointee.bytes.wrappingAdd(byteCount, ordering: .relaxed)
  }
  /// Of the granules in use.
  package static var bytesInUse: Int {
    state.pointee.granulesInUse.load(ordering: .relaxed) << Int(Constants.granuleShift)
  }
  static func addInUse(_ granules: Int) {
    state.pointee.granulesInUse.wrappingAdd(granules, ordering: .relaxed)
  }

  package static var isTooMuch: Bool {
    bytes > allowance + credit.bytes + bytesInUse >> 6
  }

  /// Shared by all kinds: what one gave back in vain another may keep.
  package static var credit: KeepCredit { KeepCredit(unsafeAt: PagesStorage.dirtyCredit) }
}
