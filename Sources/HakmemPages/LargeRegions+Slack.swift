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
    region.record.pointee.slackBytes.store(left, ordering: .relaxed)
    region.record.pointee.freedAt = Clock.milliseconds()
    countLocked(-Int(left), blocks: 0)
    keptBytes += Int(left)
    state.pointee.withSlack.insert(region)
    if keptBytes > credit.bytes { drop(slackOf: region) }
    lock.release()
  }

  /// Makes slack a part of its block again, whose owner calls.
  static func takeSlack(of region: LargeRegion) {
    guard region.slackBytes != 0 else { return }
    let lock = Lock(.largeRegions)
    lock.acquire()
    defer { lock.release() }
    let slack = region.slackBytes
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
      waste(oldest.slackBytes)
      drop(slackOf: oldest)
    }
  }

  private static func drop(slackOf region: LargeRegion) {
    let slack = region.slackBytes
    // Where the kernel refuses, as for locked pages, they stay.
    _ = Purge.release(region.start &+ region.byteCount, slack)
    MemoryLimit.uncharge(slack)
    unlink(slackOf: region)
  }

  private static func unlink(slackOf region: LargeRegion) {
    state.pointee.withSlack.remove(region)
    keptBytes -= Int(region.slackBytes)
    // Releases what became of the slack: the block's owner looks without the lock.
    region.record.pointee.slackBytes.store(0, ordering: .releasing)
  }
}
