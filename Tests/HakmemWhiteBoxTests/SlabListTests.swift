import HakmemPages
import HakmemPlatform
import HakmemSlabs
import Synchronization

enum SlabListTests {
  static let all = [
    WhiteBoxTest("SlabList.carvesFromOneSlabUntilItIsFull", carving),
    WhiteBoxTest("SlabList.rejectsWhatIsNotALiveBlock", rejection),
    WhiteBoxTest("SlabList.batchesWithOneBlockTwiceAreRejected", twiceInABatch),
    WhiteBoxTest("SlabList.sweepRetiresEmptySlabs", sweeping),
    WhiteBoxTest("SlabList.addsSlabsAhead", adding),
    WhiteBoxTest("SlabList.noBlockIsHandedOutTwiceToManyThreads", threads),
    WhiteBoxTest("SlabList.classesShareSuperSlabs", classes),
  ]

  private static func slots(_ count: Int = 4096) -> UnsafeMutablePointer<UInt> {
    Memory.pointer(at: Fixture.memory(count * 8))
  }

  private static func giveBack(
    _ slots: UnsafeMutablePointer<UInt>, _ count: Int, _ sizeClass: SizeClass,
    line: UInt = #line
  ) {
    SlabList.giveBack(UInt(bitPattern: slots), count: count, of: sizeClass) { _, _ in
      expect(false, "a live block is rejected", line: line)
    }
  }

  private static func carving() {
    Fixture.setUp()
    let sizeClass = SizeClass(20)
    let list = SlabList(sizeClass)
    let slots = slots()
    var count = 0
    while count < sizeClass.blocksPerSlab {
      let carved = list.carve(into: UInt(bitPattern: slots + count), count: 32).count
      expect(carved > 0)
      count += carved
    }
    expectEqual(count, sizeClass.blocksPerSlab, "blocks of the first slab")
    expectEqual(list.slabCount, 1, "slabs")
    expect(list.carve(into: UInt(bitPattern: slots + count), count: 1).count == 1)
    expectEqual(list.slabCount, 2, "slabs")
    giveBack(slots, count + 1, sizeClass)
    list.sweep(keeping: 0)
    expectEqual(list.slabCount, 0, "slabs")
  }

  private static func rejection() {
    Fixture.setUp()
    let sizeClass = SizeClass(10)
    let other = SizeClass(11)
    let slots = slots()
    let count = SlabList(sizeClass).carve(into: UInt(bitPattern: slots), count: 8).count
    expect(count == 8)
    func outcome(_ pointer: UInt, _ sizeClass: SizeClass) -> Rejection? {
      let one: UnsafeMutablePointer<UInt> = Memory.pointer(at: Fixture.memory(8))
      one.pointee = pointer
      var outcome: Rejection?
      SlabList.giveBack(UInt(bitPattern: one), count: 1, of: sizeClass) { rejected, rejection in
        expect(rejected == pointer)
        outcome = rejection
      }
      return outcome
    }
    expect(outcome(slots[0], other) == .foreign, "a block of another class")
    expect(outcome(0, sizeClass) == .foreign)
    expect(outcome(UInt(bitPattern: slots), sizeClass) == .foreign)
    expect(outcome(slots[0] &+ 8, sizeClass) == .interior)
    expect(outcome(slots[0] &+ 40 &* sizeClass.blockBytes, sizeClass) == .interior, "never born")
    expect(outcome(slots[0], sizeClass) == nil)
    expect(outcome(slots[0], sizeClass) == .alreadyFree)
    giveBack(slots + 1, count - 1, sizeClass)
  }

  private static func twiceInABatch() {
    Fixture.setUp()
    let sizeClass = SizeClass(4)
    let slots = slots()
    expect(SlabList(sizeClass).carve(into: UInt(bitPattern: slots), count: 4).count == 4)
    slots[4] = slots[1]
    slots[5] = slots[1]
    var rejected = 0
    SlabList.giveBack(UInt(bitPattern: slots), count: 6, of: sizeClass) { pointer, rejection in
      expect(pointer == slots[1] && rejection == .alreadyFree)
      rejected += 1
    }
    expectEqual(rejected, 2, "rejected pointers")
    guard let slab = Slab.around(slots[0]) else { return expect(false) }
    expect(slab.isEmpty)
    expectNoFault(slab.fault(isAtRest: true))
  }

  private static func sweeping() {
    Fixture.setUp()
    let sizeClass = SizeClass(96)
    let list = SlabList(sizeClass)
    let slots = slots()
    for index in 0..<40 {
      expect(list.carve(into: UInt(bitPattern: slots + index), count: 1).count == 1)
    }
    expectEqual(list.slabCount, 20, "slabs of two blocks")
    // One block of each stays out.
    for index in stride(from: 0, to: 40, by: 2) { giveBack(slots + index, 1, sizeClass) }
    list.sweep(keeping: 0)
    expectEqual(list.slabCount, 20, "slabs with a live block")
    for index in stride(from: 1, to: 30, by: 2) { giveBack(slots + index, 1, sizeClass) }
    list.sweep(keeping: 1)
    expect(list.slabCount >= 5 && list.slabCount <= 7)
    list.sweep(keeping: 0)
    expectEqual(list.slabCount, 5, "slabs with a live block")
    for index in stride(from: 31, to: 40, by: 2) {
      expect(ClassMap.doubledClass(of: slots[index]) == sizeClass.doubled)
      giveBack(slots + index, 1, sizeClass)
    }
    list.sweep(keeping: 0)
    expectEqual(list.slabCount, 0, "slabs")
    SuperSlab.forEach { expect($0.kind == .unused) }
  }

  private static func adding() {
    Fixture.setUp()
    let list = SlabList(SizeClass(6))
    let blocks = 32 * SizeClass(6).blocksPerSlab
    expectEqual(list.prewarm(blocks: blocks - 1, prefault: .populate), blocks - 1, "blocks")
    expectEqual(list.slabCount, 32, "slabs")
    let slots = slots()
    for index in 0..<100 {
      expect(list.carve(into: UInt(bitPattern: slots + index), count: 1).count == 1)
    }
    expectEqual(list.slabCount, 32, "slabs")
    giveBack(slots, 100, SizeClass(6))
    list.sweep(keeping: 0)
    expectEqual(list.slabCount, 0, "slabs")
  }

  /// The first word of a block is 1 while somebody holds it.
  private static func churn(_ thread: Int, _ numbers: [Int], rounds: Int) {
    var random = Random(thread + 37)
    let capacity = 600
    var held: [[UInt]] = []
    for _ in numbers { held.append([]) }
    let slots = slots(64)
    for _ in 0..<rounds {
      let place = random.below(numbers.count)
      let sizeClass = SizeClass(numbers[place])
      if held[place].count < capacity, random.below(9) < 5 {
        let count = SlabList(sizeClass).carve(
          into: UInt(bitPattern: slots), count: 1 + random.below(38)
        ).count
        expect(count > 0)
        for index in 0..<count {
          let word: UnsafeMutablePointer<Atomic<UInt>> = Memory.pointer(at: slots[index])
          expect(word.pointee.exchange(1, ordering: .relaxed) == 0, "a block is handed out twice")
          held[place].append(slots[index])
        }
      } else if !held[place].isEmpty {
        var count = 0
        while count < 38, !held[place].isEmpty {
          let block = held[place].remove(at: random.below(held[place].count))
          let word: UnsafeMutablePointer<Atomic<UInt>> = Memory.pointer(at: block)
          expect(word.pointee.exchange(0, ordering: .relaxed) == 1, "a block was changed")
          slots[count] = block
          count += 1
        }
        giveBack(slots, count, sizeClass)
      }
      if random.below(200) == 0 { SlabList(sizeClass).sweep(keeping: random.below(2)) }
      if random.below(200) == 0 { SlabList(sizeClass).sweep(keeping: 1, .all) }
    }
    for place in 0..<numbers.count {
      for block in held[place] {
        Memory.storeWord(0, at: block)
        slots[0] = block
        giveBack(slots, 1, SizeClass(numbers[place]))
      }
    }
  }

  private static func threads() {
    Fixture.setUp()
    for number in [1, 8, 40, 72] {
      Fixture.onThreads(4) { churn($0, [number], rounds: 4000) }
      SuperSlab.forEach { expectNoFault(Slab.fault(in: $0)) }
      SlabList(SizeClass(number)).sweep(keeping: 0)
      expectEqual(SlabList(SizeClass(number)).slabCount, 0, "slabs")
    }
    SuperSlab.forEach { expect($0.kind == .unused) }
  }

  private static func classes() {
    Fixture.setUp()
    let numbers = [1, 2, 5, 9, 16, 30, 50, 70]
    Fixture.onThreads(4) { churn($0 + 50, numbers, rounds: 10_000) }
    SuperSlab.forEach { expectNoFault(Slab.fault(in: $0)) }
    for number in numbers {
      SlabList(SizeClass(number)).sweep(keeping: 0)
      expectEqual(SlabList(SizeClass(number)).slabCount, 0, "slabs")
    }
    SuperSlabPool.retireEmpty()
    SuperSlab.forEach { expect($0.kind == .unused) }
  }
}
