import HakmemPages
import HakmemPlatform
import HakmemRecorder
import HakmemSlabs
import HakmemThreadCache

enum StorageTests {
  static let all = [
    WhiteBoxTest("Storage.areasOfEachLayerLieApart", areas),
    WhiteBoxTest("Storage.areasLieApartWithTheLargestCaches", largestCaches),
    WhiteBoxTest("Storage.mapFindsWhatOverlaps", map),
  ]

  private static func areas() {
    Fixture.setUp()
    expectNoFault(PlatformStorage.fault)
    expectNoFault(PagesStorage.fault)
    expectNoFault(SlabsStorage.fault)
    expectNoFault(CacheStorage.fault)
    expectNoFault(RecorderStorage.fault)
  }

  private static func largestCaches() {
    Fixture.setUp("HAKMEM_CACHE_KIB", "1024")
    expectNoFault(CacheStorage.fault)
  }

  private static func map() {
    var map = StorageMap(1024, byteCount: 64)
    map.add(1024, 16)
    map.add(1048, 8)
    expectNoFault(map.fault)
    var overlapping = map
    overlapping.add(1048, 8)
    expect(overlapping.fault != nil)
    var beyond = map
    beyond.add(1080, 16)
    expect(beyond.fault != nil)
    var crooked = map
    crooked.add(1060, 8)
    expect(crooked.fault != nil)
  }
}
