import HakmemPlatform
import HakmemSlabs

/// Bins of blocks beyond `SizeClass.smallMaximumBytes`. A bin begins without room and gets some
/// when a block is wanted after one of its class was freed, because most programs that resize a
/// block pass through all classes and come back to none. Their blocks go to the slabs, past the
/// depot.
extension ThreadCache {
  /// Makes room in the empty bin for one block if its class was freed since its last refill.
  func openMediumBin(_ sizeClass: SizeClass) {
    if hasSurplus(sizeClass), capacity(sizeClass) == 0 { widenMediumBin(sizeClass) }
  }

  /// Puts a block into its full bin: in place of the oldest one, or where there is room for more.
  func overflowMedium(_ block: UInt, _ sizeClass: SizeClass) {
    let bin = bin(sizeClass)
    let capacity = capacity(sizeClass)
    if capacity > 0, capacity < sizeClass.cacheCapacity, !hasSurplus(sizeClass) {
      widenMediumBin(sizeClass)
      if bin.push(block) { return }
    }
    record.pointee.overflows &+= 1
    setSurplus(true, sizeClass)
    // The slot above the stack is there: every class has one more than its capacity.
    Memory.storeWord(block, at: bin.top)
    bin.top = bin.top &+ 8
    moveOldest(1, of: sizeClass)
  }

  private func widenMediumBin(_ sizeClass: SizeClass) {
    let bytes = record.pointee.mediumBytes &+ record.pointee.runBytes &+ sizeClass.blockBytes
    guard bytes <= maximumMediumBytes else {
      noteRefusal()
      let refusalsBetweenClosings: UInt32 = 16
      if record.pointee.refusals % refusalsBetweenClosings == 0 { closeMediumBins() }
      return
    }
    record.pointee.mediumBytes &+= sizeClass.blockBytes
    bin(sizeClass).limit = bin(sizeClass).limit &+ 8
  }

  /// Bytes of medium blocks, runs and others, that the thread keeps: sixteen times what it may cache of
  /// a small size class, and up to eight times that while it is short of room all the time.
  package var maximumMediumBytes: UInt {
    Option.cacheBytes.value << (14 + UInt(record.pointee.doublings))
  }

  /// There was no room for one more.
  package func noteRefusal() {
    record.pointee.refusals &+= 1
    let many: UInt32 = 8192
    let quickMilliseconds: UInt32 = 10
    guard record.pointee.refusals % many == 0 else { return }
    let now = Clock.milliseconds()
    let isQuick = now &- record.pointee.manyRefusalsAt <= quickMilliseconds
    record.pointee.manyRefusalsAt = now
    if isQuick, record.pointee.doublings < 3 { record.pointee.doublings += 1 }
  }

  /// Takes room back that the thread has had for a second. It gets it again at once where it is short.
  package func halveMediumRoom(at now: UInt32) {
    guard record.pointee.doublings > 0, now &- record.pointee.manyRefusalsAt > 1000 else { return }
    record.pointee.doublings -= 1
    record.pointee.manyRefusalsAt = now
    if record.pointee.mediumBytes &+ record.pointee.runBytes > maximumMediumBytes {
      closeMediumBins()
      dropAllRuns()
    }
  }

  private func closeMediumBins() {
    record.pointee.mediumBytes = 0
    for number in SizeClass.firstMedium..<SizeClass.count where !isUnused(SizeClass(number)) {
      let sizeClass = SizeClass(number)
      moveOldest(count(sizeClass), of: sizeClass)
      bin(sizeClass).limit = firstSlot(sizeClass)
    }
  }
}
