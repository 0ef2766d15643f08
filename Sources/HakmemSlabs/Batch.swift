import CHakmemShims
import HakmemPlatform

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

  /// Begins to load all lines of a batch, if there is one: its taker would wait for the first of them
  /// before it asks for the others.
  @inline(__always)
  static func prefetch(_ address: UInt) {
    guard address != 0 else { return }
    for line in 0..<lines { hakmem_prefetch(address &+ line &* Constants.lineBytes) }
  }

  /// The next of a chain of empty batches; 0 at its end. In place of the count.
  var next: UInt {
    get { Memory.loadWord(at: address &+ 8) }
    nonmutating set { Memory.storeWord(newValue, at: address &+ 8) }
  }

  /// The first of so many new ones, which are a chain; 0 when memory is exhausted. Several at once: the
  /// region's mark is shared by all threads.
  static func createChain(_ length: Int) -> UInt {
    let first = MetadataRegion.allocate(byteCount &* UInt(length))
    guard first != 0 else { return 0 }
    for index in 0..<UInt(length) {
      let batch = Batch(unsafeRecord: first &+ index &* byteCount)
      batch.next = index + 1 < length ? batch.address &+ byteCount : 0
    }
    return first
  }
}
