import HakmemPages
import HakmemPlatform
import HakmemSlabs

/// What the map log begins with: everything that has a place already.
enum AddressMap {
  static func note() {
    let metadata = MetadataRegion.reservation
    MapLog.note(.metadata, metadata.start, metadata.byteCount)
    let classMap = ClassMap.mapping
    MapLog.note(.classMap, classMap.start, classMap.byteCount)
    SuperSlab.forEach { superSlab in
      superSlab.noteUse()
      Slab.forEach(in: superSlab) { $0.noteUse() }
    }
    LargeRegions.forEach { if $0.isLive { $0.noteUse() } }
  }
}
