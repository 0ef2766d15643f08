import CHakmemWhiteBox
import HakmemPages
import HakmemPlatform
import HakmemSlabs

enum SlabTests {
  static let all = [
    WhiteBoxTest("Slab.carvesFreshBlocksPageByPage", fresh),
    WhiteBoxTest("Slab.carvesAcrossPagesThatWereUsedBefore", used),
    WhiteBoxTest("Slab.pagesAheadArePresent", batches),
    WhiteBoxTest("FreshPace.doublesUntilAPause", pace),
    WhiteBoxTest("FreshPace.takesNoMoreThanItMay", boundedPace),
    WhiteBoxTest("Slab.handsEveryBlockOutOnce", everyBlock),
    WhiteBoxTest("Slab.recycledBlocksComeFirst", recycled),
    WhiteBoxTest("Slab.blocksAreNamedByTheirFirstByte", names),
    WhiteBoxTest("Slab.markingTwiceIsSeen", twice),
    WhiteBoxTest("Slab.isListedByWhoFreesItsFirstBlock", listing),
    WhiteBoxTest("Slab.leavesNothingWhenItRetires", retirement),
    WhiteBoxTest("Slab.knowsWhetherItsPagesAreZero", zeroes),
    WhiteBoxTest("Slab.agreesWithAModel", model),
    WhiteBoxTest("Slab.bitmapChunksAreZeroAgain", chunks),
  ]

  private static func slab(_ number: Int) -> Slab {
    guard let slab = Slab.create(SizeClass(number)) else { Fatal.stop("no slab") }
    return slab
  }

  private static func slots(_ count: Int = 8192) -> UnsafeMutablePointer<UInt> {
    Memory.pointer(at: Fixture.memory(count * 8))
  }

  private static func carve(_ slab: Slab, into slots: UnsafeMutablePointer<UInt>, _ count: Int)
    -> Int
  {
    let carved = slab.carve(into: UInt(bitPattern: slots), count: count).count
    let (mustList, isEmpty) = slab.finishCarving(carved)
    expect(mustList == (slab.freeCount > 0) && !isEmpty)
    return carved
  }

  private static func free(_ slab: Slab, _ block: UInt) -> (mustList: Bool, isEmpty: Bool) {
    guard let index = slab.blockIndex(of: block) else {
      expect(false, "a block that was carved has no number")
      return (false, false)
    }
    expect(!slab.isFree(index))
    expect(
      slab.markFree(1 << UInt64(index % 64), word: index / 64) & (1 << UInt64(index % 64)) == 0)
    expect(slab.isFree(index))
    return slab.countFree(1)
  }

  private static func fresh() {
    Fixture.setUp("HAKMEM_SS_PREFAULT", "0")
    for number in 1..<SizeClass.count {
      let slab = slab(number)
      let bytes = slab.sizeClass.blockBytes
      let slots = slots(4096)
      var next = slab.start
      while slab.freeCount > 0 {
        let count = carve(slab, into: slots, 4096)
        expect(count > 0)
        // Downwards, so that they are handed out upwards.
        for index in 0..<count {
          expectEqual(slots[count - 1 - index], next &+ UInt(index) &* bytes, "a fresh block")
        }
        let last = next &+ UInt(count) &* bytes
        let firstEnd = next &+ bytes
        expect(
          last <= firstEnd.roundedUp(to: Constants.pageBytes), "a batch reaches into new pages")
        next = last
        expectNoFault(slab.fault(isAtRest: true))
      }
      expectEqual(slab.freshCount, slab.sizeClass.blocksPerSlab, "blocks handed out")
    }
  }

  private static func batches() {
    Fixture.setUp()
    let list = SlabList(SizeClass.serving(512))
    let slots = slots(4096)
    var most = 0
    while list.slabCount < 16 {
      let count = list.carve(into: UInt(bitPattern: slots), count: 4096).count
      let pages = count / 8
      expect(pages == 1 || pages <= min(max(list.slabCount, 4), 8), "too many pages ahead")
      let start = slots[count - 1]
      let isPresent = whitebox_is_resident(start, pages * Int(Constants.pageBytes)) != 0
      expect(isPresent == (pages > 1), "one page is left to a fault, more are not")
      most = max(most, pages)
    }
    expect(most > 1, "no pages ahead")
  }

  private static func pace() {
    Fixture.setUp()
    let pace = FreshPace(unsafeAt: Fixture.memory(64))
    for pages: UInt in [1, 2, 4, 8, 8] {
      expectEqual(pace.next(atMost: 16, at: 1000), pages, "pages")
    }
    expectEqual(pace.next(atMost: 100_000, at: 1010), 8, "pages after a moment")
    expectEqual(pace.next(atMost: 16, at: 1021), 1, "pages after a pause")
    expectEqual(pace.next(atMost: 16, at: 1025), 2, "pages when it goes on")
  }

  private static func boundedPace() {
    Fixture.setUp()
    let pace = FreshPace(unsafeAt: Fixture.memory(64))
    for (most, pages) in [(2, 1), (1, 1), (2, 2), (3, 3), (5, 5), (16, 8), (1, 1)] {
      expectEqual(pace.next(atMost: most, at: 1000), UInt(pages), "pages")
    }
  }

  private static func everyBlock() {
    Fixture.setUp()
    for number in 1..<SizeClass.count {
      let slab = slab(number)
      let blocks = slab.sizeClass.blocksPerSlab
      let slots = slots()
      var seen = [Bool](repeating: false, count: blocks)
      var random = Random(number)
      var total = 0
      while slab.freeCount > 0 {
        let count = carve(slab, into: slots, 1 + random.below(40))
        for index in 0..<count {
          guard let block = slab.blockIndex(of: slots[index]) else { return expect(false) }
          expect(!seen[block], "a block is handed out twice")
          seen[block] = true
          expect(
            slots[index] &+ slab.sizeClass.blockBytes <= slab.start &+ slab.sizeClass.slabBytes)
        }
        total += count
      }
      expectEqual(total, blocks, "blocks")
      expectEqual(slab.carve(into: UInt(bitPattern: slots), count: 1).count, 0, "one more block")
    }
  }

  private static func recycled() {
    Fixture.setUp()
    let slab = slab(3)
    let slots = slots()
    let count = carve(slab, into: slots, 20)
    let returned = [slots[4], slots[11], slots[12]]
    for block in returned { _ = free(slab, block) }
    expectEqual(carve(slab, into: slots, 2), 2, "recycled blocks")
    expect(returned.contains(slots[0]) && returned.contains(slots[1]) && slots[0] != slots[1])
    expectEqual(carve(slab, into: slots, 5), 1, "the last recycled block comes alone")
    expect(returned.contains(slots[0]))
    expect(carve(slab, into: slots, 5) == 5)
    expectEqual(slab.freshCount, count + 5, "blocks handed out")
  }

  private static func names() {
    Fixture.setUp()
    for number in [1, 2, 7, 9, 30, 72] {
      let slab = slab(number)
      let bytes = slab.sizeClass.blockBytes
      let slots = slots()
      let count = carve(slab, into: slots, 3)
      for index in 0..<count {
        let block = slots[index]
        expect(Slab.around(block) == slab && Slab.around(block &+ bytes &- 1) == slab)
        for offset in 1..<bytes where offset < 100 || offset > bytes - 100 {
          expect(slab.blockIndex(of: block &+ offset) == nil, "an interior pointer has a number")
          expectEqual(slab.blockStart(around: block &+ offset), block, "the block's start")
        }
      }
      let unborn = slab.start &+ UInt(slab.freshCount) &* bytes
      expect(slab.blockIndex(of: unborn) == nil, "a block that was never handed out has a number")
    }
  }

  private static func twice() {
    Fixture.setUp()
    let slab = slab(5)
    _ = carve(slab, into: slots(), 20)
    expect(slab.markFree(0b1010, word: 0) == 0)
    expect(slab.countFree(2).isEmpty == false)
    expect(slab.markFree(0b0110, word: 0) == 0b1010, "bits 1 and 3 were set")
    _ = slab.countFree(1)
    expectNoFault(slab.fault(isAtRest: true))
  }

  private static func listing() {
    Fixture.setUp()
    let slab = slab(96)
    let slots = slots()
    var blocks: [UInt] = []
    while slab.freeCount > 0 {
      let count = carve(slab, into: slots, 8)
      for index in 0..<count { blocks.append(slots[index]) }
    }
    expectEqual(blocks.count, 2, "blocks of 32 KiB")
    let first = free(slab, blocks[0])
    expect(first.mustList && !first.isEmpty)
    let second = free(slab, blocks[1])
    expect(!second.mustList && second.isEmpty && slab.isEmpty)
  }

  private static func retirement() {
    Fixture.setUp()
    for number in [1, 8, 9, 40, 72] {
      let slab = slab(number)
      let start = slab.start
      let slots = slots()
      let count = carve(slab, into: slots, 30)
      for index in 0..<count { _ = free(slab, slots[index]) }
      expect(ClassMap.doubledClass(of: start) == SizeClass(number).doubled)
      PinnedSlab.forEach(where: { _ in true }) { pinned, _ in
        if pinned == slab { expect(!slab.retire(), "a pinned slab retires") }
      }
      expect(slab.retire())
      expectEqual(ClassMap.doubledClass(of: start), 0, "the class of a dead slab")
      expect(Slab.around(start) == nil)
    }
    SuperSlab.forEach { expectNoFault(Slab.fault(in: $0)) }
  }

  private static func zeroes() {
    Fixture.setUp()
    let keeper = slab(2)
    let first = slab(40)
    let slots = slots()
    expect(first.carve(into: UInt(bitPattern: slots), count: 1).isZero)
    _ = first.finishCarving(1)
    Memory.storeWord(1, at: slots[0])
    _ = free(first, slots[0])
    let start = first.start
    expect(first.retire())
    let second = slab(40)
    expect(second.start == start)
    expect(!second.carve(into: UInt(bitPattern: slots), count: 1).isZero)
    _ = second.finishCarving(1)
    _ = free(second, slots[0])
    expect(second.retire())
    Purge.run(age: 0)
    let third = slab(40)
    expect(third.start == start)
    expect(third.carve(into: UInt(bitPattern: slots), count: 1).isZero)
    expectEqual(Memory.loadWord(at: slots[0]), 0, "the first word")
    _ = keeper
  }

  private static func used() {
    Fixture.setUp()
    let sizeClass = SizeClass.serving(1024)
    let keeper = slab(2)
    let slots = slots()
    func carve(_ slab: Slab, mayTouch: Bool) -> Int {
      let count = slab.carve(into: UInt(bitPattern: slots), count: 30, mayTouch: mayTouch).count
      _ = slab.finishCarving(count)
      return count
    }
    let first = slab(sizeClass.number)
    let start = first.start
    expectEqual(carve(first, mayTouch: false), 0, "blocks on pages that were never used")
    let aPage = Int(Constants.pageBytes / sizeClass.blockBytes)
    expectEqual(carve(first, mayTouch: true), aPage, "blocks on the first page")
    for index in 0..<aPage {
      Memory.storeWord(1, at: slots[index])
      _ = free(first, slots[index])
    }
    expect(first.retire())
    let second = slab(sizeClass.number)
    expect(second.start == start)
    expectEqual(carve(second, mayTouch: false), 30, "blocks on pages that were used before")
    expectNoFault(second.fault(isAtRest: true))
    _ = keeper
  }

  private static func model() {
    Fixture.setUp()
    for number in [1, 3, 8, 17, 33, 72] {
      var random = Random(number + 31)
      let slab = slab(number)
      let blocks = slab.sizeClass.blocksPerSlab
      let slots = slots()
      var isOut = [Bool](repeating: false, count: blocks)
      var out: [UInt] = []
      for _ in 0..<1500 {
        if random.below(5) < 3 {
          let count = carve(slab, into: slots, 1 + random.below(min(30, 2 * blocks)))
          expect(count > 0 || out.count == blocks, "free blocks are not found")
          for index in 0..<count {
            guard let block = slab.blockIndex(of: slots[index]) else { return expect(false) }
            expect(!isOut[block], "a block is handed out twice")
            isOut[block] = true
            out.append(slots[index])
          }
        } else {
          for _ in 0..<random.below(40) where !out.isEmpty {
            let pointer = out.remove(at: random.below(out.count))
            isOut[slab.blockIndex(of: pointer) ?? 0] = false
            _ = free(slab, pointer)
          }
        }
        expectEqual(slab.freeCount, blocks - out.count, "the free blocks")
        expectNoFault(slab.fault(isAtRest: true))
      }
      for index in 0..<blocks { expect(slab.isFree(index) == !isOut[index]) }
    }
  }

  private static func chunks() {
    Fixture.setUp()
    var chunks: [UInt] = []
    for _ in 0..<4 { chunks.append(BitmapChunk.take()) }
    for chunk in chunks { BitmapChunk.putBack(chunk) }
    for _ in 0..<4 {
      let chunk = BitmapChunk.take()
      expect(chunks.contains(chunk))
      for word in 0..<UInt(64) { expect(Memory.loadWord(at: chunk &+ word &* 8) == 0) }
    }
  }
}
