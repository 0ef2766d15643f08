import CHakmemWhiteBox
import HakmemPages
import HakmemPlatform

enum SuperSlabPoolTests {
  static let all = [
    WhiteBoxTest("SuperSlabPool.emptyOnesLoseTheirPagesAndServeAgain", cold),
    WhiteBoxTest("SuperSlabPool.keepsWhatIsAskedForAgainSoon", warm),
    WhiteBoxTest("SuperSlabPool.oldWarmOnesLoseTheirPages", ageing),
    WhiteBoxTest("SuperSlabPool.prewarmedOnesHaveTheirPages", prewarm),
    WhiteBoxTest("SuperSlabPool.granulesAreDirtyAfterUse", dirtyGranules),
    WhiteBoxTest("SuperSlabPool.lockedGranulesStayDirty", locked),
    WhiteBoxTest("SuperSlabPool.purgeDropsFreeGranulesOnly", purge),
    WhiteBoxTest("SuperSlabPool.addressesGoToLargeRegionsAndComeBack", addresses),
  ]

  private static let granule = Int(Constants.granuleBytes)

  /// Uses a SuperSlab and gives it back.
  private static func use() -> UInt {
    guard let granule = SuperSlabPool.takeGranules() else { return 0 }
    Memory.storeWord(1, at: granule.start)
    let start = granule.superSlab.start
    SuperSlabPool.putGranules(granule)
    return start
  }

  private static func cold() {
    Fixture.setUp()
    let start = use()
    expect(whitebox_is_resident(start, 4096) == 0, "an empty SuperSlab keeps its pages")
    expect(SuperSlab.around(start)?.kind == .unused)
    expectEqual(UInt(SuperSlab.around(start)?.dirtyGranules ?? 1), 0, "the dirty granules")
    expect(use() == start, "another SuperSlab was made")
    expectEqual(SuperSlab.createdCount, 1, "SuperSlabs created")
  }

  private static func warm() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    // Wanted again at once, and again: from then on it is kept.
    for _ in 0..<4 { _ = use() }
    expect(SuperSlabPool.warmCount == 1)
    let start = use()
    expect(whitebox_is_resident(start, 4096) != 0, "a warm SuperSlab lost its pages")
    expectEqual(SuperSlabPool.warmCount, 1, "warm SuperSlabs")
  }

  private static func ageing() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    for _ in 0..<4 { _ = use() }
    let start = use()
    SuperSlabPool.purgeWarm(age: 3_600_000)
    expectEqual(SuperSlabPool.warmCount, 1, "warm SuperSlabs")
    whitebox_sleep(30)
    SuperSlabPool.purgeWarm(age: 10)
    expectEqual(SuperSlabPool.warmCount, 0, "warm SuperSlabs")
    expect(whitebox_is_resident(start, 4096) == 0)
    expect(use() == start)
  }

  private static func prewarm() {
    for prefault in [Prefault.populate, .touch, .off] {
      let status = Fixture.inChild {
        Fixture.setUp()
        expectEqual(SuperSlabPool.prewarm(3, prefault: prefault), 3, "SuperSlabs made ready")
        guard let granule = SuperSlabPool.takeGranules() else { return expect(false) }
        expect(!granule.areDirty)
        expect(Memory.loadWord(at: granule.start &+ 8192) == 0)
        let start = granule.superSlab.start
        let isPresent = whitebox_is_resident(start, Int(Constants.superSlabBytes)) != 0
        expect(isPresent == (prefault != .off))
        Purge.run(age: 0)
        expectEqual(SuperSlabPool.prewarm(2, prefault: .off), 2, "SuperSlabs made ready again")
        expectEqual(SuperSlab.createdCount, 3, "SuperSlabs created")
        var present = 0
        SuperSlab.forEach {
          if $0.start != start, whitebox_is_resident($0.start, 4096) != 0 { present += 1 }
        }
        expectEqual(present, 0, "unused SuperSlabs with pages after a purge")
      }
      expectEqual(status, 0, "the exit status")
    }
  }

  private static func dirtyGranules() {
    Fixture.setUp()
    guard let first = SuperSlabPool.takeGranules(), let second = SuperSlabPool.takeGranules() else {
      return expect(false)
    }
    expect(first.start != second.start && !first.areDirty && !second.areDirty)
    SuperSlabPool.putGranules(second)
    guard let again = SuperSlabPool.takeGranules() else { return expect(false) }
    expect(again.start == second.start && again.areDirty)
    expect(!first.areDirty)
  }

  private static func locked() {
    Fixture.setUp()
    guard let first = SuperSlabPool.takeGranules(), let second = SuperSlabPool.takeGranules(),
      whitebox_lock_memory(second.start, granule) != 0
    else { return }
    Memory.storeWord(1, at: second.start)
    SuperSlabPool.putGranules(second)
    Purge.run(age: 0)
    guard let again = SuperSlabPool.takeGranules() else { return expect(false) }
    expect(again.start == second.start && Memory.loadWord(at: again.start) == 1)
    expect(again.areDirty, "locked pages are taken for zeroes")
    SuperSlabPool.putGranules(again)
    SuperSlabPool.putGranules(first)
    expect(first.superSlab.kind == .unused)
    guard let last = SuperSlabPool.takeGranules(), let locked = SuperSlabPool.takeGranules() else {
      return expect(false)
    }
    expect(last.start == first.start && locked.start == second.start)
    expect(locked.areDirty, "locked pages are taken for zeroes")
  }

  private static func purge() {
    Fixture.setUp()
    var granules: [Granules] = []
    for index in 0..<32 {
      guard let granule = SuperSlabPool.takeGranules() else { return expect(false) }
      Memory.storeWord(UInt(index) + 1, at: granule.start)
      granules.append(granule)
    }
    for index in [0, 1, 2, 7, 30, 31] { SuperSlabPool.putGranules(granules[index]) }
    Purge.run(age: 3_600_000)
    expect(whitebox_is_resident(granules[0].start, 4096) != 0, "young granules lost their pages")
    Purge.run(age: 0)
    for index in 0..<32 {
      let isFree = [0, 1, 2, 7, 30, 31].contains(index)
      expect((whitebox_is_resident(granules[index].start, 4096) == 0) == isFree)
      expect(Memory.loadWord(at: granules[index].start) == (isFree ? 0 : UInt(index) + 1))
    }
    for _ in 0..<6 {
      guard let granule = SuperSlabPool.takeGranules() else { return expect(false) }
      expect(!granule.areDirty)
    }
  }

  private static func addresses() {
    expect(whitebox_limit_address_space(600 << 20) != 0)
    Fixture.setUp()
    for _ in 0..<3 {
      var granules: [Granules] = []
      while let granule = SuperSlabPool.takeGranules() {
        expectEqual(Memory.loadWord(at: granule.start), granule.areDirty ? 7 : 0, "the first word")
        Memory.storeWord(7, at: granule.start)
        granules.append(granule)
      }
      expect(granules.count > 200 * 32, "most of the limit serves for SuperSlabs")
      expect(LargeRegions.allocate(200 << 20, alignment: 2 << 20, zero: false) == nil)
      for granule in granules { SuperSlabPool.putGranules(granule) }
      guard let region = LargeRegions.allocate(400 << 20, alignment: 2 << 20, zero: true) else {
        return expect(false, "the addresses of empty SuperSlabs serve nothing else")
      }
      Memory.storeWord(1, at: region.start)
      Memory.storeWord(1, at: region.start &+ 400 << 20 &- 8)
      expect(LargeRegion.starting(at: region.start) == region)
      expect(region.claimFree())
      LargeRegions.free(region)
    }
  }
}
