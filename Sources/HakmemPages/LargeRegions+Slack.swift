import HakmemPlatform
import Synchronization

/// Pages of a kept region that the block did not need which took it. They stay behind the block, as
/// kept as others: for the region's next block, or for this one to grow into.
extension LargeRegions {
  /// Ends a block at `byteCount`, if that leaves more than an eighth.
  static func leaveSlack(_ region: LargeRegion, after byteCount: UInt) {
    let left = region.byteCount &- byteCount
    guard left > byteCount / 8 else { return }
    let lock = Lock(.largeRegions)
    lock.acquire()
    region.record.pointee.byteCount = byteCount
    region.record.pointee.slackBytes = left
    region.record.pointee.freedAt = Clock.milliseconds()
    countLocked(-Int(left), blocks: 0)
    state.pointee.keptBytes += Int(left)
    state.pointee.withSlack.insert(region)
    if state.pointee.keptBytes > credit.bytes { drop(slackOf: region) }
    lock.release()
  }

  /// Makes slack a part of its block again, whose owner calls.
  static func takeSlack(of region: LargeRegion) {
    guard region.record.pointee.slackBytes != 0 else { return }
    let lock = Lock(.largeRegions)
    lock.acquire()
    defer { lock.release() }
    let slack = region.record.pointee.slackBytes
    guard slack != 0 else { return }
    unlink(slackOf: region)
    region.record.pointee.byteCount &+= slack
    countLocked(Int(slack), blocks: 0)
  }

  /// Gives back what was left `age` milliseconds ago. The caller holds the lock, since no block with
  /// slack grows meanwhile.
  static func dropSlack(age: UInt32, now: UInt32) {
    while let oldest = state.pointee.withSlack.oldestRegion,
      now &- oldest.record.pointee.freedAt >= age
    {
      waste(oldest.record.pointee.slackBytes)
      drop(slackOf: oldest)
    }
  }

  private static func drop(slackOf region: LargeRegion) {
    let slack = region.record.pointee.slackBytes
    unlink(slackOf: region)
    // Where the kernel refuses, as for locked pages, they stay.
    _ = Purge.release(region.start &+ region.byteCount, slack)
    MemoryLimit.uncharge(slack)
  }

  private static func unlink(slackOf region: LargeRegion) {
    state.pointee.withSlack.remove(region)
    state.pointee.keptBytes -= Int(region.record.pointee.slackBytes)
    region.record.pointee.slackBytes = 0
  }
}
