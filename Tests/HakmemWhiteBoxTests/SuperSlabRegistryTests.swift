import HakmemPages
import HakmemPlatform
import Synchronization

enum SuperSlabRegistryTests {
  static let all = [
    WhiteBoxTest("SuperSlabRegistry.findsTheRecordAroundAnAddress", lookup),
    WhiteBoxTest("SuperSlabRegistry.foreignAddressesHaveNoRecord", foreign),
    WhiteBoxTest("SuperSlabRegistry.walksInTheOrderOfAddresses", walk),
    WhiteBoxTest("SuperSlabRegistry.threadsThatMakeOneLeafLoseNothing", threads),
  ]

  private static let size = Constants.superSlabBytes

  private static func lookup() {
    Fixture.setUp()
    let record = MetadataRegion.allocate(64)
    let start: UInt = 100 * size
    expect(SuperSlabRegistry.record(at: start) == 0)
    expect(SuperSlabRegistry.set(record, at: start))
    for offset: UInt in [0, 1, 4096, size - 1] {
      expect(SuperSlabRegistry.record(at: start &+ offset) == record)
    }
    expect(SuperSlabRegistry.record(at: start &- 1) == 0)
    expect(SuperSlabRegistry.record(at: start &+ size) == 0)
    expect(SuperSlabRegistry.set(0, at: start))
    expect(SuperSlabRegistry.record(at: start) == 0)
  }

  private static func foreign() {
    Fixture.setUp()
    for address: UInt in [
      0, 1, (1 << Constants.addressBits) - 1, 1 << Constants.addressBits, 1 << 63, .max,
    ] {
      expect(SuperSlabRegistry.record(at: address) == 0)
    }
    expect(!SuperSlabRegistry.set(64, at: 1 << Constants.addressBits))
    expect(SpanKind.of(record: 0) == .unused)
  }

  private static func walk() {
    Fixture.setUp()
    var random = Random(5)
    let count = 50
    for _ in 0..<count {
      let address = random.next() % (1 << 46) & ~(size - 1)
      let record = MetadataRegion.allocate(64)
      Memory.storeWord(address, at: record)
      if SuperSlabRegistry.record(at: address) == 0 {
        expect(SuperSlabRegistry.set(record, at: address))
      }
    }
    var last: UInt = 0
    var found = 0
    SuperSlabRegistry.forEachRecord { record in
      let address = Memory.loadWord(at: record)
      expect(address >= last)
      last = address
      found += 1
    }
    expectEqual(found, count, "records")
  }

  private static func threads() {
    Fixture.setUp()
    let rounds = 60
    Fixture.onThreads(4) { thread in
      for round in 0..<rounds {
        // A leaf holds 2¹³ entries: each round meets in a new one.
        let address = (UInt(round) << 13 &+ UInt(thread)) &* size
        expect(SuperSlabRegistry.set(UInt(64 * (thread + 1)), at: address))
        SystemCalls.yieldProcessor()
      }
    }
    for round in 0..<rounds {
      for thread in 0..<4 {
        let address = (UInt(round) << 13 &+ UInt(thread)) &* size
        expectEqual(SuperSlabRegistry.record(at: address), UInt(64 * (thread + 1)), "the record")
      }
    }
  }
}
