import CHakmemShims
import CHakmemWhiteBox
import HakmemPages
import HakmemPlatform

enum ClassMapTests {
  static let all = [
    WhiteBoxTest("ClassMap.anyAddressMayBeLookedUp", anyAddress),
    WhiteBoxTest("ClassMap.entriesAreThoseOfTheirGranules", entries),
    WhiteBoxTest("ClassMap.windowServesUnderATightLimit", window),
    WhiteBoxTest("ClassMap.knowsNothingBeforeItExists", before),
  ]

  private static func anyAddress() {
    Fixture.setUp()
    expect(ClassMap.isFull)
    var local: UInt = 0
    let stack = withUnsafeMutablePointer(to: &local) { UInt(bitPattern: $0) }
    for address: UInt in [
      0, 1, 0xffff, 0x10000, stack, MetadataRegion.base, (1 << Constants.addressBits) - 1,
    ] {
      expectEqual(ClassMap.doubledClass(of: address), 0, "a foreign address's class")
      expect(ClassMap.covers(address))
    }
    expect(!ClassMap.covers(1 << Constants.addressBits) && !ClassMap.covers(.max))
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

  /// SuperSlabs and large regions share the window; no entry serves two places, and NULL has none.
  private static func window() {
    expect(whitebox_limit_address_space(4 << 30) != 0)
    Fixture.setUp()
    expect(!ClassMap.isFull)
    expectEqual(ClassMap.doubledClass(of: 0), 0, "NULL's class")
    for address: UInt in [1, 0xffff, 100 << 20] {
      expectEqual(ClassMap.doubledClass(of: address), 0, "the class of what is near NULL")
    }
    for address in [ClassMap.window.upperBound, 0x5555_5555_5000, 1 << 60, .max] {
      expectEqual(ClassMap.doubledClass(of: address), 0, "the class of what is beyond the window")
    }
    expect(!ClassMap.covers(0))
    let granules = Constants.granulesPerSuperSlab
    for _ in 0..<50 {
      let superSlab = AddressSpace.takeSuperSlab()
      expect(superSlab != 0)
      for index in 0..<granules {
        let granule = superSlab &+ index << Constants.granuleShift
        expect(ClassMap.covers(granule))
        expectEqual(ClassMap.doubledClass(of: granule), 0, "a new granule's class")
        ClassMap.set(2 + index, at: granule)
      }
      guard let large = AddressSpace.mapLarge(5 << 20, alignment: 2 << 20) else {
        expect(false, "memory ended")
        return
      }
      expect(ClassMap.covers(large))
      expectEqual(ClassMap.doubledClass(of: large), 0, "a large region's class")
    }
    expectEqual(ClassMap.doubledClass(of: 0), 0, "NULL's class")
  }

  private static func before() {
    for address: UInt in [0, 0xffff, 1 << 16, 1 << 40, .max] {
      expect(ClassMap.doubledClass(of: address) == 0)
    }
    expect(!ClassMap.covers(1 << 40))
  }
}
