import CHakmemWhiteBox
import HakmemPages
import HakmemPlatform
import Synchronization

/// Kept regions that serve blocks of other sizes than the last: cut, joined, grown.
enum LargeRegionPiecesTests {
  static let all = [
    WhiteBoxTest("LargeRegionPieces.arePartsOfOneKeptRegionAndJoinAgain", parts),
    WhiteBoxTest("LargeRegionPieces.growIntoWhatIsKeptBehindThem", growth),
    WhiteBoxTest("LargeRegionPieces.aShorterKeptRegionGrows", shorter),
    WhiteBoxTest("LargeRegionPieces.aClearedRegionThatGrowsIsZero", cleared),
    WhiteBoxTest("LargeRegionPieces.growthIsMissedToo", missedGrowth),
    WhiteBoxTest("LargeRegionPieces.slackIsKeptAndAges", slack),
    WhiteBoxTest("LargeRegionPieces.slackServesItsBlockAgain", slackGrowth),
    WhiteBoxTest("LargeRegionPieces.whatNobodyWantsAgesBesideWhatIsUsed", ages),
    WhiteBoxTest("LargeRegionPieces.onlyWhatPassesTheBoundGoes", bound),
    WhiteBoxTest("LargeRegionPieces.littleStaysWhenNearlyAllIsFreed", idle),
    WhiteBoxTest("LargeRegionPieces.areChargedOnce", charges),
    WhiteBoxTest("LargeRegionPieces.hugePagesAreNotCut", huge),
    WhiteBoxTest("LargeRegionPieces.neverOverlap", shadow),
  ]

  private typealias Regions = LargeRegionsTests
  private static let mebibyte: UInt = 1 << 20

  /// A kept region of `bytes` with all of its pages.
  private static func keep(_ bytes: UInt) -> UInt {
    for _ in 0..<6 { Regions.free(Regions.allocate(bytes)) }
    let region = Regions.allocate(bytes)
    Regions.mark(region)
    for page in stride(from: 0, to: bytes, by: 4096) {
      Memory.storeWord(9, at: region.start &+ page)
    }
    let start = region.start
    Regions.free(region)
    expectEqual(LargeRegions.keptBytes, Int(bytes), "the kept bytes")
    return start
  }

  private static func areResident(_ region: LargeRegion) -> Bool {
    whitebox_is_resident(region.start, Int(region.byteCount)) != 0
  }

  private static func parts() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    let start = keep(40 * mebibyte)
    let activity = PageCounters.activity
    var regions: [LargeRegion] = []
    for bytes in [9 * mebibyte, 3 * mebibyte + 4096, 14 * mebibyte, 5 * mebibyte + 12288] {
      let region = Regions.allocate(bytes)
      expect(region.start >= start && region.start + bytes <= start + 40 * mebibyte)
      expect(region.byteCount - bytes <= bytes / 8 && areResident(region))
      expect(LargeRegion.starting(at: region.start) == region && region.isLive)
      for other in regions {
        expect(
          region.start >= other.start + other.byteCount || other.start >= region.start + bytes,
          "two blocks overlap")
      }
      regions.append(region)
      expectNoFault(LargeRegions.fault)
    }
    for index in [1, 3, 0, 2] {
      Regions.free(regions[index])
      expectNoFault(LargeRegions.fault)
    }
    let whole = Regions.allocate(40 * mebibyte)
    expect(whole.start == start && whole.byteCount == 40 * mebibyte, "the parts were not joined")
    expectEqual(PageCounters.activity, activity, "calls of the kernel")
    expectEqual(LargeRegions.keptBytes, 0, "the kept bytes")
    Regions.free(whole)
  }

  private static func growth() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    let start = keep(64 * mebibyte)
    let activity = PageCounters.activity
    let region = Regions.allocate(2 * mebibyte)
    Regions.mark(region)
    var bytes = region.byteCount
    while bytes < 64 * mebibyte {
      let old = bytes
      bytes = min(bytes + bytes / 2, 64 * mebibyte)
      expect(LargeRegions.resize(region, to: bytes))
      expect(region.start == start && region.byteCount >= bytes, "it grows where it stands")
      expect(Regions.isMarked(region, upTo: old), "a block lost its contents")
      Regions.mark(region, from: old.roundedUp(to: 1 << 16))
      expectNoFault(LargeRegions.fault)
    }
    expectEqual(PageCounters.activity, activity, "calls of the kernel")
    expectEqual(LargeRegions.keptBytes, 0, "the kept bytes")
    expect(LargeRegions.resize(region, to: 90 * mebibyte))
    expect(Regions.isMarked(region, upTo: 64 * mebibyte), "a block lost its contents")
    Regions.free(region)
    expectEqual(LargeRegions.liveBytes, 0, "the live bytes")
  }

  private static func shorter() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    _ = keep(20 * mebibyte)
    let region = Regions.allocate(33 * mebibyte)
    expect(region.byteCount >= 33 * mebibyte)
    expect(whitebox_is_resident(region.start, Int(20 * mebibyte)) != 0, "its pages are new")
    expectEqual(LargeRegions.keptBytes, 0, "the kept bytes")
    Regions.mark(region)
    expect(Regions.isMarked(region, upTo: 33 * mebibyte))
    let other = Regions.allocate(2 * mebibyte)
    expect(whitebox_is_resident(other.start, 4096) == 0)
    Regions.free(region)
    LargeRegions.purge(age: 0)
    _ = keep(4 * mebibyte)
    let long = Regions.allocate(9 * mebibyte)
    expectEqual(LargeRegions.keptBytes, Int(4 * mebibyte), "far too short a region is used")
    Regions.free(long)
    Regions.free(other)
    expectNoFault(LargeRegions.fault)
  }

  /// What the background thread cleared takes what is dirty behind it.
  private static func cleared() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    let start = keep(9 * mebibyte)
    Regions.free(Regions.allocate(5 * mebibyte, zero: true))
    LargeRegions.zeroKept()
    let region = Regions.allocate(8 * mebibyte, zero: true)
    expect(region.start == start && Regions.isZero(region), "a zeroed region is not zero")
    expectNoFault(LargeRegions.fault)
  }

  /// A block that grows again and again earns what it needs, though it never asks for all at once.
  private static func missedGrowth() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    var activity: UInt = 0
    for round in 0..<8 {
      if round == 7 { activity = PageCounters.activity }
      let region = Regions.allocate(2 * mebibyte)
      while region.byteCount < 64 * mebibyte {
        expect(LargeRegions.resize(region, to: region.byteCount * 2))
      }
      Regions.free(region)
      expectNoFault(LargeRegions.fault)
    }
    expectEqual(LargeRegions.keptBytes, Int(64 * mebibyte), "the kept bytes")
    expectEqual(PageCounters.activity, activity, "calls of the kernel")
  }

  /// Of 3 MiB a block of 1.5 MiB needs half; the next region may begin 2 MiB further only.
  private static func leaveSlack() -> LargeRegion {
    _ = keep(3 * mebibyte)
    let region = Regions.allocate(mebibyte * 3 / 2)
    expectEqual(region.byteCount, mebibyte * 3 / 2, "the bytes of a block with slack")
    expect(region.mappedBytes >= 2 * mebibyte)
    expectEqual(LargeRegions.keptBytes, Int(mebibyte * 3 / 2), "the kept bytes, slack and rest")
    expectNoFault(LargeRegions.fault)
    return region
  }

  private static func slack() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    let region = leaveSlack()
    Regions.mark(region)
    let behind = region.start + region.byteCount
    LargeRegions.purge(age: 3_600_000)
    expect(whitebox_is_resident(behind, 4096) != 0, "young slack went")
    LargeRegions.purge(age: 0)
    expect(whitebox_is_resident(behind, 4096) == 0, "old slack stays")
    expectEqual(LargeRegions.keptBytes, 0, "the kept bytes")
    expect(Regions.isMarked(region, upTo: mebibyte), "a block lost its contents")
    expectNoFault(LargeRegions.fault)
    Regions.free(region)
    expectEqual(LargeRegions.liveBytes, 0, "the live bytes")
    // A block that is freed with its slack leaves both.
    let again = leaveSlack()
    Regions.free(again)
    expectEqual(LargeRegions.keptBytes, Int(3 * mebibyte), "the kept bytes")
    expectNoFault(LargeRegions.fault)
  }

  private static func slackGrowth() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    let region = leaveSlack()
    Regions.mark(region)
    let activity = PageCounters.activity
    expect(LargeRegions.resize(region, to: 2 * mebibyte - 4096))
    expect(region.byteCount >= 2 * mebibyte - 4096 && areResident(region))
    expectEqual(PageCounters.activity, activity, "calls of the kernel")
    expectEqual(LargeRegions.keptBytes, Int(mebibyte), "the kept bytes")
    expectEqual(LargeRegions.liveBytes, Int(region.byteCount), "the live bytes")
    expect(LargeRegions.resize(region, to: mebibyte + 4096), "it becomes shorter")
    expectEqual(LargeRegions.liveBytes, Int(mebibyte + 4096), "the live bytes")
    expect(Regions.isMarked(region, upTo: mebibyte))
    Regions.free(region)
    expectEqual(LargeRegions.liveBytes, 0, "the live bytes")
    expectNoFault(LargeRegions.fault)
  }

  private static func ages() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    let start = keep(40 * mebibyte)
    // What was kept before counts from the first look on.
    LargeRegions.purge(age: 1)
    whitebox_sleep(600)
    Regions.free(Regions.allocate(40 * mebibyte))
    LargeRegions.purge(age: 500)
    expectEqual(LargeRegions.keptBytes, Int(40 * mebibyte), "the kept bytes that were all wanted")
    whitebox_sleep(600)
    for _ in 0..<10 { Regions.free(Regions.allocate(3 * mebibyte)) }
    LargeRegions.purge(age: 3_600_000)
    expectEqual(LargeRegions.keptBytes, Int(40 * mebibyte), "the kept bytes that are young")
    LargeRegions.purge(age: 500)
    expect(LargeRegions.keptBytes <= Int(4 * mebibyte), "what nobody wanted stays")
    expect(LargeRegions.keptBytes >= Int(3 * mebibyte), "what was wanted went")
    expect(whitebox_is_resident(start &+ 20 * mebibyte, 4096) == 0)
    expectNoFault(LargeRegions.fault)
    whitebox_sleep(600)
    LargeRegions.purge(age: 500)
    expectEqual(LargeRegions.keptBytes, 0, "the kept bytes that nobody wanted any more")
  }

  private static func bound() {
    Fixture.set("HAKMEM_PURGE_DELAY", "60000")
    Fixture.setUp("HAKMEM_WARM_MIB", "16")
    _ = keep(16 * mebibyte)
    let first = Regions.allocate(16 * mebibyte)
    let second = Regions.allocate(5 * mebibyte)
    let other = Regions.allocate(5 * mebibyte)
    Regions.free(first)
    Regions.free(second)
    expect(LargeRegions.keptBytes > Int(13 * mebibyte), "more went than passed the bound")
    expect(LargeRegions.keptBytes <= Int(16 * mebibyte), "more is kept than allowed")
    expectNoFault(LargeRegions.fault)
    Regions.free(other)
  }

  /// Beyond HAKMEM_WARM_MIB a program keeps what it used lately, but not once it let go of all.
  private static func idle() {
    Fixture.set("HAKMEM_PURGE_DELAY", "60000")
    Fixture.setUp("HAKMEM_WARM_MIB", "8")
    let staying = Regions.allocate(30 * mebibyte)
    for _ in 0..<10 { Regions.free(Regions.allocate(24 * mebibyte)) }
    expectEqual(LargeRegions.keptBytes, Int(24 * mebibyte), "the kept bytes while others live")
    Regions.free(staying)
    expect(LargeRegions.keptBytes <= Int(8 * mebibyte), "too much stays")
    // Until that, too, is found to be wanted again.
    for _ in 0..<10 { Regions.free(Regions.allocate(24 * mebibyte)) }
    expectEqual(LargeRegions.keptBytes, Int(24 * mebibyte), "the kept bytes of one block at a time")
    expectNoFault(LargeRegions.fault)
  }

  private static func charges() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    let charged = MemoryLimit.usedBytes
    _ = keep(30 * mebibyte)
    let first = Regions.allocate(7 * mebibyte)
    let second = Regions.allocate(mebibyte + 4096)
    let third = Regions.allocate(40 * mebibyte)
    expect(LargeRegions.resize(first, to: 12 * mebibyte))
    expect(LargeRegions.resize(second, to: 5 * mebibyte))
    expect(LargeRegions.resize(third, to: 3 * mebibyte))
    for region in [second, third, first] { Regions.free(region) }
    LargeRegions.purge(age: 0)
    expect(abs(MemoryLimit.usedBytes - charged) < 1 << 20, "memory that went is charged")
    expectEqual(LargeRegions.keptBytes, 0, "the kept bytes")
    expectEqual(
      PageCounters.shared.pointee.mappedBytes.load(ordering: .relaxed), 0, "mapped bytes")
  }

  private static func huge() {
    Fixture.set("HAKMEM_PURGE_DELAY", "60000")
    Fixture.setUp("HAKMEM_THP", "on")
    _ = keep(20 * mebibyte)
    let first = Regions.allocate(3 * mebibyte)
    let second = Regions.allocate(5 * mebibyte)
    expect(
      first.start % Constants.superSlabBytes == 0 && second.start % Constants.superSlabBytes == 0)
    expectNoFault(LargeRegions.fault)
  }

  /// Blocks that come, grow, shrink and go, each full of its own number.
  private static func shadow() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    Fixture.onThreads(3) { thread in
      var random = Random(thread + 31)
      var blocks: [(region: LargeRegion, bytes: UInt)] = []
      func fill(_ block: (region: LargeRegion, bytes: UInt), from first: UInt) {
        for offset in stride(from: first, to: block.bytes, by: 4096) {
          Memory.storeWord(block.region.address &+ offset, at: block.region.start &+ offset)
        }
      }
      func expectFull(_ block: (region: LargeRegion, bytes: UInt), upTo bytes: UInt) {
        expect(LargeRegion.starting(at: block.region.start) == block.region)
        for offset in stride(from: 0, to: bytes, by: 4096)
        where Memory.loadWord(at: block.region.start &+ offset) != block.region.address &+ offset {
          return expect(false, "a block's contents are another's")
        }
      }
      for round in 0..<1500 {
        let bytes = UInt(257 + random.below(2000)) &* 4096
        let isFull = blocks.count >= 8
        if blocks.isEmpty || !isFull && random.below(2) == 0 {
          let zero = random.below(4) == 0
          let region = Regions.allocate(
            bytes, alignment: random.below(8) == 0 ? 1 << 22 : 4096, zero: zero)
          if zero { expect(Regions.isZero(region), "a zeroed region is not zero") }
          blocks.append((region, bytes))
          fill(blocks[blocks.count - 1], from: 0)
        } else {
          let index = random.below(blocks.count)
          let old = blocks[index].bytes
          expectFull(blocks[index], upTo: old)
          if random.below(2) == 0 {
            Regions.free(blocks.remove(at: index).region)
          } else {
            expect(LargeRegions.resize(blocks[index].region, to: bytes))
            blocks[index].bytes = bytes
            expectFull(blocks[index], upTo: min(old, bytes))
            fill(blocks[index], from: min(old, bytes))
          }
        }
        if round % 300 == 0 { LargeRegions.purge(age: 0) }
      }
      for block in blocks {
        expectFull(block, upTo: block.bytes)
        Regions.free(block.region)
      }
    }
    expectNoFault(LargeRegions.fault)
    expectEqual(LargeRegions.liveBytes, 0, "the live bytes")
    expectEqual(LargeRegions.liveCount, 0, "the live regions")
    LargeRegions.purge(age: 0)
    LargeRegions.forEach { _ in expect(false, "a region stays") }
    expectEqual(
      PageCounters.shared.pointee.mappedBytes.load(ordering: .relaxed), 0, "mapped bytes")
  }
}
