import HakmemPages
import HakmemPlatform
import Synchronization

/// The slab that a thread looks into which holds none of its blocks: it is not retired meanwhile.
///
/// Whoever pins a slab writes it here and then looks whether it is one; whoever retires a slab says so in
/// its record and then looks here: so one of them sees the other.
package enum PinnedSlab {
  private static var place: UnsafeMutablePointer<Atomic<UInt>> {
    Memory.pointer(at: SlabsStorage.pinnedSlab)
  }
  /// No slab, but a thread that goes from one to the next.
  private static let between: UInt = 1

  /// Calls `body` for every slab while it is pinned, but for those of which `isWanted`, which sees them
  /// before, says no. Returns at once while another thread does so.
  package static func forEach(
    where isWanted: (Slab) -> Bool, _ body: (Slab, SizeClass) -> Void
  ) {
    guard
      place.pointee.compareExchange(expected: 0, desired: between, ordering: .relaxed).exchanged
    else { return }
    SuperSlab.forEach { superSlab in
      Slab.forEach(in: superSlab) { slab in
        guard isWanted(slab) else { return }
        place.pointee.store(slab.address, ordering: .sequentiallyConsistent)
        let sizeClass = slab.classUnlessRetiring
        if sizeClass != .none { body(slab, sizeClass) }
        // Releases the slab after all looks.
        place.pointee.store(between, ordering: .releasing)
      }
    }
    place.pointee.store(0, ordering: .relaxed)
  }

  static func isPinned(_ slab: Slab) -> Bool {
    place.pointee.load(ordering: .sequentiallyConsistent) == slab.address
  }

  /// In the child of a fork: the thread is the parent's.
  package static func resetAfterFork() { place.pointee.store(0, ordering: .relaxed) }
}
