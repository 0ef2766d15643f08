import HakmemPages
import HakmemPlatform
import Synchronization

enum SuperSlabTests {
  static let all = [
    WhiteBoxTest("SuperSlab.granulesAreTakenFromTheLowestUp", order),
    WhiteBoxTest("SuperSlab.whoReturnsToAFullOneListsIt", listing),
    WhiteBoxTest("SuperSlab.isFoundAroundItsAddressesOnly", around),
    WhiteBoxTest("SuperSlab.noGranuleIsTakenTwice", threads),
    WhiteBoxTest("SuperSlab.failingToMakeOneUsesNothingUp", exhaustion),
  ]

  private static func order() {
    Fixture.setUp()
    guard let superSlab = SuperSlab.create() else { return expect(false) }
    let (mustList, isEmpty) = superSlab.returnGranules(SuperSlab.allGranules)
    expect(mustList && isEmpty)
    for index in 0..<Constants.granulesPerSuperSlab {
      let (taken, isLast) = superSlab.takeGranules()
      expectEqual(taken, index, "the granule")
      expect(isLast == (index == Constants.granulesPerSuperSlab - 1))
      expect(superSlab.freeGranules & (1 << UInt32(index)) == 0)
    }
    expect(superSlab.freeGranules == 0)
  }

  private static func listing() {
    Fixture.setUp()
    guard let superSlab = SuperSlab.create() else { return expect(false) }
    _ = superSlab.returnGranules(SuperSlab.allGranules)
    for _ in 0..<32 { _ = superSlab.takeGranules() }
    let first = superSlab.returnGranules(1 << 5)
    expect(first.mustList && !first.isEmpty, "a full SuperSlab is not listed")
    let second = superSlab.returnGranules(1 << 3)
    expect(!second.mustList && !second.isEmpty)
    let third = superSlab.returnGranules(SuperSlab.allGranules & ~(1 << 5 | 1 << 3))
    expect(!third.mustList && third.isEmpty)
    expect(superSlab.takeGranules() == (0, false))
  }

  private static func around() {
    Fixture.setUp()
    guard let superSlab = SuperSlab.create() else { return expect(false) }
    expect(superSlab.kind == .unused)
    superSlab.begin(.slabs)
    expect(SuperSlab.around(superSlab.start) == superSlab)
    expect(SuperSlab.around(superSlab.start &+ Constants.superSlabBytes &- 1) == superSlab)
    expect(SuperSlab.around(superSlab.start &- 1) != superSlab)
    expect(SuperSlab.around(superSlab.start &+ Constants.superSlabBytes) != superSlab)
    expect(SuperSlab.around(0) == nil)
    var found = 0
    SuperSlab.forEach { if $0 == superSlab { found += 1 } }
    expectEqual(found, 1, "places in the list of all")
    expect(superSlab.ordinal < SuperSlab.createdCount)
  }

  /// A word of the test's own for each granule says who holds it.
  private static func threads() {
    Fixture.setUp()
    let holders = Fixture.words(64 * 32)
    Fixture.onThreads(4) { thread in
      var random = Random(thread + 19)
      var mine: [Granules] = []
      for _ in 0..<20_000 {
        if mine.count < 12, random.below(3) > 0 {
          guard let granule = SuperSlabPool.takeGranules() else { return expect(false) }
          let word = Int(granule.superSlab.ordinal * 32 + granule.index)
          expect(holders[word].exchange(1, ordering: .relaxed) == 0, "a granule is taken twice")
          mine.append(granule)
        } else if !mine.isEmpty {
          let granule = mine.remove(at: random.below(mine.count))
          let word = Int(granule.superSlab.ordinal * 32 + granule.index)
          expect(holders[word].exchange(0, ordering: .relaxed) == 1)
          SuperSlabPool.putGranules(granule)
        }
        if random.below(500) == 0 { SuperSlabPool.retireEmpty() }
        if random.below(2000) == 0 { Purge.run(age: 0) }
      }
      for granule in mine {
        let word = Int(granule.superSlab.ordinal * 32 + granule.index)
        holders[word].store(0, ordering: .relaxed)
        SuperSlabPool.putGranules(granule)
      }
    }
    SuperSlabPool.retireEmpty()
    SuperSlab.forEach { superSlab in
      expect(superSlab.kind == .unused, "an empty SuperSlab did not leave")
      expectEqual(UInt(superSlab.freeGranules), 0, "the free granules of one in the pool")
    }
    expect(SuperSlab.createdCount <= 16, "far more SuperSlabs than granules in use")
  }

  private static func exhaustion() {
    ProcessFacts.learn()
    Option.readEnvironment()
    Fixture.createAddressSpace()
    let place = OwnAddresses.metadata
    Fixture.occupy(place.lowerBound &+ 1 << 20..<place.upperBound)
    while MetadataRegion.allocate(64) != 0 {}
    let mapped = PageCounters.shared.pointee.mappedBytes.load(ordering: .relaxed)
    for _ in 0..<100 { expect(SuperSlabPool.takeGranules() == nil) }
    let after = PageCounters.shared.pointee.mappedBytes.load(ordering: .relaxed)
    expect(after - mapped <= Int(Constants.superSlabBytes), "each failure takes a SuperSlab")
    expectEqual(SuperSlab.createdCount, 0, "SuperSlabs created")
  }
}
