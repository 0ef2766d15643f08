import HakmemWorkloadsHarness
import HakmemWorkloadsSystem
import Synchronization

/// A bounded queue of batches of blocks from one thread to one other. Both sides work on the
/// batches in place, so the queue costs two atomic stores a batch.
struct BlockQueue {
  typealias Batch = UnsafeMutablePointer<UnsafeMutableRawPointer?>

  /// Batches that fit into the queue; a power of two.
  private static let capacity = 64

  /// Batches pushed (by the producer) and popped (by the consumer), a page apart.
  private let pushed: UnsafeMutablePointer<Atomic<Int>>
  private let popped: UnsafeMutablePointer<Atomic<Int>>
  /// Blocks in each batch; 0 is the end of the stream.
  private let counts: UnsafeMutablePointer<Int>
  private let blocks: Batch
  private let batchSize: Int

  init(batchSize: Int) {
    self.batchSize = batchSize
    pushed = Mapping.table(of: Atomic<Int>.self, count: 1)
    popped = Mapping.table(of: Atomic<Int>.self, count: 1)
    counts = Mapping.table(of: Int.self, count: BlockQueue.capacity)
    blocks = Mapping.table(
      of: UnsafeMutableRawPointer?.self, count: BlockQueue.capacity * batchSize)
  }

  private func batch(_ number: Int) -> Batch {
    blocks + (number & (BlockQueue.capacity - 1)) * batchSize
  }

  /// The batch that the producer may fill next; waits for room.
  func beginPush() -> Batch {
    let number = pushed.pointee.load(ordering: .relaxed)
    var backoff = Backoff()
    // Acquires the consumer's last reads of the batch, released in `endPop`.
    while number &- popped.pointee.load(ordering: .acquiring) == BlockQueue.capacity {
      backoff.pause()
    }
    return batch(number)
  }

  func endPush(count: Int) {
    let number = pushed.pointee.load(ordering: .relaxed)
    counts[number & (BlockQueue.capacity - 1)] = count
    pushed.pointee.store(number &+ 1, ordering: .releasing)
  }

  /// The oldest batch, for the consumer; waits for one.
  func beginPop() -> (batch: Batch, count: Int) {
    let number = popped.pointee.load(ordering: .relaxed)
    var backoff = Backoff()
    // Acquires the blocks and their contents, released in `endPush`.
    while pushed.pointee.load(ordering: .acquiring) == number { backoff.pause() }
    return (batch(number), counts[number & (BlockQueue.capacity - 1)])
  }

  func endPop() {
    let number = popped.pointee.load(ordering: .relaxed)
    popped.pointee.store(number &+ 1, ordering: .releasing)
  }

  /// Tells the consumer that nothing follows.
  func pushEnd() {
    _ = beginPush()
    endPush(count: 0)
  }
}
