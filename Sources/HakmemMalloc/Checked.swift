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
/// quarantine, so that `calloc` costs nothing more. A write that leaps over the canary into the slack
/// is seen when the block is handed out again.
enum Checked {
  // MARK: Allocation

  @inline(__always)
  static func allocate(_ byteCount: UInt, zero: Bool, _ checked: CheckedCache) -> UInt {
    let header = checked.header
    // Nor for 0, which wraps around.
    if byteCount &- 1 < SizeClass.fastMaximumBytes &- 8, header.pointee.cache != 0 {
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
    if byteCount == 0, alignment <= EmptyBlocks.stride {
      let block = EmptyBlocks.allocate()
      if block != 0 { return block }
    }
    // Larger blocks lie each between guards of its own.
    let sizeClass =
      max(byteCount &+ 8, alignment) <= SizeClass.smallMaximumBytes
      ? SizeClass.serving(byteCount &+ 8, alignment: alignment) : .none
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
      byteCount &+ 8, alignment: max(alignment, Constants.pageBytes), zero: true)
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
      guard checked.isZero(block, blockBytes) else { stopAtWriteAfterFree(block, blockBytes) }
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
      guard checked.isZero(block, blockBytes) else { stopAtWriteAfterFree(block, blockBytes) }
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

  @inline(never)
  private static func stopAtWriteAfterFree(_ block: UInt, _ blockBytes: UInt) -> Never {
    var offset: UInt = 0
    while offset < blockBytes, Memory.loadByte(at: block &+ offset) == 0 { offset &+= 1 }
    Misuse.stop(.allocate, block, .writeAfterFree(at: offset))
  }

  // MARK: Free

  @inline(__always)
  static func free(_ pointer: UInt, _ checked: CheckedCache, _ site: CallSite) {
    let doubledClass = ClassMap.doubledClass(of: pointer)
    guard doubledClass != 0 else { return freeBig(pointer, checked, site) }
    let sizeClass = SizeClass(doubled: doubledClass)
    let record = checked.record(sizeClass)
    let blockBytes = record.pointee.blockBytes
    let offset = pointer & record.pointee.offsetMask
    let index = (offset &* record.pointee.reciprocal) >> SizeClass.reciprocalShift
    guard index &* blockBytes == offset else { Misuse.stop(.free, pointer, site) }
    let state = Slab.state(index, at: pointer, checked.header.pointee.slabMap)
    let value = UInt(state.pointee.load(ordering: .relaxed))
    guard value != 0 else { Misuse.stop(.free, pointer, site) }
    let byteCount = blockBytes &- (value &- 1)
    if checked.header.pointee.isFull {
      verifySeal(.free, pointer, byteCount, checked, site)
      state.pointee.store(0, ordering: .relaxed)
      // All of it: how long that takes is known before the state is.
      Memory.zeroVectors(pointer, blockBytes)
      checked.quarantine(pointer, sizeClass)
    } else {
      freeByParts(pointer, byteCount, sizeClass, state, checked, site)
    }
  }

  @inline(never)
  private static func freeByParts(
    _ pointer: UInt, _ byteCount: UInt, _ sizeClass: SizeClass,
    _ state: UnsafeMutablePointer<BlockStates.State>, _ checked: CheckedCache, _ site: CallSite
  ) {
    let blockBytes = sizeClass.blockBytes
    verifySealIfAny(.free, pointer, byteCount, checked, site)
    state.pointee.store(0, ordering: .relaxed)
    if checked.header.pointee.zeroes { Memory.zeroVectors(pointer, blockBytes) }
    guard checked.header.pointee.cache != 0 else { return giveBack(pointer, sizeClass) }
    checked.quarantine(pointer, sizeClass)
  }

  /// For threads without a cache.
  @inline(never)
  private static func giveBack(_ pointer: UInt, _ sizeClass: SizeClass) {
    var block = pointer
    withUnsafeMutablePointer(to: &block) {
      SlabList.giveBack(UInt(bitPattern: $0), count: 1, of: sizeClass, reject: Misuse.report)
    }
  }
}

extension CheckedCache {
  /// The calling thread's; the one of all threads for a thread that has none.
  static var ofThread: CheckedCache { Heap.usableCache()?.checkedCache ?? .shared }
}
