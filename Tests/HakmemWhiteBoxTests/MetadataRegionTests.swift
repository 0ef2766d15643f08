import HakmemPlatform
import Synchronization

enum MetadataRegionTests {
  static let all = [
    WhiteBoxTest("MetadataRegion.recordsAreZeroAndAligned", alignment),
    WhiteBoxTest("MetadataRegion.threadsGetRecordsOfTheirOwn", threads),
    WhiteBoxTest("MetadataRegion.endsWithZeroWhenItIsUsedUp", exhaustion),
    WhiteBoxTest("MetadataRegion.isReservedOnce", once),
  ]

  private static func alignment() {
    Fixture.setUp()
    var random = Random(1)
    for _ in 0..<2000 {
      let alignment = Constants.lineBytes << UInt(random.below(8))
      let bytes = UInt(1 + random.below(5000))
      let start = MetadataRegion.allocate(bytes, alignment: alignment)
      expect(start != 0 && start % alignment == 0)
      for offset in 0..<bytes where Memory.loadByte(at: start &+ offset) != 0 {
        expect(false, "a record is not zero")
      }
      for offset in 0..<bytes { Memory.pointer(at: start &+ offset, to: UInt8.self).pointee = 0xff }
      expect((start &- MetadataRegion.base) >> 6 < 1 << 30, "30 bits name a record")
    }
  }

  private static func threads() {
    Fixture.setUp()
    Fixture.onThreads(4) { thread in
      let count = 2000
      let mine = Fixture.words(count)
      for index in 0..<count {
        let start = MetadataRegion.allocate(128)
        Memory.storeWord(UInt(thread * count + index), at: start &+ 120)
        mine[index].store(start, ordering: .relaxed)
      }
      for index in 0..<count {
        let word = Memory.loadWord(at: mine[index].load(ordering: .relaxed) &+ 120)
        expectEqual(word, UInt(thread * count + index), "a record's last word")
      }
    }
  }

  private static func exhaustion() {
    ProcessFacts.learn()
    expect(MetadataRegion.reserve(limit: 1 << 20))
    let smallest: UInt = 1 << 24
    var total: UInt = 0
    while true {
      let start = MetadataRegion.allocate(1 << 16)
      if start == 0 { break }
      Memory.storeWord(1, at: start &+ 1 << 16 &- 8)
      total &+= 1 << 16
    }
    expect(total <= smallest && total >= smallest - 1 << 17, "the reservation is used")
    var lines = 0
    while MetadataRegion.allocate(64) != 0 { lines += 1 }
    expect(lines < 1 << 12, "the last lines are used as well")
    expect(MetadataRegion.allocate(64) == 0)
    expect(MetadataRegion.usedBytes <= smallest)
  }

  private static func once() {
    Fixture.setUp()
    let base = MetadataRegion.base
    expect(MetadataRegion.reserve(limit: .max))
    expect(MetadataRegion.base == base)
  }
}
