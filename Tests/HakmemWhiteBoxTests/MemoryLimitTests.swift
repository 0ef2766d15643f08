import CHakmemWhiteBox
import HakmemPages
import HakmemPlatform

enum MemoryLimitTests {
  static let all = [
    WhiteBoxTest("MemoryLimit.sizesAreReadAndWrittenAlike", sizes),
    WhiteBoxTest("MemoryLimit.whatIsNoLimitIsRefused", badValues),
    WhiteBoxTest("MemoryLimit.superSlabsAndRegionsCountWhileTheyHavePages", account),
    WhiteBoxTest("MemoryLimit.hardLimitRefusesAndCountsNothing", hard),
    WhiteBoxTest("MemoryLimit.softLimitPressesOnceASixteenth", soft),
  ]

  private static func written(_ value: StaticString) -> Messages {
    Fixture.set("HAKMEM_LIMIT", value)
    return Fixture.messages {
      Option.readEnvironment()
      Text.message { Option.limit.appendValue(to: &$0) }
    }
  }

  private static func sizes() {
    for value: StaticString in [
      "0", "16M", "512M", "2G", "17000K", "soft:512M", "soft:512M,hard:1G", "3T",
    ] {
      let text = written(value)
      expect(text.contains(value) && text.count == value.utf8CodeUnitCount)
    }
    expect(written("1073741824").contains("1G"))
    expect(written("hard:1g,soft:524288k").contains("soft:512M,hard:1G"))
  }

  private static func badValues() {
    for value: StaticString in [
      "", "1", "15M", "5T", "512MB", "512 M", "soft:", "soft:512M,", "soft:512M,512M", "1G,soft:1G",
      "soft:2G,hard:1G", "soft:1G,soft:1G", "hard:1G,", "99999999999999999999G", "-1", "soft",
    ] {
      expectEqual(written(value).occurrences(of: "HAKMEM_LIMIT="), 1, "mentions of the name")
      expectEqual(Option.limit.value, 0, "HAKMEM_LIMIT")
    }
  }

  private static func account() {
    Fixture.setUp()
    let superSlab = Int(Constants.superSlabBytes)
    func charged() -> Int { MemoryLimit.usedBytes - Int(MetadataRegion.usedBytes) }
    expectEqual(charged(), 0, "bytes at start")
    guard let granules = SuperSlabPool.takeGranules() else { return expect(false) }
    let run = PageRuns.allocate(100_000)
    guard let region = LargeRegions.allocate(5 << 20, alignment: 2 << 20, zero: false) else {
      return expect(false)
    }
    expectEqual(charged(), 2 * superSlab + 5 << 20, "bytes in use")
    expect(LargeRegions.resize(region, to: 9 << 20))
    expectEqual(charged(), 2 * superSlab + 9 << 20, "bytes after growth")
    expect(LargeRegions.resize(region, to: 3 << 20))
    expectEqual(charged(), 2 * superSlab + 3 << 20, "bytes after shrinking")
    expectEqual(SuperSlabPool.prewarm(3, prefault: .off), 3, "SuperSlabs made ready")
    expectEqual(charged(), 5 * superSlab + 3 << 20, "bytes with prewarmed ones")
    SuperSlabPool.putGranules(granules)
    PageRuns.free(run)
    expect(region.claimFree())
    LargeRegions.free(region)
    Purge.run(age: 0)
    // The page runs keep their last SuperSlab.
    expectEqual(charged(), superSlab, "bytes after a purge")
  }

  private static func hard() {
    Fixture.setUp("HAKMEM_LIMIT", "16M")
    var granules: [Granules] = []
    while let next = SuperSlabPool.takeGranules() { granules.append(next) }
    expectEqual(granules.count, 7 * 32, "granules")
    expect(MemoryLimit.usedBytes <= 16 << 20)
    expect(MemoryLimit.takePressure().isRefusal && !MemoryLimit.isPressed)
    expect(LargeRegions.allocate(2 << 20, alignment: 2 << 20, zero: false) == nil)
    let used = MemoryLimit.usedBytes
    expect(SuperSlabPool.takeEmpty() == nil && PageRuns.allocate(40_000) == 0)
    expect(MemoryLimit.usedBytes - used < 8192, "a refusal counts")
    for one in granules { SuperSlabPool.putGranules(one) }
    Purge.run(age: 0)
    expect(LargeRegions.allocate(12 << 20, alignment: 2 << 20, zero: false) != nil)
  }

  private static func soft() {
    Fixture.setUp("HAKMEM_LIMIT", "soft:64M")
    expect(LargeRegions.allocate(40 << 20, alignment: 2 << 20, zero: false) != nil)
    expect(!MemoryLimit.isPressed)
    guard let over = LargeRegions.allocate(30 << 20, alignment: 2 << 20, zero: false) else {
      return expect(false)
    }
    expect(MemoryLimit.takePressure().isOverSoft && MemoryLimit.settle())
    expect(LargeRegions.resize(over, to: 33 << 20) && !MemoryLimit.isPressed)
    expect(LargeRegions.resize(over, to: 35 << 20) && MemoryLimit.isPressed)
    expect(over.claimFree())
    LargeRegions.free(over)
    _ = MemoryLimit.takePressure()
    expect(!MemoryLimit.settle() && !MemoryLimit.isPressed)
    expectEqual(MemoryLimit.soft, 64 << 20, "the soft limit")
    MemoryLimit.setSoft(fromGroup: 32 << 20)
    expect(MemoryLimit.isPressed && MemoryLimit.soft == 32 << 20)
  }
}
