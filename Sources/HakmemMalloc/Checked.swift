import HakmemPages
import HakmemPlatform
import HakmemSlabs
import HakmemThreadCache
import Synchronization

/// The heap while blocks are checked (HAKMEM_MODE=hardened): what `Heap` is otherwise.
///
///     block:   asked for │ canary, 8 bytes │ slack, zero
///     out:     state of each block (`BlockStates`), length and slack of each run and region
///
/// A block is handed out after it was seen to be zero, and is zero again before it goes into the
/// quarantine, so that `calloc` costs nothing more. The canary is a keyed function of the address;
/// its first byte is zero, which ends a string that was not terminated. A write that leaps over it
/// into the slack is seen when the block is handed out again.
enum Checked {
  private static var canaryBytes: UInt { Option.canary.isOn ? 8 : 0 }

  @inline(__always)
  private static func canary(_ block: UInt, _ checked: CheckedCache) -> UInt {
    let mixed =
      (block ^ checked.header.pointee.firstSecret) &* checked.header.pointee.secondSecret
    let firstByte: UInt = 0xff
    return mixed & ~firstByte
  }

  // MARK: Allocation

  @inline(__always)
  static func allocate(_ byteCount: UInt, zero: Bool, _ checked: CheckedCache) -> UInt {
    let header = checked.header
    if byteCount <= SizeClass.fastMaximumBytes &- 8, header.pointee.cache != 0 {
      let doubledClass = checked.cache.doubledClass(forSize: byteCount &+ 8)
      let sizeClass = SizeClass(doubled: doubledClass)
      let block = checked.take(sizeClass)
      if block != 0 {
        handOut(block, byteCount, sizeClass, zero: zero, checked)
        return block
      }
    }
    return allocateSlow(byteCount, alignment: Constants.minimumAlignment, zero: zero, checked)
  }

  /// `alignment` is a power of two.
  static func allocate(_ byteCount: UInt, alignment: UInt, _ checked: CheckedCache) -> UInt {
    allocateSlow(byteCount, alignment: alignment, zero: false, checked)
  }

  @inline(never)
  private static func allocateSlow(
    _ byteCount: UInt, alignment: UInt, zero: Bool, _ checked: CheckedCache
  ) -> UInt {
    Heap.mindingLimits { tryAllocate(byteCount, alignment: alignment, zero: zero, checked) }
  }

  private static func tryAllocate(
    _ byteCount: UInt, alignment: UInt, zero: Bool, _ checked: CheckedCache
  ) -> UInt {
    guard byteCount <= Constants.maximumRequest &- (1 << 20) else { return 0 }
    let sizeClass = SizeClass.serving(byteCount &+ 8, alignment: alignment)
    if sizeClass != .none {
      let block =
        checked.header.pointee.cache != 0
        ? checked.take(sizeClass) : Heap.carveOne(sizeClass).block
      if block != 0 { handOut(block, byteCount, sizeClass, zero: zero, checked) }
      return block
    }
    let runBytes = runByteCount(byteCount)
    if runBytes <= PageRuns.maximumBytes, alignment <= PageRuns.maximumBytes {
      return allocateRun(byteCount, runBytes, alignment: alignment, zero: zero, checked)
    }
    let block = Heap.allocateLarge(
      byteCount &+ 8, alignment: max(alignment, Constants.superSlabBytes), zero: true)
    guard let region = LargeRegion.starting(at: block) else { return 0 }
    region.requestedBytes = byteCount
    seal(block, byteCount, checked)
    return block
  }

  /// Marks a small block as the program's, after a look at whether it is as it was left.
  @inline(__always)
  private static func handOut(
    _ block: UInt, _ byteCount: UInt, _ sizeClass: SizeClass, zero: Bool, _ checked: CheckedCache
  ) {
    let record = checked.record(sizeClass)
    let blockBytes = record.pointee.blockBytes
    let index =
      ((block & record.pointee.offsetMask) &* record.pointee.reciprocal)
      >> SizeClass.reciprocalShift
    let state = Slab.state(index, at: block, checked.header.pointee.slabMap)
    guard state.pointee.load(ordering: .relaxed) == 0 else {
      Misuse.stop(.allocate, block, .inUse)
    }
    if checked.header.pointee.isFull {
      guard Memory.isZero(block, blockBytes) else { stopAtWriteAfterFree(block, blockBytes) }
      Memory.storeWord(canary(block, checked), at: block &+ byteCount)
    } else {
      prepare(block, byteCount, blockBytes, zero: zero, checked)
    }
    // Releases the canary to the walk that verifies the blocks of all threads.
    state.pointee.store(
      UInt16(truncatingIfNeeded: blockBytes &- byteCount &+ 1), ordering: .releasing)
  }

  /// Part by part.
  @inline(never)
  private static func prepare(
    _ block: UInt, _ byteCount: UInt, _ blockBytes: UInt, zero: Bool, _ checked: CheckedCache
  ) {
    if checked.header.pointee.verifies {
      guard Memory.isZero(block, blockBytes) else { stopAtWriteAfterFree(block, blockBytes) }
    } else if !checked.header.pointee.zeroes {
      if zero { Memory.zero(block, byteCount) }
      if checked.header.pointee.hasCanary {
        Memory.zero(block &+ byteCount, blockBytes &- byteCount)
      }
    }
    if checked.header.pointee.hasCanary {
      Memory.storeWord(canary(block, checked), at: block &+ byteCount)
    }
  }

  // MARK: Free

  @inline(__always)
  static func free(_ pointer: UInt, _ checked: CheckedCache) {
    let doubledClass = ClassMap.doubledClass(of: pointer)
    guard doubledClass != 0 else { return freeBig(pointer, checked) }
    let sizeClass = SizeClass(doubled: doubledClass)
    let record = checked.record(sizeClass)
    let blockBytes = record.pointee.blockBytes
    let offset = pointer & record.pointee.offsetMask
    let index = (offset &* record.pointee.reciprocal) >> SizeClass.reciprocalShift
    guard index &* blockBytes == offset else { Misuse.stop(.free, pointer) }
    let state = Slab.state(index, at: pointer, checked.header.pointee.slabMap)
    let value = UInt(state.pointee.load(ordering: .relaxed))
    guard value != 0 else { Misuse.stop(.free, pointer) }
    let byteCount = blockBytes &- (value &- 1)
    if checked.header.pointee.isFull {
      verifySeal(.free, pointer, byteCount, checked)
      state.pointee.store(0, ordering: .relaxed)
      Memory.zeroVectors(pointer, (byteCount &+ 8).roundedUp(to: 16))
      checked.quarantine(pointer, blockBytes)
    } else {
      freeByParts(pointer, byteCount, sizeClass, state, checked)
    }
  }

  @inline(never)
  private static func freeByParts(
    _ pointer: UInt, _ byteCount: UInt, _ sizeClass: SizeClass,
    _ state: UnsafeMutablePointer<BlockStates.State>, _ checked: CheckedCache
  ) {
    let blockBytes = sizeClass.blockBytes
    verifySealIfAny(.free, pointer, byteCount, checked)
    state.pointee.store(0, ordering: .relaxed)
    if checked.header.pointee.zeroes { Memory.zeroVectors(pointer, blockBytes) }
    guard checked.header.pointee.cache != 0 else { return giveBack(pointer, sizeClass) }
    checked.quarantine(pointer, blockBytes)
  }

  /// For threads without a cache.
  @inline(never)
  private static func giveBack(_ pointer: UInt, _ sizeClass: SizeClass) {
    var block = pointer
    withUnsafeMutablePointer(to: &block) {
      SlabList.giveBack(UInt(bitPattern: $0), count: 1, of: sizeClass, reject: Misuse.report)
    }
  }

  @inline(never)
  private static func freeBig(_ pointer: UInt, _ checked: CheckedCache) {
    switch SpanKind.of(record: SuperSlabRegistry.record(at: pointer)) {
    case .pageRuns: freeRun(pointer, checked)
    case .large: freeLarge(pointer, checked)
    case .slabs, .unused: Misuse.stop(.free, pointer)
    }
  }

  private static func freeLarge(_ pointer: UInt, _ checked: CheckedCache) {
    guard let region = LargeRegion.starting(at: pointer), region.isLive else {
      Misuse.stop(.free, pointer)
    }
    verifySealIfAny(.free, pointer, region.requestedBytes, checked)
    guard region.claimFree() else { Misuse.stop(.free, pointer) }
    LargeRegions.free(region)
  }

  // MARK: Medium blocks

  /// Bytes of the page run for a block, its guard included.
  private static func runByteCount(_ byteCount: UInt) -> UInt {
    (byteCount &+ 8).roundedUp(to: runUnit) &+ GuardPage.bytesBehindBlocks
  }

  /// The kernel's page where guards are wanted, so that none shares a page with a block.
  private static var runUnit: UInt { max(GuardPage.bytesBehindBlocks, Constants.pageBytes) }

  private static func allocateRun(
    _ byteCount: UInt, _ runBytes: UInt, alignment: UInt, zero: Bool, _ checked: CheckedCache
  ) -> UInt {
    let run = Heap.takeRun(runBytes, alignment: max(alignment, runUnit))
    guard run != 0 else { return 0 }
    let usable = runBytes &- GuardPage.bytesBehindBlocks
    if GuardPage.bytesBehindBlocks > 0 {
      GuardPage.install(run &+ usable, GuardPage.bytesBehindBlocks)
    }
    if zero || !Option.guardPages.isOn { PageRuns.clear(run, usable) }
    PageRuns.setSlack(usable &- byteCount, at: run)
    seal(run, byteCount, checked)
    return run
  }

  private static func freeRun(_ pointer: UInt, _ checked: CheckedCache) {
    let runBytes = PageRuns.byteCount(at: pointer)
    guard runBytes != 0 else { Misuse.stop(.free, pointer) }
    let usable = runBytes &- GuardPage.bytesBehindBlocks
    let byteCount = usable &- PageRuns.slack(at: pointer)
    verifySealIfAny(.free, pointer, byteCount, checked)
    let (claimed, mark) = PageRuns.markCached(
      pointer, record: SuperSlabRegistry.record(at: pointer))
    guard claimed != 0 else { Misuse.stop(.free, pointer) }
    // The run's pages go at once, and whoever looks for them faults while it is kept.
    if Option.guardPages.isOn {
      GuardPage.install(pointer, runBytes)
    } else if Option.zeroOnFree.isOn, !Purge.release(pointer, runBytes) {
      Memory.zero(pointer, byteCount)
    }
    guard checked.header.pointee.cache != 0 else { return ThreadCache.release(pointer, runBytes) }
    checked.cache.keepRun(pointer, runBytes, mark)
  }

  // MARK: Canaries

  /// Writes the canary of a block whose slack is zero.
  private static func seal(_ block: UInt, _ byteCount: UInt, _ checked: CheckedCache) {
    guard checked.header.pointee.hasCanary else { return }
    Memory.storeWord(canary(block, checked), at: block &+ byteCount)
  }

  private static func verifySealIfAny(
    _ action: Misuse.Action, _ block: UInt, _ byteCount: UInt, _ checked: CheckedCache
  ) {
    if checked.header.pointee.hasCanary { verifySeal(action, block, byteCount, checked) }
  }

  @inline(__always)
  private static func verifySeal(
    _ action: Misuse.Action, _ block: UInt, _ byteCount: UInt, _ checked: CheckedCache
  ) {
    let found = Memory.loadWord(at: block &+ byteCount)
    guard found == canary(block, checked) else {
      stopAtOverflow(action, block, byteCount, found ^ canary(block, checked))
    }
  }

  @inline(never)
  private static func stopAtOverflow(
    _ action: Misuse.Action, _ block: UInt, _ byteCount: UInt, _ damage: UInt
  ) -> Never {
    Misuse.stop(
      action, block, .overflow(at: byteCount &+ UInt(damage.trailingZeroBitCount / 8)))
  }

  @inline(never)
  private static func stopAtWriteAfterFree(_ block: UInt, _ blockBytes: UInt) -> Never {
    var offset: UInt = 0
    while offset < blockBytes, Memory.loadByte(at: block &+ offset) == 0 { offset &+= 1 }
    Misuse.stop(.allocate, block, .writeAfterFree(at: offset))
  }

  /// Verifies the canaries of all live small blocks. Other threads may go on: what looks damaged is
  /// looked at again until it is whole, free or certain.
  static func verifyLiveBlocks() {
    guard Hardening.isOn, Option.canary.isOn else { return }
    SuperSlab.forEach { superSlab in
      Slab.forEach(in: superSlab) { slab in
        for index in 0..<slab.freshCount { verify(UInt(index), of: slab, slab.sizeClass) }
      }
    }
  }

  private static func verify(_ index: UInt, of slab: Slab, _ sizeClass: SizeClass) {
    let looks = 100
    for look in 1...looks {
      guard slab.sizeClass == sizeClass else { return }
      let block = slab.start &+ index &* sizeClass.blockBytes
      // Acquires the canary, which was written before.
      let value = UInt(Slab.state(index, at: block, .shared).pointee.load(ordering: .acquiring))
      guard value != 0 else { return }
      let byteCount = sizeClass.blockBytes &- (value &- 1)
      let damage = Memory.loadWord(at: block &+ byteCount) ^ canary(block, .shared)
      guard damage != 0 else { return }
      if look == looks { stopAtOverflow(.purge, block, byteCount, damage) }
      SystemCalls.yieldProcessor()
    }
  }

  // MARK: Sizes

  /// What the program asked for of the live block that begins at `pointer`; nil when none does.
  static func requestedBytes(_ pointer: UInt) -> UInt? {
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
  static func verify(_ pointer: UInt, size: UInt, alignment: UInt) {
    guard let requested = Heap.usableBytes(pointer) else { Misuse.stop(.freeSized, pointer) }
    guard requested == size else {
      Misuse.stop(.freeSized, pointer, .wrongSize(given: size, requested: requested))
    }
    guard alignment.isPowerOfTwo, pointer & (alignment &- 1) == 0 else {
      Misuse.stop(.freeSized, pointer, .wrongAlignment(given: alignment))
    }
  }

  // MARK: Resizing

  /// `pointer` and `new` are not 0. When memory is exhausted the block stays as it is.
  static func reallocate(_ pointer: UInt, _ new: UInt, _ checked: CheckedCache) -> UInt {
    guard let old = requestedBytes(pointer) else { Misuse.stop(.reallocate, pointer) }
    if let region = LargeRegion.starting(at: pointer) {
      if runByteCount(new) > PageRuns.maximumBytes {
        return resizeLarge(region, old, new, checked) ? region.start : 0
      }
    } else if resizeInPlace(pointer, old, new, checked) {
      return pointer
    }
    let moved = allocate(new, zero: false, checked)
    guard moved != 0 else { return 0 }
    Memory.copy(from: pointer, to: moved, min(old, new))
    free(pointer, checked)
    return moved
  }

  /// A block that is at least half used stays where it is.
  private static func resizeInPlace(
    _ pointer: UInt, _ old: UInt, _ new: UInt, _ checked: CheckedCache
  ) -> Bool {
    guard let slab = Slab.around(pointer) else {
      let usable = PageRuns.byteCount(at: pointer) &- GuardPage.bytesBehindBlocks
      // The slack is kept in 16 bits.
      guard fits(new, usable), usable &- new <= UInt(UInt16.max) else { return false }
      verifySealIfAny(.reallocate, pointer, old, checked)
      moveSeal(pointer, old, new, checked)
      PageRuns.setSlack(usable &- new, at: pointer)
      return true
    }
    let blockBytes = slab.sizeClass.blockBytes
    guard fits(new, blockBytes) else { return false }
    guard let index = slab.blockIndex(of: pointer) else { Misuse.stop(.reallocate, pointer) }
    verifySealIfAny(.reallocate, pointer, old, checked)
    // Free meanwhile: nobody is to verify a canary on its way.
    let state = Slab.state(UInt(index), at: pointer, .shared)
    state.pointee.store(0, ordering: .relaxed)
    moveSeal(pointer, old, new, checked)
    state.pointee.store(UInt16(truncatingIfNeeded: blockBytes &- new &+ 1), ordering: .releasing)
    return true
  }

  private static func fits(_ byteCount: UInt, _ blockBytes: UInt) -> Bool {
    let room = blockBytes &- canaryBytes
    return byteCount <= room && byteCount > room / 2
  }

  /// The old canary and what is given up become slack, which is zero.
  private static func moveSeal(
    _ block: UInt, _ old: UInt, _ new: UInt, _ checked: CheckedCache
  ) {
    if checked.header.pointee.hasCanary { Memory.storeWord(0, at: block &+ old) }
    if new < old { Memory.zero(block &+ new, old &- new) }
    seal(block, new, checked)
  }

  private static func resizeLarge(
    _ region: LargeRegion, _ old: UInt, _ new: UInt, _ checked: CheckedCache
  ) -> Bool {
    guard new <= Constants.maximumRequest &- (1 << 20) else { return false }
    let start = region.start
    verifySealIfAny(.reallocate, start, old, checked)
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

extension CheckedCache {
  /// The calling thread's; the one of all threads for a thread that has none.
  static var ofThread: CheckedCache { Heap.usableCache()?.checkedCache ?? .shared }
}
