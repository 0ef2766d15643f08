import CHakmemShims
import HakmemPlatform
import HakmemSlabs
import HakmemThreadCache

enum QuarantineTests {
  static let all = [
    WhiteBoxTest("Quarantine.lengthsKeepToTheBoundInBytes", lengths),
    WhiteBoxTest("Quarantine.keepsABlockUntilAsManyOthersCame", order),
    WhiteBoxTest("Quarantine.aBlockLeavesOnceWithItsClass", once),
    WhiteBoxTest("Quarantine.nobodyKnowsWhichBlockLeaves", chance),
  ]

  private static let places: UInt = 32
  private static let sizeClass = SizeClass(30)

  private static func create() -> Quarantine {
    Fixture.setUp()
    let quarantine = Quarantine(
      unsafeAt: MetadataRegion.allocate(Quarantine.byteCount(places: places)))
    quarantine.begin(places: places)
    return quarantine
  }

  private static func exchange(
    _ number: UInt, _ random: inout RandomStream, _ quarantine: Quarantine
  ) -> UInt {
    let block = (number &+ 1) &* 16
    return quarantine.exchange(Quarantine.Entry(block, sizeClass), random.nextByte()).block
  }

  private static func lengths() {
    Fixture.setUp()
    expectEqual(Quarantine.placeCount(4, maximumBytes: 0), 0)
    var total: UInt = 0
    for power in 0...16 as ClosedRange<UInt> {
      let kib: UInt = 1 << power
      for number in Quarantine.numbers {
        let places = Quarantine.placeCount(number, maximumBytes: kib << 10)
        expect(places & (places &- 1) == 0 && places <= 256)
        expect(2 &* places << UInt(number) <= kib << 10, "more bytes than the bound")
        if places < 256 { expect(4 &* places << UInt(number) > kib << 10 || places == 0) }
        total &+= places
      }
    }
    expect(total > 0)
    for number in 1..<SizeClass.count {
      let sizeClass = SizeClass(number)
      let doubling = Quarantine.number(for: sizeClass)
      expect(Quarantine.numbers.contains(doubling))
      expect(sizeClass.blockBytes <= 1 << UInt(doubling))
      expect(sizeClass.blockBytes > 1 << UInt(doubling - 1))
    }
  }

  private static func order() {
    let quarantine = create()
    var random = RandomStream.unkeyed
    var least = UInt.max
    for number in 0..<20000 as Range<UInt> {
      let leaving = exchange(number, &random, quarantine)
      if leaving != 0 { least = min(least, number &- (leaving / 16 &- 1)) }
    }
    expect(least >= places, "a block left before as many others came as the queue holds")
    expect(least <= 2 &* places, "chance decides nothing")
  }

  private static func once() {
    let quarantine = create()
    var random = RandomStream.unkeyed
    let count: UInt = 5000
    let seen = MetadataRegion.allocate(count)
    func note(_ block: UInt) {
      let number = block / 16 &- 1
      expect(number < count && block % 16 == 0)
      expectEqual(Memory.loadByte(at: seen &+ number), 0)
      Memory.fill(seen &+ number, 1, 1)
    }
    for number in 0..<count {
      let leaving = exchange(number, &random, quarantine)
      if leaving != 0 { note(leaving) }
    }
    var listed: UInt = 0
    quarantine.forEach {
      expect($0.sizeClass == sizeClass)
      listed &+= 1
    }
    expect(listed > places && listed <= 2 &* places)
    quarantine.empty { note($0.block) }
    for number in 0..<count { expectEqual(Memory.loadByte(at: seen &+ number), 1) }
    quarantine.forEach { _ in expect(false, "an empty quarantine holds a block") }
  }

  /// Two threads' streams: what leaves after the same calls differs.
  private static func chance() {
    let first = create()
    let second = create()
    var (one, other) = (RandomStream.unkeyed, RandomStream.unkeyed)
    var differences = 0
    for number in 0..<1000 as Range<UInt>
    where exchange(number, &one, first) != exchange(number, &other, second) {
      differences += 1
    }
    expect(differences > 500)
  }
}
