import HakmemPlatform

/// Empty batches at hand for one thread. Between threads they move in chains: where one thread fills
/// batches and another empties them, the two meet at the shared stack once in `chainLength` batches.
package struct EmptyBatches {
  private static let chainLength = 8
  private static var chains: TaggedStack { TaggedStack(unsafeAt: SlabsStorage.emptyBatches) }

  private var first: UInt = 0
  /// No fewer than there are: a chain that is given up early is shorter than the others.
  private var count = 0

  package init() {}

  /// An empty batch; nil when memory is exhausted.
  package mutating func take() -> Batch? {
    if first == 0 {
      first = Self.chains.pop()
      if first == 0 { first = Batch.createChain(Self.chainLength) }
      guard first != 0 else { return nil }
      count = Self.chainLength
    }
    let batch = Batch(unsafeRecord: first)
    first = batch.next
    count = first == 0 ? 0 : count - 1
    return batch
  }

  package mutating func put(_ batch: Batch) {
    if count == Self.chainLength { giveUp() }
    batch.next = first
    first = batch.address
    count += 1
  }

  /// Leaves all to the other threads.
  package mutating func giveUp() {
    guard first != 0 else { return }
    Self.chains.push(first)
    first = 0
    count = 0
  }
}
