import HakmemPlatform
import Synchronization

/// Live regions that grow and shrink without a copied byte.
extension LargeRegions {
  /// Resizes a live region without copying a byte. Its start may change. False when memory is
  /// exhausted, and the region is as it was.
  package static func resize(_ region: LargeRegion, to byteCount: UInt) -> Bool {
    let new = byteCount.roundedUp(to: ProcessFacts.systemPageBytes)
    if new == region.byteCount { return true }
    let isShorter = new < region.byteCount
    guard isShorter || fitsAddressSpace(new, 0) else { return false }
    takeSlack(of: region)
    if isShorter {
      shrink(region, to: new)
    } else {
      if new > region.mappedBytes { takeKept(after: region, for: new) }
      if new > region.byteCount { guard extend(region, to: new) else { return false } }
      leaveSlack(region, after: new)
      adviseGrowing(region, new)
    }
    region.noteUse()
    return true
  }

  /// By addresses that are mapped behind the region, or by new ones.
  private static func extend(_ region: LargeRegion, to new: UInt) -> Bool {
    let added = new &- region.byteCount
    guard MemoryLimit.charge(added) else { return false }
    guard new <= region.mappedBytes || grow(region, to: new) else {
      MemoryLimit.uncharge(added)
      return false
    }
    regretGhost(added, zero: false)
    region.record.pointee.byteCount = new
    count(Int(added), blocks: 0)
    return true
  }

  /// When no mapping may be split any more, the pages go, but the block keeps its length.
  private static func shrink(_ region: LargeRegion, to new: UInt) {
    let end = region.start &+ new
    let removed = region.byteCount &- new
    guard SystemCalls.unmap(end, region.mappedBytes &- new) else {
      SystemCalls.advise(end, removed, .dontNeed)
      return
    }
    MapLog.note(.unmapped, end, region.mappedBytes &- new)
    MemoryLimit.uncharge(removed)
    noteMapped(region, new)
    region.record.pointee.byteCount = new
    count(-Int(removed), blocks: 0)
  }

  private static func noteMapped(_ region: LargeRegion, _ byteCount: UInt) {
    PageCounters.shared.pointee.mappedBytes.wrappingAdd(
      Int(byteCount) - Int(region.mappedBytes), ordering: .relaxed)
    region.record.pointee.mappedBytes = byteCount
  }

  /// A region that grows again and again is filled from its start: huge pages save nine in ten of
  /// its faults and swell nothing, since the kernel gives none beyond the mapping's end. The advice
  /// stays with the mapping as it grows on.
  private static func adviseGrowing(_ region: LargeRegion, _ byteCount: UInt) {
    let smallest: UInt = 8 << 20
    defer { region.record.pointee.hasGrown = true }
    guard region.record.pointee.hasGrown, !region.record.pointee.hasHugePages,
      byteCount >= smallest, HugePages.current != .off
    else { return }
    SystemCalls.advise(region.start, region.mappedBytes, .hugePage)
    region.record.pointee.hasHugePages = true
    // The kernel parts it from its neighbours.
    region.record.pointee.mapping = region.start | 1
  }

  /// Grows the region in place or moves its pages into the window, where nobody else maps: the kernel
  /// may have unmapped the goal before it gave a move up, and unmapping it once more must meet
  /// nobody's memory.
  private static func grow(_ region: LargeRegion, to new: UInt) -> Bool {
    let old = region.mappedBytes
    let start = region.start
    if SystemCalls.resizeInPlace(start, from: old, to: new) {
      noteMapped(region, new)
      return true
    }
    guard let goal = growthGoal(new, beyond: new &- old) else { return false }
    guard SuperSlabRegistry.enter(region.address, at: goal) else {
      SystemCalls.unmap(goal, new)
      return false
    }
    // Before the move: what it frees may be somebody else's at once.
    _ = SuperSlabRegistry.set(0, at: start)
    guard SystemCalls.moveMapping(from: start, old, to: goal, new) else {
      _ = SuperSlabRegistry.set(region.address, at: start)
      _ = SuperSlabRegistry.set(0, at: goal)
      SystemCalls.unmap(goal, new)
      return false
    }
    MapLog.note(.moved, start, old)
    region.record.pointee.start = goal
    region.record.pointee.mapping = goal &+ new
    noteMapped(region, new)
    return true
  }

  /// Where the region may move to: a new mapping, with a gap behind it that lets the next steps grow
  /// in place, or under RLIMIT_AS a vacant place, for which only the added bytes must be available.
  private static func growthGoal(_ new: UInt, beyond added: UInt) -> UInt? {
    let unit = Constants.superSlabBytes
    if let goal = AddressSpace.mapAmongLarge(new, alignment: unit, gap: new) { return goal }
    Purge.run(age: 0)
    if let goal = AddressSpace.mapAmongLarge(new, alignment: unit, gap: 0) { return goal }
    SuperSlabPool.giveUpAddresses()
    return AddressSpace.mapAmongLarge(new, alignment: unit, gap: 0)
      ?? AddressSpace.vacantPlace(new, in: added)
  }
}
