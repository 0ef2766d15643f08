import CHakmemWhiteBox
import HakmemPages
import HakmemPlatform
import HakmemSlabs
import Synchronization

enum SlabPagesTests {
  static let all = [
    WhiteBoxTest("SlabPages.thoseWithoutALiveBlockGo", exact),
    WhiteBoxTest("SlabPages.ofLiveBlocksAreLeftAlone", contents),
    WhiteBoxTest("SlabPages.thatWentServeLast", order),
    WhiteBoxTest("SlabPages.goWhenIdleTwice", idle),
    WhiteBoxTest("SlabPages.goAtOnceBeyondTheBound", bound),
    WhiteBoxTest("SlabPages.wantedAgainSoonAreKept", regret),
    WhiteBoxTest("SlabPages.ofADeadSlabAreZeroIfAllWent", zero),
    WhiteBoxTest("SlabPages.behindTheLastBlockAreNotMadeReady", freshTails),
    WhiteBoxTest("SlabPages.behindTheLastBlockGoWhenSeenTwice", usedTails),
    WhiteBoxTest("SlabPages.behindTheLastBlockThatStayAreNotTakenForZero", lockedTails),
    WhiteBoxTest("SlabPages.thatWerePrewarmedNeedNoCallOfTheirOwn", prewarmed),
  ]

  private static let page = 4096

  private static func slots(_ count: Int) -> UnsafeMutablePointer<UInt> {
    Memory.pointer(at: Fixture.memory(count * 8))
  }

  /// Carves blocks and writes to each.
  private static func carve(_ count: Int, _ sizeClass: SizeClass) -> UnsafeMutablePointer<UInt> {
    let blocks = slots(count)
    var carved = 0
    while carved < count {
      carved +=
        SlabList(sizeClass).carve(into: UInt(bitPattern: blocks + carved), count: count - carved)
        .count
    }
    for index in 0..<count {
      Memory.storeWord(blocks[index], at: blocks[index])
      Memory.storeWord(blocks[index], at: blocks[index] &+ sizeClass.blockBytes &- 8)
    }
    return blocks
  }

  private static func free(_ block: UInt, _ sizeClass: SizeClass) {
    var block = block
    withUnsafeMutablePointer(to: &block) {
      SlabList.giveBack(UInt(bitPattern: $0), count: 1, of: sizeClass) { _, _ in
        expect(false, "a live block is rejected")
      }
    }
  }

  private static func isResident(_ address: UInt) -> Bool {
    whitebox_is_resident(address & ~UInt(page - 1), page) != 0
  }

  /// What is ready is carved at once; else carving stops at the end of a page.
  private static func prewarmed() {
    Fixture.setUp()
    expectEqual(SuperSlabPool.prewarm(1, prefault: .populate), 1, "SuperSlabs")
    let count = 30
    let blocks = UInt(bitPattern: slots(count))
    for _ in 0..<2 {
      guard let slab = Slab.create(SizeClass.serving(1024)) else { return expect(false) }
      expectEqual(slab.carve(into: blocks, count: count).count, count, "blocks of a ready slab")
    }
    // Wide slabs have SuperSlabs of their own.
    var number = 1
    while SizeClass(number).slabSpan == 1 { number += 1 }
    guard let slab = Slab.create(SizeClass(number)) else { return expect(false) }
    expect(slab.carve(into: blocks, count: count).count < count)
  }

  /// Of each class some blocks stay, chosen at random: exactly their pages stay, too.
  private static func exact() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    var random = Random(5)
    for number in stride(from: 1, to: SizeClass.count, by: 2) {
      let sizeClass = SizeClass(number)
      let count = 3 * sizeClass.blocksPerSlab
      // Where a block takes pages of its own, many leave gaps of all lengths.
      let oneIn = sizeClass.blocksPerSlab > 64 ? count / 12 : 2 + number % 4
      let blocks = carve(count, sizeClass)
      let first = blocks[0] & ~(Constants.superSlabBytes &- 1)
      let isLive: UnsafeMutablePointer<UInt8> = Memory.pointer(
        at: Fixture.memory(2 * Int(Constants.superSlabBytes) / page))
      for index in 0..<count {
        let keeps = random.below(oneIn) == 0
        guard keeps else {
          free(blocks[index], sizeClass)
          continue
        }
        var offset = blocks[index] &- first
        while offset < blocks[index] &- first &+ sizeClass.blockBytes {
          if offset / UInt(page) < 1024 { isLive[Int(offset) / page] = 1 }
          offset = (offset & ~UInt(page - 1)) &+ UInt(page)
        }
      }
      SlabList(sizeClass).sweep(keeping: 3, .all)
      // Where slabs of a medium class lay.
      Purge.run(age: 0)
      for index in 0..<count where blocks[index] &- first < 2 * Constants.superSlabBytes {
        let page = Int(blocks[index] &- first) / page
        expect(isResident(blocks[index]) == (isLive[page] != 0), "a page is where it should not be")
      }
    }
  }

  /// Threads of chance: what is live keeps its contents while others' pages go.
  private static func contents() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    var random = Random(77)
    for number in [1, 3, 9, 20, 33, 47, 60, 81, 90, 96] {
      let sizeClass = SizeClass(number)
      let most = 4 * sizeClass.blocksPerSlab
      let live = slots(most)
      var count = 0
      for round in 0..<400 {
        let goal = random.below(most)
        while count < goal {
          let taken = SlabList(sizeClass).carve(
            into: UInt(bitPattern: live + count), count: min(38, goal - count)
          ).count
          for index in count..<(count + taken) {
            Memory.storeWord(live[index], at: live[index])
            Memory.storeWord(live[index], at: live[index] &+ sizeClass.blockBytes &- 8)
          }
          count += taken
        }
        while count > goal {
          let chosen = random.below(count)
          let block = live[chosen]
          expect(
            Memory.loadWord(at: block) == block
              && (sizeClass.blockBytes < 24
                || Memory.loadWord(at: block &+ sizeClass.blockBytes &- 8) == block),
            "a live block changed")
          count -= 1
          live[chosen] = live[count]
          free(block, sizeClass)
        }
        SlabList(sizeClass).sweep(keeping: 1, round % 3 == 0 ? .all : .idle)
      }
      for index in 0..<count { free(live[index], sizeClass) }
      SlabList(sizeClass).sweep(keeping: 0)
      expectEqual(SlabList(sizeClass).slabCount, 0, "slabs")
    }
  }

  private static func order() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    let sizeClass = SizeClass.serving(512)
    let count = sizeClass.blocksPerSlab
    let blocks = carve(count, sizeClass)
    let start = blocks[0] & ~(Constants.granuleBytes &- 1)
    // Pages 1, 2 and 5 lose all blocks, page 3 one.
    for index in 0..<count {
      let page = Int(blocks[index] &- start) / page
      if page == 1 || page == 2 || page == 5 { free(blocks[index], sizeClass) }
    }
    SlabList(sizeClass).sweep(keeping: 1, .all)
    free(start &+ 3 * 4096 &+ 1024, sizeClass)
    let again = slots(count)
    let first = SlabList(sizeClass).carve(into: UInt(bitPattern: again), count: 38).count
    expectEqual(first, 1, "blocks from pages that are there")
    expectEqual(again[0], start &+ 3 * 4096 &+ 1024, "the block")
    let second = SlabList(sizeClass).carve(into: UInt(bitPattern: again), count: 38).count
    expectEqual(second, 8, "blocks from one page that went")
    for index in 0..<second { expectEqual((again[index] &- start) / 4096, 1, "the page") }
    expect(!isResident(start &+ 4096))
  }

  private static func idle() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    let sizeClass = SizeClass.serving(4096)
    let count = sizeClass.blocksPerSlab
    let blocks = carve(count, sizeClass)
    for index in 1..<count { free(blocks[index], sizeClass) }
    SlabList(sizeClass).sweep(keeping: 1, .idle)
    expect(isResident(blocks[3]), "a page went that may not be idle")
    // One page is wanted meanwhile and comes back.
    let again = slots(1)
    expectEqual(
      SlabList(sizeClass).carve(into: UInt(bitPattern: again), count: 1).count, 1, "carved")
    free(again[0], sizeClass)
    SlabList(sizeClass).sweep(keeping: 1, .idle)
    for index in 1..<count {
      expect(isResident(blocks[index]) == (blocks[index] == again[0]), "the wrong pages went")
    }
    expect(isResident(blocks[0]))
  }

  private static func bound() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    let sizeClass = SizeClass.serving(1024)
    let count = 128 * sizeClass.blocksPerSlab
    let blocks = carve(count, sizeClass)
    // One block in sixteen stays: of its four pages, three go.
    for index in 0..<count where index % 16 != 0 { free(blocks[index], sizeClass) }
    var resident = 0
    for index in stride(from: 0, to: count, by: 4) where isResident(blocks[index]) { resident += 1 }
    // A quarter is live; the bound and what a sweep waits for come on top.
    let pages = count / 4
    expect(resident >= pages / 4)
    expect(resident < pages / 4 + pages / 8 + 256 + 32, "free pages stay without a later call")
  }

  private static func regret() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    while Clock.milliseconds() == 0 { whitebox_sleep(10) }
    let sizeClass = SizeClass.serving(1024)
    let count = 128 * sizeClass.blocksPerSlab
    let purged = { Int(PageCounters.shared.pointee.purgedBytes.load(ordering: .relaxed)) }
    var last = 0
    for round in 0..<4 {
      let before = purged()
      let blocks = carve(count, sizeClass)
      for index in 0..<count { free(blocks[index], sizeClass) }
      last = purged() - before
      if round == 0 { expect(last > count * 1024 / 2, "the first time nothing is kept") }
    }
    expectEqual(last, 0, "bytes given back of memory that is wanted again and again")
    expect(DirtyMemory.credit.bytes >= count * 1024 / 2)
  }

  private static func zero() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    let sizeClass = SizeClass.serving(2048)
    // The first slab keeps the SuperSlab in use.
    let other = carve(1, SizeClass(1))
    for purges in [true, false] {
      let blocks = carve(sizeClass.blocksPerSlab, sizeClass)
      let start = blocks[0] & ~(Constants.granuleBytes &- 1)
      for index in 0..<sizeClass.blocksPerSlab { free(blocks[index], sizeClass) }
      if purges { SlabList(sizeClass).sweep(keeping: 1, .all) }
      SlabList(sizeClass).sweep(keeping: 0)
      let again = slots(8)
      let carved = SlabList(sizeClass).carve(into: UInt(bitPattern: again), count: 8)
      expectEqual(again[0] & ~(Constants.granuleBytes &- 1), start, "the granule")
      expect(carved.isZero == purges, "what is said of the contents is wrong")
      expect((Memory.loadWord(at: again[0]) == 0) == purges)
      for index in 0..<carved.count { free(again[index], sizeClass) }
      SlabList(sizeClass).sweep(keeping: 0)
    }
    free(other[0], SizeClass(1))
  }

  /// Four blocks of a slab leave three whole pages.
  private static let withTail = SizeClass.serving(13312)
  private static func hasTail(around block: UInt) -> Bool {
    let start = block & ~(Constants.granuleBytes &- 1)
    let isThere = isResident(start &+ 13 &* 4096)
    for index in 14..<UInt(16) {
      expect(isResident(start &+ index &* 4096) == isThere, "a part of a tail")
    }
    return isThere
  }

  private static func freshTails() {
    Fixture.setUp()
    let slabs = 40
    expectEqual(withTail.blocksPerSlab, 4, "blocks of a slab")
    let blocks = carve(slabs * 4, withTail)
    for slab in 0..<slabs { expect(!hasTail(around: blocks[slab * 4]), "pages that nobody uses") }
    expectEqual(SlabTails.bytes, 0, "bytes")
  }

  private static func usedTails() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    // Keeps the SuperSlab in use.
    let other = carve(1, SizeClass(1))
    let slabs = 16
    for round in 0..<3 {
      // A megabyte, which is not too much to keep, of granules that were used to their end.
      let whole = SizeClass.serving(4096)
      let before = carve(slabs * whole.blocksPerSlab, whole)
      for index in 0..<(slabs * whole.blocksPerSlab) { free(before[index], whole) }
      SlabList(whole).sweep(keeping: 0)
      let blocks = carve(slabs * 4, withTail)
      func tails() -> Int { (0..<slabs).count { hasTail(around: blocks[$0 * 4]) } }
      expectEqual(tails(), slabs, "tails with pages")
      expectEqual(SlabTails.bytes, slabs * 3 * 4096, "bytes")
      if round == 0 {
        SlabTails.age(0)
        expectEqual(tails(), slabs, "tails with pages after one look")
        SlabTails.age(60000)
        expectEqual(tails(), slabs, "tails with pages after another one too soon")
        SlabTails.age(0)
        expectEqual(tails(), 0, "tails with pages")
      } else if round == 1 {
        SlabTails.dropAll()
        expectEqual(tails(), 0, "tails with pages")
      }
      for index in 0..<(slabs * 4) {
        expect(Memory.loadWord(at: blocks[index]) == blocks[index], "a live block changed")
        expect(
          Memory.loadWord(at: blocks[index] &+ withTail.blockBytes &- 8) == blocks[index],
          "a live block's end changed")
        free(blocks[index], withTail)
      }
      SlabList(withTail).sweep(keeping: 0)
      expectEqual(SlabTails.bytes, 0, "bytes")
    }
    free(other[0], SizeClass(1))
  }

  private static func lockedTails() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    let other = carve(1, SizeClass(1))
    let whole = SizeClass.serving(4096)
    let before = carve(whole.blocksPerSlab, whole)
    for index in 0..<whole.blocksPerSlab { free(before[index], whole) }
    SlabList(whole).sweep(keeping: 0)
    let blocks = carve(4, withTail)
    let tail = (blocks[0] & ~(Constants.granuleBytes &- 1)) &+ 13 &* 4096
    expect(whitebox_lock_memory(tail, 3 * 4096) != 0)
    SlabTails.dropAll()
    expect(hasTail(around: blocks[0]), "locked memory went")
    expectEqual(SlabTails.bytes, 0, "bytes to look for again")
    for index in 0..<4 { free(blocks[index], withTail) }
    SlabList(withTail).sweep(keeping: 1, .all)
    SlabList(withTail).sweep(keeping: 0)
    let again = slots(1)
    let carved = SlabList(whole).carve(into: UInt(bitPattern: again), count: 1)
    expectEqual(again[0] & ~(Constants.granuleBytes &- 1), tail &- 13 &* 4096, "the granule")
    expect(!carved.isZero, "what is said of the contents is wrong")
    expect(Memory.loadWord(at: tail) != 0)
    free(other[0], SizeClass(1))
  }
}
