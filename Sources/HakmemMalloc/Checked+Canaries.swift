import HakmemPages
import HakmemPlatform
import HakmemSlabs
import HakmemThreadCache
import Synchronization

/// A secret word right behind what was asked for, verified where the block passes by.
extension Checked {
  static var canaryBytes: UInt { Option.canary.isOn ? 8 : 0 }

  /// The first byte is odd, so that no zero goes by that was written there; the last one is zero,
  /// which ends a string that was not terminated.
  @inline(__always)
  static func canary(_ block: UInt, _ checked: CheckedCache) -> UInt {
    let mixed =
      (block ^ checked.header.pointee.firstSecret) &* checked.header.pointee.secondSecret
    return mixed >> 8 | 1
  }

  /// Writes the canary of a block whose slack is zero.
  static func seal(_ block: UInt, _ byteCount: UInt, _ checked: CheckedCache) {
    guard checked.header.pointee.hasCanary else { return }
    Memory.storeWord(canary(block, checked), at: block &+ byteCount)
  }

  static func verifySealIfAny(
    _ action: Misuse.Action, _ block: UInt, _ byteCount: UInt, _ checked: CheckedCache,
    _ site: CallSite
  ) {
    if checked.header.pointee.hasCanary { verifySeal(action, block, byteCount, checked, site) }
  }

  @inline(__always)
  static func verifySeal(
    _ action: Misuse.Action, _ block: UInt, _ byteCount: UInt, _ checked: CheckedCache,
    _ site: CallSite
  ) {
    let found = Memory.loadWord(at: block &+ byteCount)
    guard found == canary(block, checked) else {
      stopAtOverflow(action, block, byteCount, found ^ canary(block, checked), site)
    }
  }

  @inline(never)
  static func stopAtOverflow(
    _ action: Misuse.Action, _ block: UInt, _ byteCount: UInt, _ damage: UInt, _ site: CallSite
  ) -> Never {
    Misuse.stop(
      action, block, .overflow(at: byteCount &+ UInt(damage.trailingZeroBitCount / 8)), site)
  }

  /// Verifies the canaries of all live small blocks. Other threads may go on: what looks damaged is
  /// looked at again until it is whole, free or certain.
  static func verifyLiveBlocks() {
    guard Hardening.isOn, Option.canary.isOn else { return }
    PinnedSlab.forEach(where: { _ in true }) { slab, sizeClass in
      for index in 0..<slab.freshCount { verify(index, of: slab, sizeClass) }
    }
  }

  private static func verify(_ index: Int, of slab: Slab, _ sizeClass: SizeClass) {
    let block = slab.start &+ UInt(index) &* sizeClass.blockBytes
    let looks = 100
    for look in 1...looks {
      // Acquires the canary, which was written before.
      let value = UInt(slab.pinnedState(index).pointee.load(ordering: .acquiring))
      guard value != 0 else { return }
      let byteCount = sizeClass.blockBytes &- (value &- 1)
      let damage = Memory.loadWord(at: block &+ byteCount) ^ canary(block, .shared)
      guard damage != 0 else { return }
      if look == looks { stopAtOverflow(.purge, block, byteCount, damage, .unknown) }
      SystemCalls.yieldProcessor()
    }
  }
}
