import HakmemPlatform
import Synchronization

/// Up to `capacity` free blocks of one class on their way between threads: written by one thread,
/// handed over by one compare-and-swap, read by another.
package struct Batch {
  package let address: UInt
  @inline(__always)
  package init(unsafeRecord address: UInt) { self.address = address }

  private static let lines: UInt = 9
  private static let byteCount: UInt = lines * Constants.lineBytes
  private static let headerBytes: UInt = 16
  package static let capacity = Int((byteCount - headerBytes) / 8)

  /// Valid pointers in the batch.
  package var count: Int {
    get { Int(Memory.loadWord(at: address &+ 8)) }
    nonmutating set { Memory.storeWord(UInt(newValue), at: address &+ 8) }
  }
  package var slots: UInt { address &+ Self.headerBytes }

  private static var empty: TaggedStack { TaggedStack(unsafeAt: SlabsStorage.emptyBatches) }

  /// An empty batch; nil when memory is exhausted.
  package static func take() -> Batch? {
    let spare = empty.pop()
    if spare != 0 { return Batch(unsafeRecord: spare) }
    // Several at once: the region's mark is shared by all threads.
    let together: UInt = 8
    let first = MetadataRegion.allocate(byteCount &* together)
    guard first != 0 else { return nil }
    for index in 1..<together { empty.push(first &+ index &* byteCount) }
    return Batch(unsafeRecord: first)
  }

  package func putBack() { Self.empty.push(address) }
}
