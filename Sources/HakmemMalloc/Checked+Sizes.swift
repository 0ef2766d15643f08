import HakmemPages
import HakmemPlatform
import HakmemSlabs
import HakmemThreadCache
import Synchronization

/// What the program asked for of a block, and its change.
extension Checked {
  /// What the program asked for of the live block that begins at `pointer`; nil when none does.
  static func requestedBytes(_ pointer: UInt) -> UInt? {
    if EmptyBlocks.contains(pointer) { return EmptyBlocks.isLive(pointer) ? 0 : nil }
    if let slab = Slab.around(pointer) {
      guard let index = slab.blockIndex(of: pointer) else { return nil }
      let value = UInt(
        Slab.state(UInt(index), at: pointer, .shared).pointee.load(ordering: .relaxed))
      return value == 0 ? nil : slab.sizeClass.blockBytes &- (value &- 1)
    }
    let run = PageRuns.byteCount(at: pointer)
    if run != 0 { return run &- GuardPage.bytesBehindBlocks &- PageRuns.slack(at: pointer) }
    guard let region = LargeRegion.starting(at: pointer), region.isLive else { return nil }
    return region.requestedBytes
  }

  /// Ends the process unless the block has the size and the alignment that the program claims.
  static func verify(_ pointer: UInt, size: UInt, alignment: UInt, _ site: CallSite) {
    guard let requested = Heap.usableBytes(pointer) else {
      Misuse.stop(.freeSized, pointer, site)
    }
    guard requested == size else {
      Misuse.stop(.freeSized, pointer, .wrongSize(given: size, requested: requested), site)
    }
    guard alignment.isPowerOfTwo, pointer & (alignment &- 1) == 0 else {
      Misuse.stop(.freeSized, pointer, .wrongAlignment(given: alignment), site)
    }
  }

  // MARK: Resizing

  /// `pointer` and `new` are not 0. When memory is exhausted the block stays as it is.
  static func reallocate(
    _ pointer: UInt, _ new: UInt, _ checked: CheckedCache, _ site: CallSite
  ) -> UInt {
    guard let old = requestedBytes(pointer) else { Misuse.stop(.reallocate, pointer, site) }
    if let region = LargeRegion.starting(at: pointer) {
      if runByteCount(new) > PageRuns.maximumBytes {
        return resizeLarge(region, old, new, checked, site) ? region.start : 0
      }
    } else if !EmptyBlocks.contains(pointer), resizeInPlace(pointer, old, new, checked, site) {
      return pointer
    }
    let moved = allocate(new, zero: false, checked)
    guard moved != 0 else { return 0 }
    Memory.copy(from: pointer, to: moved, min(old, new))
    free(pointer, checked, site)
    return moved
  }

  /// A block that is at least half used stays where it is.
  static func resizeInPlace(
    _ pointer: UInt, _ old: UInt, _ new: UInt, _ checked: CheckedCache, _ site: CallSite
  ) -> Bool {
    guard let slab = Slab.around(pointer) else {
      let usable = PageRuns.byteCount(at: pointer) &- GuardPage.bytesBehindBlocks
      // The slack is kept in 16 bits.
      guard fits(new, usable), usable &- new <= UInt(UInt16.max) else { return false }
      verifySealIfAny(.reallocate, pointer, old, checked, site)
      moveSeal(pointer, old, new, checked)
      PageRuns.setSlack(usable &- new, at: pointer)
      return true
    }
    let blockBytes = slab.sizeClass.blockBytes
    guard fits(new, blockBytes) else { return false }
    guard let index = slab.blockIndex(of: pointer) else {
      Misuse.stop(.reallocate, pointer, site)
    }
    verifySealIfAny(.reallocate, pointer, old, checked, site)
    // Free meanwhile: nobody is to verify a canary on its way.
    let state = Slab.state(UInt(index), at: pointer, .shared)
    state.pointee.store(0, ordering: .relaxed)
    moveSeal(pointer, old, new, checked)
    state.pointee.store(UInt16(truncatingIfNeeded: blockBytes &- new &+ 1), ordering: .releasing)
    return true
  }

  static func fits(_ byteCount: UInt, _ blockBytes: UInt) -> Bool {
    let room = blockBytes &- canaryBytes
    return byteCount <= room && byteCount > room / 2
  }

  /// The old canary and what is given up become slack, which is zero.
  static func moveSeal(
    _ block: UInt, _ old: UInt, _ new: UInt, _ checked: CheckedCache
  ) {
    if checked.header.pointee.hasCanary { Memory.storeWord(0, at: block &+ old) }
    if new < old { Memory.zero(block &+ new, old &- new) }
    seal(block, new, checked)
  }

  static func resizeLarge(
    _ region: LargeRegion, _ old: UInt, _ new: UInt, _ checked: CheckedCache, _ site: CallSite
  ) -> Bool {
    guard new <= Constants.maximumRequest &- (1 << 20) else { return false }
    let start = region.start
    verifySealIfAny(.reallocate, start, old, checked, site)
    // What lies behind the new end in its page is slack; the rest of it goes.
    if checked.header.pointee.hasCanary { Memory.storeWord(0, at: start &+ old) }
    if new < old {
      let pageEnd = (new &+ 8).roundedUp(to: GuardPage.byteCount)
      Memory.zero(start &+ new, min(old &- new, pageEnd &- new))
    }
    let isResized = Heap.resizeLarge(region, to: new &+ 8)
    if isResized { region.requestedBytes = new }
    seal(region.start, region.requestedBytes, checked)
    return isResized
  }
}
