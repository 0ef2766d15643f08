import CHakmemWhiteBox
import HakmemPages
import HakmemPlatform
import Synchronization

enum AddressSpaceTests {
  static let all = [
    WhiteBoxTest("AddressSpace.superSlabsAreAlignedApartAndWritable", superSlabs),
    WhiteBoxTest("AddressSpace.largeMappingsAreAligned", large),
    WhiteBoxTest("AddressSpace.hugeRequestsMoveNothing", huge),
    WhiteBoxTest("AddressSpace.whatLiesInTheWayIsSteppedOver", occupied),
    WhiteBoxTest("AddressSpace.whatLiesInTheWayOfSuperSlabsIsSteppedOver", occupiedSuperSlabs),
    WhiteBoxTest("AddressSpace.nothingIsReserved", unreserved),
    WhiteBoxTest("AddressSpace.servesUnderALimit", limited),
    WhiteBoxTest("AddressSpace.placesLieBelowTheEndOfAddresses", end),
  ]

  /// With 39 bits, as on some kernels for arm64, and with more.
  private static func end() {
    Fixture.setUp()
    for bits: UInt in [39, 42, 45, 46, 47, 48] {
      ProcessFacts.addressesEnd = 1 << bits &- 1 << 20
      for attempt in 0..<OwnAddresses.mostAttempts {
        OwnAddresses.choose(attempt: attempt)
        let places = [
          OwnAddresses.metadata, OwnAddresses.large,
          OwnAddresses.superSlabs..<(OwnAddresses.superSlabs &+ 64 << 30),
        ]
        for place in places { expect(place.upperBound < ProcessFacts.addressesEnd) }
        expect(OwnAddresses.superSlabs < OwnAddresses.coveredFirst)
        expect(OwnAddresses.superSlabs &+ 64 << 30 <= OwnAddresses.large.lowerBound)
      }
    }
  }

  private static func superSlabs() {
    Fixture.setUp()
    let count = 40
    let seen = Fixture.words(count)
    for index in 0..<count {
      let start = AddressSpace.takeSuperSlab()
      expect(start != 0 && start % Constants.superSlabBytes == 0)
      expect(Memory.loadWord(at: start) == 0)
      Memory.storeWord(start, at: start)
      Memory.storeWord(start, at: start &+ Constants.superSlabBytes &- 8)
      for other in 0..<index { expect(seen[other].load(ordering: .relaxed) != start) }
      seen[index].store(start, ordering: .relaxed)
    }
  }

  private static func large() {
    Fixture.setUp()
    var alignment: UInt = Constants.superSlabBytes
    while alignment <= 1 << 30 {
      guard let start = AddressSpace.mapLarge(3 << 20, alignment: alignment) else {
        expect(false, "memory ended")
        return
      }
      expect(start % alignment == 0)
      Memory.storeWord(1, at: start &+ 3 << 20 &- 8)
      alignment *= 2
    }
  }

  private static func huge() {
    Fixture.setUp()
    guard let first = AddressSpace.mapLarge(2 << 20, alignment: 2 << 20) else { return }
    for bytes: UInt in [1 << 41, 1 << 46, 1 << 47, 1 << 62, 1 << 63, .max << 12] {
      if let start = AddressSpace.mapAmongLarge(bytes, alignment: 2 << 20, gap: bytes) {
        SystemCalls.unmap(start, bytes)
      }
    }
    expect(AddressSpace.mapLarge(4096, alignment: 1 << 62) == nil)
    let second = AddressSpace.mapLarge(2 << 20, alignment: 2 << 20)
    expect(second ?? 0 == first &+ 4 << 20, "the next mapping follows the last one")
  }

  private static func occupied() {
    Fixture.setUp()
    guard let first = AddressSpace.mapLarge(2 << 20, alignment: 2 << 20) else { return }
    let next = first &+ 4 << 20
    expect(SystemCalls.mapNew(at: next &+ 4096, byteCount: 4096, protection: .read) == .mapped)
    expect(SystemCalls.mapNew(at: next &+ 4096, byteCount: 4096, protection: .read) == .occupied)
    let second = AddressSpace.mapLarge(2 << 20, alignment: 2 << 20) ?? 0
    expect(second > next && second &- next <= 4 << 20)
    expect(
      SystemCalls.mapNew(at: second &+ 1 << 42, byteCount: 1 << 60, protection: .read) == .refused)
  }

  private static func occupiedSuperSlabs() {
    Fixture.setUp()
    let bytes = Constants.superSlabBytes
    let first = AddressSpace.takeSuperSlab()
    var foreign: [Range<UInt>] = []
    for number: UInt in [1, 3, 8, 20] {
      let start = first &+ number &* bytes &+ 5 << 16
      foreign.append(start..<start &+ 4096)
      Fixture.occupy(start..<start &+ 4096)
    }
    var last = first
    for _ in 0..<100 {
      let start = AddressSpace.takeSuperSlab()
      expect(start > last && start % bytes == 0)
      for range in foreign {
        expect(range.lowerBound >= start &+ bytes || range.upperBound <= start)
      }
      Memory.storeWord(1, at: start &+ bytes &- 8)
      last = start
    }
    expect(last &- first < 200 &* bytes, "little is left out")
  }

  /// A program may limit its address space to little more than it has.
  private static func unreserved() {
    ProcessFacts.learn()
    let before = ProcessFacts.mappedBytes
    Fixture.setUp()
    let after = ProcessFacts.mappedBytes
    expect(after &- before <= 34 << 20, "the class map and little more is mapped")
    expect(whitebox_limit_address_space(Int(after) + 8 << 20) != 0)
    expect(AddressSpace.takeSuperSlab() != 0)
    expect(AddressSpace.mapLarge(4 << 20, alignment: 2 << 20) != nil)
    expect(AddressSpace.mapLarge(4 << 20, alignment: 2 << 20) == nil)
    expect(AddressSpace.takeSuperSlab() != 0 && AddressSpace.takeSuperSlab() == 0)
  }

  private static func limited() {
    expect(whitebox_limit_address_space(1 << 30) != 0)
    Fixture.setUp()
    var superSlabs = 0
    while superSlabs < 1000 {
      let start = AddressSpace.takeSuperSlab()
      if start == 0 { break }
      Memory.storeWord(1, at: start)
      superSlabs += 1
    }
    expect(superSlabs > 300 && superSlabs < 512, "most of the limit serves for SuperSlabs")
    expect(AddressSpace.mapLarge(64 << 20, alignment: 2 << 20) == nil)
    expect(AddressSpace.takeSuperSlab() == 0)
  }
}
