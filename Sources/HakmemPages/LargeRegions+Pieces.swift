import HakmemPlatform
import Synchronization

/// Kept regions with pages cut in two and joined, so that the pages serve blocks of other sizes than the
/// last.
extension LargeRegions {
  /// Keeps a freed region, joined with what is kept beside it.
  static func keep(_ region: LargeRegion) {
    let lock = Lock(.largeRegions)
    lock.acquire()
    insert(region)
    let joined = kept(after: region).map { join(region, $0) } ?? region
    if let lower = kept(before: joined) { _ = join(lower, joined) }
    lock.release()
  }

  /// Takes what is kept beyond `bound` bytes, the oldest first, as a chain.
  static func takeKept(beyond bound: Int) -> UInt {
    guard keptBytes > bound else { return 0 }
    let lock = Lock(.largeRegions)
    lock.acquire()
    defer { lock.release() }
    return takeOldest(beyond: bound)
  }

  static func takeOldest(beyond bound: Int) -> UInt {
    var doomed: UInt = 0
    while keptBytes > bound, let oldest = oldestKept(isEmpty: false) {
      let part = takeOut(UInt(keptBytes - bound), of: oldest)
      part.record.pointee.next = doomed
      doomed = part.address
    }
    return doomed
  }

  /// Takes a kept region, or no more of its beginning than must be cut off to serve `byteCount`. The
  /// caller holds the lock.
  static func takeOut(_ byteCount: UInt, of region: LargeRegion) -> LargeRegion {
    let front = cut(byteCount, off: region)
    if front == nil { remove(region) }
    state.pointee.leastKept = min(state.pointee.leastKept, keptBytes)
    return front ?? region
  }

  /// The smaller kept region that is nearest to `byteCount`, at least half as long, made so long.
  static func growKept(to byteCount: UInt, alignment: UInt) -> LargeRegion? {
    guard keptBytes > 0 else { return nil }
    let lock = Lock(.largeRegions)
    lock.acquire()
    var best: LargeRegion?
    state.pointee.kept.forEach { region in
      if !region.isEmpty, region.byteCount >= max(best?.byteCount ?? 0, byteCount / 2),
        region.start & (alignment &- 1) == 0
      {
        best = region
      }
    }
    guard let region = best else {
      lock.release()
      return nil
    }
    remove(region)
    state.pointee.leastKept = min(state.pointee.leastKept, keptBytes)
    noteTaken(region)
    lock.release()
    if resize(region, to: byteCount) {
      region.record.pointee.hasGrown = false
      return region
    }
    _ = region.claimFree()
    free(region)
    return nil
  }

  /// Adds what is kept behind a live region to it, as far as it serves `byteCount`.
  static func takeKept(after region: LargeRegion, for byteCount: UInt) {
    let lock = Lock(.largeRegions)
    lock.acquire()
    defer { lock.release() }
    guard let next = kept(after: region), chargeGap(of: region) else { return }
    let part = takeOut(byteCount &- region.mappedBytes, of: next)
    let old = region.byteCount
    merge(region, part, into: region)
    countLocked(Int(region.byteCount &- old), blocks: 0)
  }

  /// Cuts `byteCount` bytes or somewhat more off a kept region, the rest of which stays kept. Nil where
  /// it would leave nothing, or without memory for a record.
  private static func cut(_ byteCount: UInt, off region: LargeRegion) -> LargeRegion? {
    let start = region.start
    // Where the registry has a place for it: it knows one region in 2 MiB, by its start.
    var end = (start &+ byteCount).roundedUp(to: grain)
    if SuperSlabRegistry.record(at: end) != 0 {
      end = (end &+ 1).roundedUp(to: Constants.superSlabBytes)
    }
    let byteCount = end &- start
    guard byteCount < region.byteCount else { return nil }
    let address = takeRecord()
    guard address != 0 else { return nil }
    guard SuperSlabRegistry.enter(region.address, at: end) else {
      spareRecords.push(address)
      return nil
    }
    let front = LargeRegion(
      unsafeRecord: address, start: start, byteCount: byteCount, mappedBytes: byteCount,
      mapping: region.record.pointee.mapping, isDirty: region.record.pointee.isDirty)
    front.record.pointee.freedAt = region.record.pointee.freedAt
    front.record.pointee.wasZeroed = region.record.pointee.wasZeroed
    front.record.pointee.isLive.store(0, ordering: .relaxed)
    front.record.pointee.kind.store(SpanKind.large.rawValue, ordering: .releasing)
    countKept(region, -1)
    region.record.pointee.start &+= byteCount
    region.record.pointee.byteCount &-= byteCount
    region.record.pointee.mappedBytes &-= byteCount
    countKept(region, 1)
    _ = SuperSlabRegistry.set(address, at: start)
    return front
  }

  /// What a cut is rounded up to.
  private static var grain: UInt {
    HugePages.current == .off ? 64 << 10 : Constants.superSlabBytes
  }

  /// Joins two kept neighbours. What they become has the longer one's place in the list.
  private static func join(_ lower: LargeRegion, _ upper: LargeRegion) -> LargeRegion {
    guard lower.record.pointee.isDirty == upper.record.pointee.isDirty, chargeGap(of: lower) else {
      return lower
    }
    let isLowerLonger = lower.byteCount >= upper.byteCount
    let longer = isLowerLonger ? lower : upper
    remove(isLowerLonger ? upper : lower)
    countKept(longer, -1)
    merge(lower, upper, into: longer)
    countKept(longer, 1)
    return longer
  }

  /// Makes one of two neighbours, one after the other, both of them; the other's record is spare then.
  private static func merge(
    _ lower: LargeRegion, _ upper: LargeRegion, into merged: LargeRegion
  ) {
    let start = lower.start
    let byteCount = lower.mappedBytes &+ upper.byteCount
    let mappedBytes = lower.mappedBytes &+ upper.mappedBytes
    _ = SuperSlabRegistry.set(merged.address, at: start)
    _ = SuperSlabRegistry.set(0, at: upper.start)
    merged.record.pointee.start = start
    merged.record.pointee.byteCount = byteCount
    merged.record.pointee.mappedBytes = mappedBytes
    merged.record.pointee.isDirty = lower.record.pointee.isDirty || upper.record.pointee.isDirty
    dispose(merged == lower ? upper : lower)
  }

  /// What lies between a region's last page and its neighbour has no pages, but may get them.
  private static func chargeGap(of region: LargeRegion) -> Bool {
    let gap = region.mappedBytes &- region.byteCount
    return gap == 0 || MemoryLimit.charge(gap)
  }

  private static func kept(after region: LargeRegion) -> LargeRegion? {
    let end = region.start &+ region.mappedBytes
    return keptNeighbour(of: region) { $0.start == end }
  }

  private static func kept(before region: LargeRegion) -> LargeRegion? {
    keptNeighbour(of: region) { $0.start &+ $0.mappedBytes == region.start }
  }

  private static func keptNeighbour(
    of region: LargeRegion, where isNext: (LargeRegion) -> Bool
  ) -> LargeRegion? {
    var found: LargeRegion?
    state.pointee.kept.forEach { kept in
      if isNext(kept), !kept.isEmpty, kept.record.pointee.mapping == region.record.pointee.mapping {
        found = kept
      }
    }
    return found
  }
}
