import HakmemPlatform
import Synchronization

extension LargeRegions {
  /// What contradicts the list of kept regions; nil when nothing does. For a caller that holds the
  /// lock `largeRegions`.
  package static var fault: StaticString? {
    var bytes = 0
    var emptyBytes = 0
    var emptyCount = 0
    var previous: UInt = 0
    var address = state.pointee.newestKept
    while address != 0 {
      let region = LargeRegion(unsafeRecord: address)
      if region.record.pointee.previous != previous { return "a link between regions is wrong" }
      if region.isLive { return "a region that is kept is live" }
      if SuperSlabRegistry.record(at: region.start) != address {
        return "a kept region is not in the registry"
      }
      if region.byteCount > region.mappedBytes { return "a region is longer than its mapping" }
      if region.isEmpty {
        if region.record.pointee.isDirty { return "an empty region is dirty" }
        emptyBytes += Int(region.mappedBytes)
        emptyCount += 1
      } else {
        bytes += Int(region.byteCount)
      }
      previous = address
      address = region.record.pointee.next
    }
    if state.pointee.oldestKept != previous { return "the oldest kept region is another" }
    guard emptyBytes == state.pointee.emptyBytes, emptyCount == state.pointee.emptyCount else {
      return "the empty regions are counted wrong"
    }
    return bytes == state.pointee.keptBytes ? nil : "the kept bytes are wrong"
  }
}
