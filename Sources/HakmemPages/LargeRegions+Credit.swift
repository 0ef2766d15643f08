import HakmemPlatform
import Synchronization

/// How much the large regions keep, and a memory of those that were unmapped: one that would have
/// served speaks for keeping more.
extension LargeRegions {
  static var credit: KeepCredit { KeepCredit(unsafeAt: PagesStorage.largeCredit) }
  /// For regions without pages, of which it says only whether they are worth keeping.
  static var addressCredit: KeepCredit { KeepCredit(unsafeAt: PagesStorage.addressCredit) }
  /// For what a program leaves that holds hardly anything more.
  private static var idleCredit: KeepCredit { KeepCredit(unsafeAt: PagesStorage.idleCredit) }

  /// Whether the program let go of nearly all that it had lately: it may be done with it, and make no
  /// call any more.
  static var isIdle: Bool { liveBytes < recentPeak / 16 }

  private static var warmBytes: Int { Int(Option.warmBytes.value << 20) }

  static var mostToKeep: Int {
    isIdle ? min(credit.bytes, max(warmBytes, idleCredit.bytes)) : credit.bytes
  }

  /// Pages that went back are wanted again. Credit grows to four times HAKMEM_WARM_MIB, since blocks are
  /// as large.
  static func regretPages(_ bytes: UInt, returnedAt: UInt32, wasIdle: Bool) {
    credit.regret(bytes, returnedAt: returnedAt, atMost: 4 &* warmBytes)
    if wasIdle { idleCredit.regret(bytes, returnedAt: returnedAt, atMost: 4 &* warmBytes) }
  }

  /// Kept pages aged in vain.
  static func waste(_ bytes: UInt) {
    credit.waste(bytes)
    idleCredit.waste(bytes)
  }

  /// Looks whether a region that would have served was unmapped before, as it was or else in part. For
  /// zeroes its pages would have been worth keeping only if writing costs less than new ones.
  static func regretGhost(_ bytes: UInt, zero: Bool) {
    let lock = Lock(.largeRegions)
    lock.acquire()
    defer { lock.release() }
    var servesInPart: Int?
    for index in 0..<excess {
      let ghost = state.pointee.ghostBytes[index]
      let arePagesMissed = !zero || state.pointee.fullGhosts >> UInt8(index) & 1 != 0
      if ghost >= bytes, ghost &- bytes <= bytes / 8 {
        addressCredit.regret(ghost, returnedAt: state.pointee.ghostFreedAt[index])
        if arePagesMissed { regretGhost(at: index, ghost) }
        state.pointee.ghostBytes[index] = 0
        return
      }
      if arePagesMissed, ghost >= bytes / 2, ghost != 0 { servesInPart = index }
    }
    guard !zero || bytes <= Zeroing.mostToWrite else { return }
    let index = servesInPart ?? excess
    let served = min(bytes, state.pointee.ghostBytes[index])
    regretGhost(at: index, served)
    state.pointee.ghostBytes[index] &-= served
  }

  /// The ghost of what passed the bound, however many pieces it was.
  private static let excess = 7

  static func rememberExcess(_ bytes: UInt) {
    let lock = Lock(.largeRegions)
    lock.acquire()
    defer { lock.release() }
    let now = Clock.milliseconds()
    let isRecent = now &- state.pointee.ghostFreedAt[excess] <= PurgeDelay.regretWindow
    state.pointee.ghostBytes[excess] = bytes &+ (isRecent ? state.pointee.ghostBytes[excess] : 0)
    state.pointee.ghostFreedAt[excess] = now
    setBit(excess, isIdle, in: &state.pointee.idleGhosts)
  }

  private static func setBit(_ index: Int, _ isSet: Bool, in bits: inout UInt8) {
    let bit: UInt8 = 1 << UInt8(index)
    bits = isSet ? bits | bit : bits & ~bit
  }

  private static func regretGhost(at index: Int, _ bytes: UInt) {
    guard bytes != 0 else { return }
    let wasIdle = state.pointee.idleGhosts >> UInt8(index) & 1 != 0
    regretPages(bytes, returnedAt: state.pointee.ghostFreedAt[index], wasIdle: wasIdle)
  }

  static func rememberGhost(_ region: LargeRegion) {
    let lock = Lock(.largeRegions)
    lock.acquire()
    defer { lock.release() }
    let index = Int(state.pointee.nextGhost)
    state.pointee.ghostBytes[index] = region.byteCount
    state.pointee.ghostStart[index] = region.start
    state.pointee.ghostFreedAt[index] = Clock.milliseconds()
    setBit(index, region.record.pointee.wasFull, in: &state.pointee.fullGhosts)
    setBit(index, region.record.pointee.wasIdle, in: &state.pointee.idleGhosts)
    state.pointee.nextGhost = UInt8((index + 1) % excess)
  }

  /// Whether a region that began at `pointer` was unmapped lately: for reports.
  package static func wasFreed(_ pointer: UInt) -> Bool {
    for index in 0..<8 where pointer != 0 && state.pointee.ghostStart[index] == pointer {
      return true
    }
    return false
  }
}
