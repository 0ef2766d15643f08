import HakmemPlatform
import HakmemSlabs

enum SizeClassTests {
  static let all = [
    WhiteBoxTest("SizeClass.isTheSmallestThatFits", smallest),
    WhiteBoxTest("SizeClass.wastesAtMostAnEighthAbove128", waste),
    WhiteBoxTest("SizeClass.powersOfTwoWithAHeaderFit", headers),
    WhiteBoxTest("SizeClass.sizesAreMultiplesOf16", multiples),
    WhiteBoxTest("SizeClass.alignedServingIsTheSmallestThatFits", aligned),
    WhiteBoxTest("SizeClass.blocksFillTheSlab", blocks),
    WhiteBoxTest("SizeClass.capacitiesFollowTheOption", capacities),
  ]

  private static func smallest() {
    Fixture.setUp()
    for bytes in 0...SizeClass.maximumBytes {
      let sizeClass = SizeClass.serving(bytes)
      let number = sizeClass.number
      expect(number >= 1 && number < SizeClass.count)
      expect(sizeClass.blockBytes >= bytes, "the block is too small")
      if number > 1 { expect(SizeClass(number - 1).blockBytes < bytes, "a smaller class fits") }
    }
  }

  private static func waste() {
    Fixture.setUp()
    for bytes in 129...SizeClass.maximumBytes {
      let block = SizeClass.serving(bytes).blockBytes
      expect((block - bytes) * 8 <= block, "more than an eighth is rounding")
    }
  }

  private static func headers() {
    Fixture.setUp()
    for log in 10...14 as ClosedRange<UInt> {
      for header in 1...32 as ClosedRange<UInt> {
        let bytes = 1 << log &+ header
        let block = SizeClass.serving(bytes).blockBytes
        expect(block - bytes < 64, "a power of two with a header is rounded up far")
      }
    }
  }

  private static func multiples() {
    Fixture.setUp()
    for number in 1..<SizeClass.count {
      let bytes = SizeClass(number).blockBytes
      expect(bytes % 16 == 0)
      expectEqual(SizeClass(number).number, number, "the number")
      expect(SizeClass.serving(bytes) == SizeClass(number))
      if number > 1 { expect(SizeClass(number - 1).blockBytes < bytes) }
    }
    expectEqual(SizeClass(SizeClass.count - 1).blockBytes, SizeClass.maximumBytes, "the largest")
    expectEqual(SizeClass(1).blockBytes, 16, "the smallest")
    expectEqual(
      SizeClass(SizeClass.firstMedium - 1).blockBytes, SizeClass.smallMaximumBytes,
      "the largest small one")
  }

  private static func aligned() {
    Fixture.setUp()
    var alignment: UInt = 16
    while alignment <= 1 << 17 {
      for bytes in stride(from: 0 as UInt, through: SizeClass.maximumBytes + 64, by: 24) {
        var expected = SizeClass.none
        if alignment <= SizeClass.smallMaximumBytes {
          for number in 1..<SizeClass.count {
            let block = SizeClass(number).blockBytes
            guard block >= max(bytes, alignment), block % alignment == 0 else { continue }
            expected = SizeClass(number)
            break
          }
        }
        let sizeClass = SizeClass.serving(bytes, alignment: alignment)
        expectEqual(sizeClass.number, expected.number, "the class")
      }
      alignment *= 2
    }
  }

  private static func blocks() {
    Fixture.setUp()
    for number in 1..<SizeClass.count {
      let sizeClass = SizeClass(number)
      let used = UInt(sizeClass.blocksPerSlab) * sizeClass.blockBytes
      expect(used <= sizeClass.slabBytes && sizeClass.slabBytes - used < sizeClass.blockBytes)
    }
  }

  private static func capacities() {
    for value: StaticString in ["1", "16", "128", "1024"] {
      Fixture.set("HAKMEM_CACHE_KIB", value)
      Option.readEnvironment()
      SizeClass.learn()
      for number in 1..<SizeClass.count {
        let sizeClass = SizeClass(number)
        let capacity = sizeClass.cacheCapacity
        let fewest = sizeClass.isMedium ? 8 : 4
        expect(capacity >= fewest && capacity <= SizeClass.maximumCacheCapacity)
        expect(
          capacity == fewest
            || UInt(capacity) * sizeClass.blockBytes <= Option.cacheBytes.value << 10)
        expect(sizeClass.refillCount >= (sizeClass.isMedium ? 1 : 2))
        expect(sizeClass.refillCount <= capacity)
        expect(sizeClass.refillCount <= Depot.batchCapacity)
      }
    }
  }
}
