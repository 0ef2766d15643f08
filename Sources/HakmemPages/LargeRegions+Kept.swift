import HakmemPlatform
import Synchronization

/// Regions that are kept for reuse, and a memory of those that were unmapped: one that would have
/// served speaks for keeping more.
extension LargeRegions {
  /// Drops the regions that were kept for `age` milliseconds.
  package static func purge(age: UInt32) {
    let lock = Lock(.largeRegions)
    lock.acquire()
    let now = Clock.milliseconds()
    var doomed: UInt = 0
    while state.pointee.oldestKept != 0 {
      let oldest = LargeRegion(unsafeRecord: state.pointee.oldestKept)
      guard now &- oldest.record.pointee.freedAt >= age else { break }
      remove(oldest)
      credit.waste(oldest.mappedBytes)
      oldest.record.pointee.next = doomed
      doomed = oldest.address
    }
    lock.release()
    unmapChain(doomed)
  }

  // MARK: Unmapped regions that are remembered

  static var credit: KeepCredit { KeepCredit(unsafeAt: PagesStorage.largeCredit) }

  /// Looks whether a region that would have served was unmapped before.
  static func regretGhost(_ bytes: UInt) {
    let lock = Lock(.largeRegions)
    lock.acquire()
    defer { lock.release() }
    for index in 0..<8 {
      let ghost = state.pointee.ghostBytes[index]
      guard ghost >= bytes, ghost &- bytes <= bytes / 8 else { continue }
      state.pointee.ghostBytes[index] = 0
      return credit.regret(ghost, returnedAt: state.pointee.ghostFreedAt[index])
    }
  }

  static func rememberGhost(_ region: LargeRegion) {
    let lock = Lock(.largeRegions)
    lock.acquire()
    defer { lock.release() }
    let index = state.pointee.nextGhost
    state.pointee.ghostBytes[index] = region.mappedBytes
    state.pointee.ghostStart[index] = region.start
    state.pointee.ghostFreedAt[index] = Clock.milliseconds()
    state.pointee.nextGhost = (index + 1) % 8
  }

  /// Whether a region that began at `pointer` was unmapped lately: for reports.
  package static func wasFreed(_ pointer: UInt) -> Bool {
    for index in 0..<8 where pointer != 0 && state.pointee.ghostStart[index] == pointer {
      return true
    }
    return false
  }

  // MARK: Kept regions

  /// The kept region that fits best, at most an eighth larger than asked for.
  static func takeKept(_ bytes: UInt, alignment: UInt, zero: Bool) -> LargeRegion? {
    let lock = Lock(.largeRegions)
    lock.acquire()
    defer { lock.release() }
    var best: LargeRegion?
    var address = state.pointee.newestKept
    while address != 0 {
      let region = LargeRegion(unsafeRecord: address)
      let size = region.mappedBytes
      if size >= bytes, size &- bytes <= bytes / 8, region.start & (alignment &- 1) == 0,
        size < (best?.mappedBytes ?? .max)
      {
        best = region
      }
      address = region.record.pointee.next
    }
    guard let region = best else { return nil }
    remove(region)
    if zero { state.pointee.clearedBytes += Int(region.mappedBytes) }
    state.pointee.liveBytes += Int(region.mappedBytes)
    state.pointee.liveCount += 1
    region.record.pointee.hasGrown = false
    begin(region)
    return region
  }

  /// Zeroes a region that was kept: by writing while that is cheaper than new pages.
  static func clear(_ region: LargeRegion) {
    guard region.record.pointee.isDirty else { return }
    let cheaperToWrite: UInt = 4 << 20
    if region.mappedBytes <= cheaperToWrite || !Purge.release(region.start, region.mappedBytes) {
      Memory.zero(region.start, region.mappedBytes)
    }
  }
}
