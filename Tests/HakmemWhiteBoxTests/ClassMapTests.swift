import CHakmemShims
import CHakmemWhiteBox
import HakmemPages
import HakmemPlatform

enum ClassMapTests {
  static let all = [
    WhiteBoxTest("ClassMap.anyAddressMayBeLookedUp", anyAddress),
    WhiteBoxTest("ClassMap.entriesAreThoseOfTheirGranules", entries),
    WhiteBoxTest("ClassMap.isSmallUnderATightLimit", tight),
    WhiteBoxTest("ClassMap.growsWithTheAddressesOfSuperSlabs", growth),
    WhiteBoxTest("ClassMap.knowsNothingBeforeItExists", before),
  ]

  private static func anyAddress() {
    Fixture.setUp()
    expectForeignAddressesWithoutClass()
  }

  private static func tight() {
    expect(whitebox_limit_address_space(1 << 30) != 0)
    Fixture.setUp()
    expect(ClassMap.extent.count <= 8 << 20)
    expectForeignAddressesWithoutClass()
  }

  private static func expectForeignAddressesWithoutClass() {
    var local: UInt = 0
    let stack = withUnsafeMutablePointer(to: &local) { UInt(bitPattern: $0) }
    for address: UInt in [
      0, 1, 0xffff, 0x10000, 1 << 30, 1 << 40, stack, MetadataRegion.base, ClassMap.coveredEnd - 1,
      ClassMap.coveredEnd, 0x5555_5555_5000, 1 << Constants.addressBits, 1 << 60, .max,
    ] {
      expectEqual(ClassMap.doubledClass(of: address), 0, "a foreign address's class")
    }
    var random = Random(3)
    for _ in 0..<10_000 {
      let address = random.next()
      expect(ClassMap.doubledClass(of: address) == 0)
      expect(ClassMap.doubledClass(of: address % (1 << Constants.addressBits)) == 0)
    }
  }

  private static func entries() {
    Fixture.setUp()
    let start = AddressSpace.takeSuperSlab()
    let granules = Int(Constants.granulesPerSuperSlab)
    for index in 0..<granules {
      ClassMap.set(UInt(index * 2 + 2), at: start &+ UInt(index) << Constants.granuleShift)
    }
    for index in 0..<granules {
      let granule = start &+ UInt(index) << Constants.granuleShift
      for offset: UInt in [0, 8, Constants.granuleBytes - 1] {
        expectEqual(ClassMap.doubledClass(of: granule &+ offset), UInt(index * 2 + 2), "the class")
      }
    }
    expect(ClassMap.doubledClass(of: start &- 1) == 0)
    expect(ClassMap.doubledClass(of: start &+ Constants.superSlabBytes) == 0)
    ClassMap.set(0, at: start)
    expect(ClassMap.doubledClass(of: start) == 0)
    expect(ClassMap.doubledClass(of: start &+ Constants.granuleBytes) == 4)
  }

  /// All that the map covers is taken.
  private static func growth() {
    Fixture.setUp()
    expect(SlabMap.create())
    let first = AddressSpace.takeSuperSlab()
    ClassMap.set(8, at: first)
    SlabMap.set(5, at: first)
    let covered = ClassMap.coveredEnd
    Fixture.occupy(first &+ Constants.superSlabBytes..<covered)
    for _ in 0..<20 {
      let superSlab = AddressSpace.takeSuperSlab()
      expect(superSlab >= covered && superSlab < ClassMap.coveredEnd)
      for index in 0..<Constants.granulesPerSuperSlab {
        let granule = superSlab &+ index << Constants.granuleShift
        expectEqual(ClassMap.doubledClass(of: granule), 0, "a new granule's class")
        ClassMap.set(2 + index, at: granule)
        SlabMap.set(granule, at: granule)
        expectEqual(ClassMap.doubledClass(of: granule), 2 + index, "the class")
        expectEqual(SlabMap.shared.word(at: granule), granule, "the slab map's word")
      }
    }
    expectEqual(ClassMap.doubledClass(of: first), 8, "the class of an earlier granule")
    expectEqual(SlabMap.shared.word(at: first), 5, "the slab map's earlier word")
    expectForeignAddressesWithoutClass()
  }

  private static func before() {
    for address: UInt in [0, 0xffff, 1 << 16, 1 << 40, .max] {
      expect(ClassMap.doubledClass(of: address) == 0)
    }
  }
}
