import CHakmemWhiteBox
import HakmemPlatform
import Synchronization

enum MetadataRegionTests {
  static let all = [
    WhiteBoxTest("MetadataRegion.recordsAreZeroAndAligned", alignment),
    WhiteBoxTest("MetadataRegion.threadsGetRecordsOfTheirOwn", threads),
    WhiteBoxTest("MetadataRegion.endsWithZeroWhenItIsUsedUp", exhaustion),
    WhiteBoxTest("MetadataRegion.endsWithZeroWhenItsPlaceIsTaken", taken),
    WhiteBoxTest("MetadataRegion.whatLiesInTheWayIsLeftOut", occupied),
    WhiteBoxTest("MetadataRegion.beginsOnce", once),
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
    Fixture.setUp()
    let available: UInt = 16 << 20
    expect(whitebox_limit_address_space(Int(ProcessFacts.mappedBytes &+ available)) != 0)
    expectToEnd(after: available)
  }

  private static func taken() {
    Fixture.setUp()
    let available: UInt = 4 << 20
    let place = OwnAddresses.metadata
    Fixture.occupy(place.lowerBound &+ available..<place.upperBound)
    expectToEnd(after: available)
  }

  /// So many bytes at most, and few less, and then 0.
  private static func expectToEnd(after available: UInt) {
    var total: UInt = 0
    while true {
      let start = MetadataRegion.allocate(1 << 16)
      if start == 0 { break }
      Memory.storeWord(1, at: start &+ 1 << 16 &- 8)
      total &+= 1 << 16
    }
    expect(total <= available + 1 << 18 && total >= available - 1 << 19, "what there is is used")
    var lines = 0
    while MetadataRegion.allocate(64) != 0 { lines += 1 }
    expect(lines < 1 << 13, "the last lines are used as well")
    expect(MetadataRegion.allocate(64) == 0)
  }

  /// Threads meet a hundred foreign mappings and get records of their own all the same.
  private static func occupied() {
    Fixture.setUp()
    let base = MetadataRegion.base
    for number: UInt in 1...100 {
      let start = base &+ number &* 640 << 10
      Fixture.occupy(start..<start &+ 4096)
    }
    Fixture.onThreads(4) { thread in
      let count = 20_000
      let mine = Fixture.words(count)
      for index in 0..<count {
        let start = MetadataRegion.allocate(1024)
        expect(start != 0 && (start &- base) >> 6 < 1 << 30)
        Memory.storeWord(UInt(thread * count + index), at: start)
        Memory.storeWord(UInt(thread * count + index), at: start &+ 1016)
        mine[index].store(start, ordering: .relaxed)
      }
      for index in 0..<count {
        let start = mine[index].load(ordering: .relaxed)
        expectEqual(Memory.loadWord(at: start), UInt(thread * count + index), "the first word")
        expectEqual(
          Memory.loadWord(at: start &+ 1016), UInt(thread * count + index), "the last word")
      }
    }
    let records: UInt = 4 * 20_000 * 1024
    expect(MetadataRegion.extentBytes > 64 << 20, "they lie behind foreign mappings")
    expect(MetadataRegion.usedBytes >= records, "all are counted")
    expect(MetadataRegion.extentBytes > MetadataRegion.usedBytes, "what lies between is not")
    MetadataRegion.abandon()
    expect(
      SystemCalls.mapNew(at: base &+ 640 << 10, byteCount: 4096, protection: .none) == .occupied,
      "a foreign mapping is left alone")
  }

  private static func once() {
    Fixture.setUp()
    let base = MetadataRegion.base
    MetadataRegion.begin()
    expect(MetadataRegion.base == base)
  }
}
