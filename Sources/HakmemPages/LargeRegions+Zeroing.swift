import HakmemPlatform

/// Kept regions that are cleared before calloc wants them: for the background thread, and only while
/// calloc takes kept regions.
extension LargeRegions {
  /// What one step may take, in which a fork waits.
  static let largestToClear: UInt = 32 << 20

  package static var hasZeroingToDo: Bool { state.pointee.clearedBytes > 0 }

  /// Clears one kept region, the newest that may hold anything.
  package static func zeroKept() {
    let lock = Lock(.largeRegions)
    lock.acquire()
    let wanted = state.pointee.clearedBytes
    var address = state.pointee.newestKept
    while address != 0, !isWorthClearing(LargeRegion(unsafeRecord: address)) {
      address = LargeRegion(unsafeRecord: address).record.pointee.next
    }
    guard wanted > 0, address != 0 else {
      state.pointee.clearedBytes = 0
      return lock.release()
    }
    // In nobody's hands but the caller's while it is cleared.
    let region = LargeRegion(unsafeRecord: address)
    remove(region)
    lock.release()
    Memory.zero(region.start, region.byteCount)
    region.record.pointee.isDirty = false
    lock.acquire()
    state.pointee.clearedBytes = max(wanted - Int(region.byteCount), 0)
    insert(region)
    lock.release()
  }

  private static func isWorthClearing(_ region: LargeRegion) -> Bool {
    region.record.pointee.isDirty && region.byteCount <= largestToClear
  }
}
