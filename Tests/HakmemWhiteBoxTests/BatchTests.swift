import HakmemPlatform
import HakmemSlabs
import Synchronization

enum BatchTests {
  static let all = [
    WhiteBoxTest("Batch.servesAgainOnceItIsPutBack", reuse),
    WhiteBoxTest("Batch.slotsOfBatchesLieApart", apart),
    WhiteBoxTest("EmptyBatches.moveBetweenThreadsInChains", chains),
    WhiteBoxTest("EmptyBatches.areEachTakenOnceByThreads", threads),
  ]

  private static func reuse() {
    Fixture.setUp()
    var spare = EmptyBatches()
    guard let first = spare.take() else { return expect(false) }
    spare.put(first)
    guard let second = spare.take() else { return expect(false) }
    expect(second.address == first.address)
    spare.put(second)
    spare.giveUp()
    var other = EmptyBatches()
    guard let third = other.take() else { return expect(false) }
    expect(third.address == first.address)
  }

  /// One side takes, the other puts: what circulates stays the same, and nobody keeps much.
  private static func chains() {
    Fixture.setUp()
    var filler = EmptyBatches()
    var emptier = EmptyBatches()
    let region = MetadataRegion.usedBytes
    for _ in 0..<1000 {
      guard let batch = filler.take() else { return expect(false) }
      emptier.put(batch)
    }
    expect(MetadataRegion.usedBytes &- region <= 4 * 8 * 9 * Constants.lineBytes)
    // Chains that were given up early come back shorter, and none is lost.
    for length in 1...20 {
      var spare = EmptyBatches()
      var taken: [Batch] = []
      for _ in 0..<length {
        guard let batch = spare.take() else { return expect(false) }
        expect(!taken.contains { $0.address == batch.address }, "a batch is there twice")
        taken.append(batch)
      }
      for batch in taken { spare.put(batch) }
      spare.giveUp()
    }
    expect(MetadataRegion.usedBytes &- region <= 6 * 8 * 9 * Constants.lineBytes)
  }

  private static func threads() {
    Fixture.setUp()
    Fixture.onThreads(4) { thread in
      var random = Random(thread + 7)
      var spare = EmptyBatches()
      var held: [Batch] = []
      func isTaken(_ batch: Batch) -> UnsafeMutablePointer<Atomic<UInt>> {
        Memory.pointer(at: batch.slots)
      }
      for _ in 0..<30_000 {
        let takes = held.isEmpty || (held.count < 20 && random.below(2) == 0)
        if takes {
          guard let batch = spare.take() else { return expect(false) }
          expect(isTaken(batch).pointee.exchange(1, ordering: .relaxed) != 1, "taken twice")
          held.append(batch)
        } else if let batch = held.popLast() {
          isTaken(batch).pointee.store(0, ordering: .relaxed)
          spare.put(batch)
          if random.below(50) == 0 { spare.giveUp() }
        }
      }
      for batch in held { isTaken(batch).pointee.store(0, ordering: .relaxed) }
    }
  }

  private static func apart() {
    Fixture.setUp()
    var spare = EmptyBatches()
    var batches: [Batch] = []
    for number in 0..<100 {
      guard let batch = spare.take() else { return expect(false) }
      expect(batch.address % Constants.lineBytes == 0)
      batch.count = Batch.capacity
      for slot in 0..<UInt(Batch.capacity) {
        Memory.storeWord(UInt(number), at: batch.slots &+ slot &* 8)
      }
      batches.append(batch)
    }
    for number in 0..<100 {
      expectEqual(batches[number].count, Batch.capacity, "the count")
      for slot in 0..<UInt(Batch.capacity) {
        expectEqual(Memory.loadWord(at: batches[number].slots &+ slot &* 8), UInt(number), "a slot")
      }
    }
  }
}
