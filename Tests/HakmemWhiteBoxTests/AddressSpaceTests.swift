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
    WhiteBoxTest("AddressSpace.servesUnderALimit", limited),
  ]

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
      if let start = AddressSpace.mapInOwnWindow(bytes, alignment: 2 << 20, gap: bytes) {
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

  private static func limited() {
    expect(whitebox_limit_address_space(1 << 30) != 0)
    Fixture.setUp()
    expect(!ClassMap.isFull)
    var superSlabs = 0
    while superSlabs < 1000 {
      let start = AddressSpace.takeSuperSlab()
      if start == 0 { break }
      expect(ClassMap.covers(start) && ClassMap.covers(start &+ Constants.superSlabBytes &- 1))
      Memory.storeWord(1, at: start)
      superSlabs += 1
    }
    expect(superSlabs > 300 && superSlabs < 512, "most of the limit serves for SuperSlabs")
    expect(AddressSpace.mapLarge(64 << 20, alignment: 2 << 20) == nil)
    expect(AddressSpace.takeSuperSlab() == 0)
  }
}
