import CHakmemShims
import HakmemPlatform
import HakmemSlabs
import Synchronization

/// Refill and overflow: one batch at a time between the cache and the depot or the slabs.
extension ThreadCache {
  /// A block of the class: from the bin, or after a refill; 0 when memory is exhausted. `orLarger`: one
  /// of a larger class will do.
  package func allocate(_ sizeClass: SizeClass, orLarger: Bool = false) -> UInt {
    let block = bin(sizeClass).pop()
    return block != 0 ? block : refill(sizeClass, orLarger: orLarger)
  }

  /// Fills the empty bin and takes one block; 0 when memory is exhausted.
  @inline(never)
  package func refill(_ sizeClass: SizeClass, orLarger: Bool = false) -> UInt {
    enterSlow(sizeClass)
    defer { leaveSlow() }
    record.pointee.refills &+= 1
    if sizeClass.isMedium { openMediumBin(sizeClass) }
    setSurplus(false, sizeClass)
    let first = firstSlot(sizeClass)
    if !sizeClass.isMedium {
      let block = refillFromDepot(sizeClass)
      if block != 0 { return block }
    }
    let slabs = SlabList(sizeClass)
    let count = sizeClass.refillCount
    var carved = (count: 0, isZero: false)
    if orLarger, Self.mayTakeLarger(than: sizeClass) {
      carved = slabs.carve(into: first, count: count, mayTouch: false)
      if carved.count == 0 {
        let larger = takeLarger(than: sizeClass)
        if larger != 0 { return larger }
      }
    }
    if carved.count == 0 { carved = slabs.carve(into: first, count: count) }
    if carved.count == 0 {
      Housekeeping.purgeEverything()
      enterSlow(sizeClass)
      carved = slabs.carve(into: first, count: count)
      guard carved.count > 0 else { return 0 }
    }
    // The bin may have shrunk.
    if !sizeClass.isMedium { extend(sizeClass, toHold: carved.count) }
    return take(carved.count, from: first, sizeClass)
  }

  private func refillFromDepot(_ sizeClass: SizeClass) -> UInt {
    // The batch may be larger than the bin: the rest goes on to the slabs.
    guard sizeClass.cacheCapacity >= Depot.batchCapacity else { return refillSmallBin(sizeClass) }
    let first = firstSlot(sizeClass)
    let count = Depot.take(sizeClass, into: first, spare: &record.pointee.emptyBatches)
    guard count > 0 else { return 0 }
    extend(sizeClass, toHold: count)
    prefetch(count, from: first, sizeClass)
    return take(count, from: first, sizeClass)
  }

  /// Begins to load the lines of a batch's blocks, which another processor may hold, for a thread that takes
  /// batch after batch of one class. Of several classes they would be used too late to stay in its cache.
  private func prefetch(_ count: Int, from first: UInt, _ sizeClass: SizeClass) {
    let number = UInt8(sizeClass.number)
    if record.pointee.lastBatchClass == number {
      for index in 0..<UInt(count) { hakmem_prefetch(Memory.loadWord(at: first &+ index &* 8)) }
    }
    record.pointee.lastBatchClass = number
  }

  private func refillSmallBin(_ sizeClass: SizeClass) -> UInt {
    withUnsafeTemporaryAllocation(of: UInt.self, capacity: Depot.batchCapacity) { buffer in
      let slots = UInt(bitPattern: buffer.baseAddress)
      let count = Depot.take(sizeClass, into: slots, spare: &record.pointee.emptyBatches)
      guard count > 0 else { return 0 }
      let room = Int(bitPattern: bin(sizeClass).limit &- firstSlot(sizeClass)) / 8
      let kept = min(count, room)
      Memory.copy(from: slots, to: firstSlot(sizeClass), UInt(kept) &* 8)
      if count > kept {
        SlabList.giveBack(
          slots &+ UInt(kept) &* 8, count: count - kept, of: sizeClass, reject: Misuse.report)
      }
      return take(kept, from: firstSlot(sizeClass), sizeClass)
    }
  }

  /// The last of `count` blocks that were written from `first` on; the others stay in the bin.
  private func take(_ count: Int, from first: UInt, _ sizeClass: SizeClass) -> UInt {
    let last = first &+ UInt(count - 1) &* 8
    bin(sizeClass).top = last
    countRefilled(count, sizeClass)
    return Memory.loadWord(at: last)
  }

  /// Puts a block into its full bin: by making the bin longer, or by moving the oldest blocks to
  /// the depot.
  @inline(never)
  package func overflow(_ block: UInt, _ sizeClass: SizeClass) {
    enterSlow(sizeClass)
    defer { leaveSlow() }
    guard !sizeClass.isMedium else { return overflowMedium(block, sizeClass) }
    let bin = bin(sizeClass)
    // The first use of the class made room.
    if bin.push(block) { return }
    let capacity = capacity(sizeClass)
    if capacity < sizeClass.cacheCapacity, !hasSurplus(sizeClass) {
      extend(sizeClass, toHold: min(capacity * 2, sizeClass.cacheCapacity))
    } else {
      record.pointee.overflows &+= 1
      let isKept = moveOldest(min(Depot.batchCapacity, (capacity + 1) / 2), of: sizeClass)
      if isKept { setSurplus(false, sizeClass) } else { shrink(sizeClass) }
    }
    _ = bin.push(block)
  }

  /// Halves a bin whose blocks nobody wants, so that a thread which only frees keeps few.
  private func shrink(_ sizeClass: SizeClass) {
    let fewest = 16
    setSurplus(true, sizeClass)
    let first = firstSlot(sizeClass)
    let capacity = capacity(sizeClass)
    guard capacity > fewest else { return }
    let shrunk = max(fewest, capacity / 2)
    while count(sizeClass) > shrunk / 2 {
      moveOldest(min(Depot.batchCapacity, count(sizeClass)), of: sizeClass)
    }
    bin(sizeClass).limit = first &+ UInt(shrunk) &* 8
  }

  /// Blocks that the bin has room for at present.
  func capacity(_ sizeClass: SizeClass) -> Int {
    Int(bitPattern: bin(sizeClass).limit &- firstSlot(sizeClass)) / 8
  }

  func hasSurplus(_ sizeClass: SizeClass) -> Bool {
    record.pointee.surplusClasses[sizeClass.number / 64] & (1 << UInt64(sizeClass.number % 64)) != 0
  }
  func setSurplus(_ hasSurplus: Bool, _ sizeClass: SizeClass) {
    let bit: UInt64 = 1 << UInt64(sizeClass.number % 64)
    if hasSurplus {
      record.pointee.surplusClasses[sizeClass.number / 64] |= bit
    } else {
      record.pointee.surplusClasses[sizeClass.number / 64] &= ~bit
    }
  }

  private func extend(_ sizeClass: SizeClass, toHold count: Int) {
    let limit = firstSlot(sizeClass) &+ UInt(count) &* 8
    if limit > bin(sizeClass).limit { bin(sizeClass).limit = limit }
  }

  /// Moves the `count` oldest blocks to the depot, medium ones to their slabs: the newest are the ones
  /// in the processor's cache. False when they went to the slabs, because nobody wants them.
  @discardableResult
  package func moveOldest(_ count: Int, of sizeClass: SizeClass) -> Bool {
    let first = firstSlot(sizeClass)
    let bin = bin(sizeClass)
    let moved = UInt(count) &* 8
    countReturned(count, sizeClass)
    let isKept: Bool
    if sizeClass.isMedium {
      SlabList.giveBack(first, count: count, of: sizeClass, reject: Misuse.report)
      isKept = false
    } else {
      isKept = Depot.put(
        sizeClass, first, count: count, wasRefused: hasSurplus(sizeClass),
        spare: &record.pointee.emptyBatches, reject: Misuse.report)
    }
    Memory.move(from: first &+ moved, to: first, bin.top &- first &- moved)
    bin.top = bin.top &- moved
    return isKept
  }

  // MARK: Slow calls

  /// Marks the cache as half changed, for a fork in another thread and for a trimmer.
  func enterSlow(_ sizeClass: SizeClass) {
    beginChange()
    record.pointee.activeClasses |= 1 << UInt64(sizeClass.number % 64)
    if isUnused(sizeClass) {
      let room = sizeClass.isMedium ? 0 : UInt(sizeClass.refillCount)
      bin(sizeClass).limit = firstSlot(sizeClass) &+ room &* 8
      bin(sizeClass).top = firstSlot(sizeClass)
    }
  }

  func leaveSlow() {
    endChange()
    ProfileControl.look()
    record.pointee.slowCalls &+= 1
    let callsBetweenLooks: UInt = 64
    if record.pointee.slowCalls % callsBetweenLooks == 0 { Housekeeping.tick(self) }
  }
}
