import HakmemPlatform
import HakmemSlabs

enum BatchTests {
  static let all = [
    WhiteBoxTest("Batch.servesAgainOnceItIsPutBack", reuse),
    WhiteBoxTest("Batch.slotsOfBatchesLieApart", apart),
  ]

  private static func reuse() {
    Fixture.setUp()
    guard let first = Batch.take() else { return expect(false) }
    first.putBack()
    guard let second = Batch.take() else { return expect(false) }
    expect(second.address == first.address)
  }

  private static func apart() {
    Fixture.setUp()
    var batches: [Batch] = []
    for number in 0..<100 {
      guard let batch = Batch.take() else { return expect(false) }
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
