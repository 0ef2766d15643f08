import HakmemPlatform

/// Kept regions that are cleared before calloc wants them: for the background thread, and only while
/// calloc takes kept regions.
extension LargeRegions {
  package static var hasZeroingToDo: Bool { state.pointee.clearedBytes > 0 }

  /// Clears some of the newest kept region that may hold anything.
  package static func zeroKept() {
    let lock = Lock(.largeRegions)
    lock.acquire()
    let wanted = state.pointee.clearedBytes
    var newest: LargeRegion?
    state.pointee.kept.forEach { if newest == nil, $0.record.pointee.isDirty { newest = $0 } }
    guard wanted > 0, let newest else {
      state.pointee.clearedBytes = 0
      return lock.release()
    }
    // In nobody's hands but the caller's while it is cleared.
    let region = takeOut(min(UInt(wanted), Zeroing.mostToWrite), of: newest)
    lock.release()
    Memory.zero(region.start, region.byteCount)
    region.record.pointee.isDirty = false
    lock.acquire()
    state.pointee.clearedBytes = max(wanted - Int(region.byteCount), 0)
    insert(region)
    lock.release()
  }
}
