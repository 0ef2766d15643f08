import HakmemPlatform
import Synchronization

extension LargeRegions {
  /// What contradicts the list of kept regions; nil when nothing does. For a caller that holds the
  /// lock `largeRegions`.
  package static var fault: StaticString? {
    var bytes = 0
    var emptyBytes = 0
    var emptyCount = 0
    var fault: StaticString?
    state.pointee.kept.forEach { region in
      if region.isLive { fault = "a region that is kept is live" }
      if region.slackBytes != 0 { fault = "a kept region has slack" }
      if SuperSlabRegistry.record(at: region.start) != region.address {
        fault = "a kept region is not in the registry"
      }
      if region.byteCount > region.mappedBytes { fault = "a region is longer than its mapping" }
      if region.isEmpty {
        if region.record.pointee.isDirty { fault = "an empty region is dirty" }
        emptyBytes += Int(region.mappedBytes)
        emptyCount += 1
      } else {
        bytes += Int(region.byteCount)
      }
    }
    state.pointee.withSlack.forEach { region in
      let end = region.byteCount &+ region.slackBytes
      if end == region.byteCount || end > region.mappedBytes {
        fault = "a region's slack is none or beyond its mapping"
      }
      bytes += Int(region.slackBytes)
    }
    if let fault { return fault }
    guard state.pointee.kept.isWhole, state.pointee.withSlack.isWhole else {
      return "a link between regions is wrong"
    }
    guard emptyBytes == state.pointee.emptyBytes, emptyCount == Int(state.pointee.emptyCount) else {
      return "the empty regions are counted wrong"
    }
    return bytes == keptBytes ? nil : "the kept bytes are wrong"
  }
}
