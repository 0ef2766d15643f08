import HakmemPages
import HakmemPlatform
import HakmemSlabs
import Synchronization

enum DepotTests {
  static let all = [
    WhiteBoxTest("Depot.givesBatchesAsTheyCame", roundTrip),
    WhiteBoxTest("Depot.sendsWhatIsTooMuchToTheSlabs", limit),
    WhiteBoxTest("Depot.keepsNothingForAProgramThatOnlyFrees", surplus),
    WhiteBoxTest("Depot.keepsMoreWhereMemoryWasWantedAgain", credit),
    WhiteBoxTest("Depot.drainLeavesNothing", drain),
    WhiteBoxTest("Depot.halfOfWhatLaysIdleGoes", idle),
    WhiteBoxTest("Depot.noBlockIsTakenTwiceByManyThreads", threads),
  ]

  private static let capacity = Depot.batchCapacity

  private static func slots() -> UnsafeMutablePointer<UInt> {
    Memory.pointer(at: Fixture.memory(capacity * 8))
  }

  private static func carve(
    _ slots: UnsafeMutablePointer<UInt>, _ count: Int, _ sizeClass: SizeClass
  ) {
    var carved = 0
    while carved < count {
      carved +=
        SlabList(sizeClass).carve(into: UInt(bitPattern: slots + carved), count: count - carved)
        .count
    }
  }

  private static func put(_ slots: UnsafeMutablePointer<UInt>, _ count: Int, _ sizeClass: SizeClass)
  {
    var spare = EmptyBatches()
    Depot.put(
      sizeClass, UInt(bitPattern: slots), count: count, wasRefused: false, spare: &spare
    ) { _, _ in expect(false, "a live block is rejected") }
    spare.giveUp()
  }

  static func take(_ sizeClass: SizeClass, into slots: UnsafeMutablePointer<UInt>) -> Int {
    var spare = EmptyBatches()
    defer { spare.giveUp() }
    return Depot.take(sizeClass, into: UInt(bitPattern: slots), spare: &spare)
  }

  /// Puts blocks while others are wanted: another thread took from the same shelf.
  private static func putWanted(
    _ slots: UnsafeMutablePointer<UInt>, _ count: Int, _ sizeClass: SizeClass
  ) {
    let taken = Self.slots()
    put(slots, count, sizeClass)
    let found = take(sizeClass, into: taken)
    put(taken, found, sizeClass)
  }

  private static func surplus() {
    Fixture.setUp()
    let sizeClass = SizeClass(8)
    let all: UnsafeMutablePointer<UInt> = Memory.pointer(at: Fixture.memory(64 * capacity * 8))
    carve(all, 64 * capacity, sizeClass)
    for batch in 0..<64 { put(all + batch * capacity, capacity, sizeClass) }
    // The thread may have changed the processor, and so the shelf.
    let shards = Int(ProcessFacts.processors) * 2
    expect(Depot.exactBlockCount(sizeClass) <= shards * Depot.longestSurplus * capacity)
    let taken = slots()
    expectEqual(take(SizeClass(9), into: taken), 0, "another class's")
    // Wanted again, in vain at the end: then a shelf takes what comes.
    while take(sizeClass, into: taken) > 0 {}
    put(taken, capacity, sizeClass)
    expectEqual(Depot.exactBlockCount(sizeClass), capacity, "blocks kept once they were wanted")
  }

  private static func credit() {
    Fixture.setUp()
    let sizeClass = SizeClass(8)
    let few = Depot.longestSurplus
    for _ in 0..<2 { DirtyMemory.credit.regret(4 << 20, returnedAt: Clock.milliseconds()) }
    expectEqual(Depot.longestSurplus, few + 8, "batches in a row")
    let blocks: UnsafeMutablePointer<UInt> = Memory.pointer(at: Fixture.memory(12 * capacity * 8))
    carve(blocks, 12 * capacity, sizeClass)
    for batch in 0..<12 { put(blocks + batch * capacity, capacity, sizeClass) }
    expectEqual(Depot.exactBlockCount(sizeClass), 12 * capacity, "blocks kept")
  }

  private static func roundTrip() {
    Fixture.setUp()
    let sizeClass = SizeClass(9)
    let slots = slots()
    let taken = Self.slots()
    expectEqual(take(sizeClass, into: taken), 0, "blocks of an empty depot")
    for count in [1, 17, capacity] {
      carve(slots, count, sizeClass)
      put(slots, count, sizeClass)
      expectEqual(Depot.exactBlockCount(sizeClass), count, "blocks in the depot")
      expect(Depot.blockCount(sizeClass) >= count)
      expectEqual(Depot.exactBlockCount(SizeClass(10)), 0, "blocks of another class")
      var walked = 0
      Depot.forEachBlock(sizeClass) { _ in walked += 1 }
      expectEqual(walked, count, "blocks walked")
      expectEqual(take(sizeClass, into: taken), count, "blocks taken")
      for index in 0..<count { expectEqual(taken[index], slots[index], "a block") }
      expectEqual(Depot.blockCount(sizeClass), 0, "blocks in the depot")
    }
  }

  private static func limit() {
    Fixture.setUp()
    let sizeClass = SizeClass(96)
    let slots = slots()
    let limit = Depot.shelfLimit(sizeClass)
    expectEqual(limit, 4, "batches of the largest class on a shelf")
    for _ in 0..<40 {
      carve(slots, 4, sizeClass)
      putWanted(slots, 4, sizeClass)
    }
    // The thread may have changed the processor, and so the shelf.
    let shards = Int(ProcessFacts.processors)
    let count = Depot.exactBlockCount(sizeClass)
    expect(count >= 4 * limit && count <= 4 * limit * 2 * shards)
    Depot.drain(sizeClass) { _, _ in expect(false) }
    expectEqual(SlabList(sizeClass).slabCount, 0, "slabs")
  }

  private static func drain() {
    Fixture.setUp()
    let slots = slots()
    for number in 1..<SizeClass.count {
      carve(slots, 4, SizeClass(number))
      put(slots, 4, SizeClass(number))
    }
    for number in 1..<SizeClass.count {
      Depot.drain(SizeClass(number)) { _, _ in expect(false, "a block is rejected") }
      expectEqual(Depot.exactBlockCount(SizeClass(number)), 0, "blocks in the depot")
      expectEqual(SlabList(SizeClass(number)).slabCount, 0, "slabs")
    }
    SuperSlab.forEach { expect($0.kind == .unused) }
  }

  private static func idle() {
    Fixture.setUp()
    let sizeClass = SizeClass(2)
    let slots = slots()
    for _ in 0..<16 {
      carve(slots, capacity, sizeClass)
      putWanted(slots, capacity, sizeClass)
    }
    Depot.shrinkIdle { _, _ in expect(false) }
    expectEqual(Depot.exactBlockCount(sizeClass), 16 * capacity, "blocks after the first look")
    Depot.shrinkIdle { _, _ in expect(false) }
    let half = Depot.exactBlockCount(sizeClass)
    // Each shelf rounds up.
    expect(half <= 8 * capacity && half >= 4 * capacity, "half of what lay idle goes")
    // What is taken meanwhile did not lie idle.
    let taken = Self.slots()
    while take(sizeClass, into: taken) > 0 {
      put(taken, 1, sizeClass); break
    }
    for _ in 0..<12 { Depot.shrinkIdle { _, _ in expect(false) } }
    expectEqual(Depot.exactBlockCount(sizeClass), 0, "blocks after many looks")
  }

  private static func threads() {
    Fixture.setUp()
    let sizeClass = SizeClass(7)
    Fixture.onThreads(4) { thread in
      var random = Random(thread + 41)
      let slots = slots()
      for _ in 0..<15_000 {
        var count = take(sizeClass, into: slots)
        if count == 0 {
          count = 1 + random.below(capacity)
          carve(slots, count, sizeClass)
        }
        for index in 0..<count {
          let word: UnsafeMutablePointer<Atomic<UInt>> = Memory.pointer(at: slots[index])
          expect(word.pointee.exchange(1, ordering: .relaxed) == 0, "a block is taken twice")
        }
        if random.below(300) == 0 { SystemCalls.yieldProcessor() }
        for index in 0..<count { Memory.storeWord(0, at: slots[index]) }
        put(slots, count, sizeClass)
        if random.below(1000) == 0 { Depot.shrinkIdle { _, _ in expect(false) } }
        if random.below(3000) == 0 { Depot.drain(sizeClass) { _, _ in expect(false) } }
      }
    }
    Depot.drain(sizeClass) { _, _ in expect(false) }
    expectEqual(SlabList(sizeClass).slabCount, 0, "slabs")
  }
}
