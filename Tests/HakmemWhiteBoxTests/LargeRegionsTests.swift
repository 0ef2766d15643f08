import CHakmemWhiteBox
import HakmemPages
import HakmemPlatform
import Synchronization

enum LargeRegionsTests {
  static let all = [
    WhiteBoxTest("LargeRegions.areAlignedZeroAndRegistered", allocation),
    WhiteBoxTest("LargeRegions.growInPlaceOrMoveWithTheirContents", growth),
    WhiteBoxTest("LargeRegions.movingLeavesOthersRegistered", moves),
    WhiteBoxTest("LargeRegions.shrinkWhereTheyStand", shrinking),
    WhiteBoxTest("LargeRegions.areKeptOnceTheyWereMissed", keeping),
    WhiteBoxTest("LargeRegions.ghostsFarTooShortEarnNothing", shortGhosts),
    WhiteBoxTest("LargeRegions.keptOnesFitZeroesWithinAnEighth", fitting),
    WhiteBoxTest("LargeRegions.keptOnesGoWithAgeAndBound", ageing),
    WhiteBoxTest("LargeRegions.zeroedOnesReadAsZeroes", zeroing),
    WhiteBoxTest("LargeRegions.lockedOnesAreZeroedByWriting", locked),
    WhiteBoxTest("LargeRegions.littleUsedZeroedOnesKeepAddressesAlone", emptying),
    WhiteBoxTest("LargeRegions.emptyOnesServeShorterBlocks", shortening),
    WhiteBoxTest("LargeRegions.emptyOnesAreFewAndGoWithAge", fewEmpty),
    WhiteBoxTest("LargeRegions.manyInARowShareMappings", inARow),
    WhiteBoxTest("LargeRegions.lockedOnesAreNotMappedAhead", lockedInARow),
    WhiteBoxTest("LargeRegions.hardenedOnesLeaveNothing", hardened),
    WhiteBoxTest("LargeRegions.oneOfManyThreadsFreesARegion", claiming),
    WhiteBoxTest("LargeRegions.impossibleSizesChangeNothing", impossible),
    WhiteBoxTest("LargeRegions.threadsShareThem", threads),
  ]

  static let mebibyte: UInt = 1 << 20

  static func allocate(
    _ bytes: UInt, alignment: UInt = Constants.pageBytes, zero: Bool = false
  ) -> LargeRegion {
    guard let region = LargeRegions.allocate(bytes, alignment: alignment, zero: zero) else {
      Fatal.stop("memory ended")
    }
    return region
  }

  static func free(_ region: LargeRegion) {
    expect(region.claimFree())
    LargeRegions.free(region)
  }

  static func mark(_ region: LargeRegion, from first: UInt = 0) {
    for offset in stride(from: first, to: region.byteCount, by: 1 << 16) {
      Memory.storeWord(offset &+ 1, at: region.start &+ offset)
    }
    Memory.storeWord(77, at: region.start &+ region.byteCount &- 8)
  }

  static func isMarked(_ region: LargeRegion, upTo bytes: UInt) -> Bool {
    for offset in stride(from: 0, to: bytes, by: 1 << 16)
    where Memory.loadWord(at: region.start &+ offset) != offset &+ 1 { return false }
    return true
  }

  static func isZero(_ region: LargeRegion) -> Bool {
    for offset in stride(from: 0, to: region.byteCount, by: 512)
    where Memory.loadWord(at: region.start &+ offset) != 0 { return false }
    return true
  }

  private static func allocation() {
    Fixture.setUp()
    var total = 0
    for (index, bytes) in [mebibyte + 1, 2 * mebibyte, 3 * mebibyte - 1, 40 * mebibyte].enumerated()
    {
      var alignment = Constants.superSlabBytes
      while alignment <= 1 << 30 {
        let region = allocate(bytes, alignment: alignment, zero: true)
        expect(region.start % alignment == 0 && region.byteCount >= bytes)
        expect(region.byteCount - bytes < 1 << 16)
        expect(isZero(region) && region.isLive)
        mark(region)
        expect(LargeRegion.starting(at: region.start) == region)
        expect(LargeRegion.around(region.start &+ 5) == region)
        expect(LargeRegion.starting(at: region.start &+ 4096) == nil)
        total += Int(region.byteCount)
        alignment *= 8
        expectEqual(LargeRegions.liveBytes, total, "the live bytes")
      }
      expect(LargeRegions.liveCount > index)
    }
    var found = 0
    LargeRegions.forEach { if $0.isLive { found += 1 } }
    expectEqual(found, LargeRegions.liveCount, "live regions found")
  }

  private static func growth() {
    Fixture.setUp()
    let region = allocate(2 * mebibyte)
    mark(region)
    var bytes = 2 * mebibyte
    var moved = 0
    while bytes < 512 * mebibyte {
      let old = region.byteCount
      let start = region.start
      bytes += bytes / 2
      expect(LargeRegions.resize(region, to: bytes))
      expect(region.byteCount >= bytes)
      if region.start != start {
        moved += 1
        expect(SuperSlabRegistry.record(at: start) == 0, "the old address is still registered")
      }
      expect(LargeRegion.starting(at: region.start) == region)
      expect(isMarked(region, upTo: old), "a region that grew lost its contents")
      expect(Memory.loadWord(at: region.start &+ region.byteCount &- 8) == 0)
      mark(region, from: old.roundedUp(to: 1 << 16))
      Memory.storeWord(0, at: region.start &+ region.byteCount &- 8)
    }
    expect(moved < 10, "most steps grow in place")
    expectEqual(LargeRegions.liveBytes, Int(region.byteCount), "the live bytes")
    free(region)
    expectEqual(LargeRegions.liveBytes, 0, "the live bytes")
    expectEqual(LargeRegions.liveCount, 0, "the live regions")
  }

  /// Regions that move and regions that are made meanwhile stay registered.
  private static func moves() {
    Fixture.setUp()
    Fixture.onThreads(4) { thread in
      var random = Random(thread + 23)
      for _ in 0..<150 {
        let region = allocate(2 * mebibyte)
        Memory.storeWord(UInt(thread), at: region.start)
        for _ in 0..<3 {
          let bytes = region.byteCount &+ UInt(1 + random.below(8)) &* mebibyte
          expect(LargeRegions.resize(region, to: bytes))
          expect(LargeRegion.starting(at: region.start) == region, "a region is not registered")
          expectEqual(Memory.loadWord(at: region.start), UInt(thread), "the first word")
        }
        free(region)
      }
    }
    var found = 0
    LargeRegions.forEach { if $0.isLive { found += 1 } }
    expectEqual(found, 0, "live regions")
    expectNoFault(LargeRegions.fault)
  }

  private static func shrinking() {
    Fixture.setUp()
    let region = allocate(16 * mebibyte)
    mark(region)
    let start = region.start
    expect(LargeRegions.resize(region, to: 3 * mebibyte + 1))
    expect(region.start == start)
    expectEqual(region.byteCount, (3 * mebibyte + 1).roundedUp(to: 4096), "the mapped bytes")
    expect(isMarked(region, upTo: 3 * mebibyte))
    expect(whitebox_is_resident(start &+ 4 * mebibyte, 4096) == 0)
    expect(LargeRegions.resize(region, to: 3 * mebibyte + 1), "the same size again")
    expectEqual(LargeRegions.liveBytes, Int(region.byteCount), "the live bytes")
    free(region)
  }

  static func cycle(_ bytes: UInt) -> UInt {
    let region = allocate(bytes)
    Memory.storeWord(1, at: region.start)
    let start = region.start
    free(region)
    return start
  }

  private static func keeping() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    _ = cycle(4 * mebibyte)
    expectEqual(LargeRegions.keptBytes, 0, "the kept bytes after one use")
    for _ in 0..<4 { _ = cycle(4 * mebibyte) }
    expectEqual(LargeRegions.keptBytes, Int(4 * mebibyte), "the kept bytes after five")
    expectNoFault(LargeRegions.fault)
    let kept = cycle(4 * mebibyte)
    expect(cycle(4 * mebibyte) == kept, "a kept region serves again")
    expect(LargeRegion.starting(at: kept)?.isLive == false)
    expect(LargeRegion.starting(at: kept)?.claimFree() == false, "a kept region cannot be freed")
  }

  /// A ghost that is less than half as long would hardly have helped.
  private static func shortGhosts() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    for bytes: UInt in [2, 7, 22, 67, 202, 607] { _ = cycle(bytes * mebibyte) }
    expectEqual(LargeRegions.keptBytes, 0, "the kept bytes")
    for bytes: UInt in [2, 3, 4, 6, 9, 13, 19] { _ = cycle(bytes * mebibyte) }
    expect(LargeRegions.keptBytes > 0, "ghosts that would have grown earn nothing")
    expectNoFault(LargeRegions.fault)
  }

  /// Beyond 32 MiB zeroes are not written but had from new pages: all of a region's go for them.
  private static func fitting() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    for _ in 0..<5 { _ = cycle(80 * mebibyte) }
    let kept = LargeRegions.keptBytes
    expectEqual(kept, Int(80 * mebibyte), "the kept bytes")
    let smaller = allocate(70 * mebibyte, zero: true)
    expectEqual(smaller.mappedBytes, 70 * mebibyte, "the bytes of a region that is cleared")
    expectEqual(LargeRegions.keptBytes, kept, "the kept bytes")
    let aligned = allocate(80 * mebibyte, alignment: 1 << 40)
    expect(aligned.start % (1 << 40) == 0)
    let fitting = allocate(80 * mebibyte - 4096, zero: true)
    expectEqual(fitting.byteCount, 80 * mebibyte, "the mapped bytes")
    expectEqual(LargeRegions.keptBytes, 0, "the kept bytes")
    expectNoFault(LargeRegions.fault)
  }

  private static func ageing() {
    Fixture.set("HAKMEM_PURGE_DELAY", "60000")
    Fixture.setUp("HAKMEM_WARM_MIB", "8")
    for _ in 0..<12 {
      let first = allocate(3 * mebibyte)
      let second = allocate(4 * mebibyte)
      let third = allocate(5 * mebibyte)
      free(first)
      free(second)
      free(third)
      expect(LargeRegions.keptBytes <= 32 << 20, "more is kept than allowed")
      expectNoFault(LargeRegions.fault)
    }
    expect(LargeRegions.keptBytes > 0)
    LargeRegions.purge(age: 3_600_000)
    expect(LargeRegions.keptBytes > 0, "young regions went")
    LargeRegions.purge(age: 0)
    expectEqual(LargeRegions.keptBytes, 0, "the kept bytes")
    expectNoFault(LargeRegions.fault)
    expectEqual(LargeRegions.liveCount, 0, "live regions")
    var found = 0
    SuperSlabRegistry.forEachRecord { if SpanKind.of(record: $0) == .large { found += 1 } }
    expectEqual(found, 0, "regions in the registry")
  }

  private static func zeroing() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    // Below and above the size from which pages are dropped rather than written.
    for bytes in [3 * mebibyte, 9 * mebibyte, 40 * mebibyte] {
      for _ in 0..<6 {
        let region = allocate(bytes, zero: true)
        expect(isZero(region), "a zeroed region is not zero")
        mark(region)
        free(region)
      }
      expect(LargeRegions.keptBytes > 0)
    }
  }

  /// Blocks of zeroes of which a page is used, until their addresses are kept.
  private static func churnZeroed(_ bytes: UInt, times: Int = 6) -> UInt {
    var start: UInt = 0
    for _ in 0..<times {
      let region = allocate(bytes, zero: true)
      expect(isZero(region), "a zeroed region is not zero")
      Memory.storeWord(1, at: region.start)
      start = region.start
      free(region)
      expectNoFault(LargeRegions.fault)
    }
    return start
  }

  private static func emptying() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    let charged = MemoryLimit.usedBytes
    for bytes in [3 * mebibyte, 20 * mebibyte] {
      let start = churnZeroed(bytes)
      expectEqual(LargeRegions.keptBytes, 0, "the kept bytes")
      expect(whitebox_is_resident(start, 4096) != 0, "the first page went")
      expect(whitebox_is_resident(start &+ 4096, 4096) == 0, "an empty region has pages")
      expect(LargeRegion.starting(at: start)?.isEmpty == true, "a region's addresses are not kept")
      expect(LargeRegion.starting(at: start)?.claimFree() == false, "an empty region can be freed")
      expect(MemoryLimit.usedBytes &- charged < 1 << 20, "an empty region is charged")
      let again = allocate(bytes)
      expectEqual(again.start, start, "the region that serves again")
      expect(MemoryLimit.usedBytes &- charged >= Int(bytes), "a region is not charged")
      free(again)
    }
    LargeRegions.purge(age: 0)
    expect(MemoryLimit.usedBytes &- charged < 1 << 20, "a region was charged twice")
  }

  private static func shortening() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    let start = churnZeroed(8 * mebibyte)
    let region = allocate(5 * mebibyte + 1, zero: true)
    expectEqual(region.start, start, "the region that serves a shorter block")
    expectEqual(region.byteCount, (5 * mebibyte + 1).roundedUp(to: 4096), "its bytes")
    mark(region)
    let calls = PageCounters.activity
    expect(LargeRegions.resize(region, to: 7 * mebibyte), "it grows where it stands")
    expectEqual(PageCounters.activity, calls, "calls of the kernel")
    expect(region.start == start && isMarked(region, upTo: 5 * mebibyte))
    expect(LargeRegions.resize(region, to: 30 * mebibyte))
    expect(isMarked(region, upTo: 5 * mebibyte), "a region that grew lost its contents")
    expect(LargeRegions.resize(region, to: 2 * mebibyte))
    expect(region.mappedBytes == 2 * mebibyte, "what is cut off stays mapped")
    free(region)
    _ = churnZeroed(8 * mebibyte)
    let tooShort = allocate(2 * mebibyte)
    expect(tooShort.mappedBytes < 8 * mebibyte, "a block has far more addresses than it needs")
    expectNoFault(LargeRegions.fault)
  }

  private static func fewEmpty() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    _ = churnZeroed(5 * mebibyte)
    var regions: [LargeRegion] = []
    for _ in 0..<40 { regions.append(allocate(5 * mebibyte, zero: true)) }
    for region in regions { free(region) }
    expectNoFault(LargeRegions.fault)
    var found = 0
    LargeRegions.forEach { if $0.isEmpty { found += 1 } }
    expectEqual(found, 16, "empty regions")
    _ = churnZeroed(100 * mebibyte)
    LargeRegions.forEach { expect($0.mappedBytes < 64 * mebibyte, "a long region stays") }
    LargeRegions.purge(age: 3_600_000)
    found = 0
    LargeRegions.forEach { if $0.isEmpty { found += 1 } }
    expectEqual(found, 16, "empty regions that are young")
    LargeRegions.purge(age: 0)
    LargeRegions.forEach { _ in expect(false, "a region stays") }
    expectNoFault(LargeRegions.fault)
  }

  private static func inARow() {
    Fixture.setUp()
    let count = 200
    let maps = PageCounters.shared.pointee.maps.load(ordering: .relaxed)
    var regions: [LargeRegion] = []
    for _ in 0..<count {
      let region = allocate(3 * mebibyte + 1, zero: true)
      expect(LargeRegion.starting(at: region.start) == region)
      regions.append(region)
    }
    expect(
      PageCounters.shared.pointee.maps.load(ordering: .relaxed) - maps < count * 3 / 4,
      "each region has a mapping of its own")
    for region in regions {
      expect(isZero(region), "a zeroed region is not zero")
      mark(region)
    }
    // Some grow where they stand, some move.
    for (index, region) in regions.enumerated() where index % 3 == 0 {
      let bytes = region.byteCount
      expect(LargeRegions.resize(region, to: bytes &+ UInt(index % 4) &* mebibyte))
      expect(isMarked(region, upTo: bytes), "a region that grew lost its contents")
    }
    let charged = MemoryLimit.usedBytes
    for region in regions {
      expect(isMarked(region, upTo: 3 * mebibyte), "regions overlap")
      free(region)
    }
    expect(charged - MemoryLimit.usedBytes >= count * 3 << 20, "regions are still charged")
    LargeRegions.purge(age: 0)
    LargeRegions.forEach { _ in expect(false, "a region stays") }
    expectEqual(
      PageCounters.shared.pointee.mappedBytes.load(ordering: .relaxed), 0, "mapped bytes")
    expectNoFault(LargeRegions.fault)
  }

  /// A process that locks all of its future memory would get the pages of all of them at once.
  private static func lockedInARow() {
    Fixture.setUp()
    guard whitebox_lock_future_memory() != 0 else { return }
    let count = 20
    let maps = PageCounters.shared.pointee.maps.load(ordering: .relaxed)
    for _ in 0..<count {
      let region = allocate(2 * mebibyte)
      expectEqual(region.mappedBytes, 2 * mebibyte, "the mapped bytes")
    }
    expectEqual(
      PageCounters.shared.pointee.maps.load(ordering: .relaxed) - maps, count, "mappings")
  }

  private static func hardened() {
    Fixture.set("HAKMEM_PURGE_DELAY", "60000")
    Fixture.setUp("HAKMEM_MODE", "hardened")
    let start = churnZeroed(8 * mebibyte)
    expect(LargeRegion.around(start) == nil, "a freed region can still be written to")
  }

  private static func locked() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    for _ in 0..<5 { _ = cycle(6 * mebibyte) }
    let region = allocate(6 * mebibyte)
    guard whitebox_lock_memory(region.start, Int(region.byteCount)) != 0 else { return }
    mark(region)
    let start = region.start
    free(region)
    let again = allocate(6 * mebibyte, zero: true)
    expect(again.start == start && isZero(again), "a zeroed region of locked pages is not zero")
  }

  private static func claiming() {
    Fixture.setUp()
    for _ in 0..<50 {
      let region = allocate(2 * mebibyte)
      let winners = Fixture.words(1)
      Fixture.onThreads(4) { _ in
        if region.claimFree() { winners.pointee.wrappingAdd(1, ordering: .relaxed) }
      }
      expectEqual(winners.pointee.load(ordering: .relaxed), 1, "threads that freed the region")
      LargeRegions.free(region)
    }
  }

  private static func impossible() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    for _ in 0..<5 { _ = cycle(4 * mebibyte) }
    let region = allocate(2 * mebibyte)
    let kept = LargeRegions.keptBytes
    expect(kept > 0)
    for bytes: UInt in [1 << 47, 1 << 62, UInt(Int.max), 1 << 63, .max - 4096, .max] {
      expect(LargeRegions.allocate(bytes, alignment: 1 << 21, zero: false) == nil)
      if bytes <= UInt(Int.max) { expect(!LargeRegions.resize(region, to: bytes)) }
    }
    expect(LargeRegions.allocate(4096, alignment: 1 << 62, zero: false) == nil)
    expectEqual(LargeRegions.keptBytes, kept, "the kept bytes")
    expectEqual(region.byteCount, 2 * mebibyte, "the mapped bytes")
    expectEqual(LargeRegions.liveCount, 1, "live regions")
  }

  private static func threads() {
    Fixture.setUp()
    Fixture.onThreads(4) { thread in
      var random = Random(thread + 29)
      var regions: [LargeRegion] = []
      for round in 0..<400 {
        if regions.count < 6, random.bool() {
          let zero = random.bool()
          let region = allocate(UInt(1 + random.below(6)) &* mebibyte &+ 1, zero: zero)
          if zero { expect(isZero(region), "a zeroed region is not zero") }
          if random.bool() { mark(region) }
          Memory.storeWord(UInt(round), at: region.start &+ 8)
          Memory.storeWord(region.address, at: region.start)
          regions.append(region)
        } else if !regions.isEmpty {
          let region = regions.remove(at: random.below(regions.count))
          expectEqual(Memory.loadWord(at: region.start), region.address, "a region's mark")
          free(region)
        }
        if round % 100 == 0 { LargeRegions.purge(age: 0) }
      }
      for region in regions { free(region) }
    }
    expectEqual(LargeRegions.liveBytes, 0, "the live bytes")
    expectNoFault(LargeRegions.fault)
  }
}
