import HakmemPlatform
import Synchronization

/// Regions that are kept for reuse.
extension LargeRegions {
  /// Drops what was kept, and mapped ahead, and not used for `age` milliseconds.
  package static func purge(age: UInt32) {
    AddressSpace.dropAhead(age: age)
    let lock = Lock(.largeRegions)
    lock.acquire()
    let now = Clock.milliseconds()
    recentPeak = max(liveBytes, recentPeak - recentPeak / 8)
    dropSlack(age: age, now: now)
    let unused = takeUnused(age: age, now: now)
    let empty = takeEmpty(age: age, now: now)
    lock.release()
    unmapChain(unused)
    unmapChain(empty)
  }

  /// Which region pages lie in says little of when they were used, as regions are cut and joined. But
  /// as many as were kept all the time can be spared.
  private static func takeUnused(age: UInt32, now: UInt32) -> UInt {
    guard now &- state.pointee.leastKeptSince >= age else { return 0 }
    let unused = age == 0 ? keptBytes : state.pointee.leastKept
    let kept = keptBytes
    let chain = takeOldest(beyond: kept - unused)
    // What is used in part swings, and is worth its room.
    if keptBytes == 0 { waste(UInt(kept)) }
    state.pointee.leastKept = keptBytes
    state.pointee.leastKeptSince = now
    return chain
  }

  private static func takeEmpty(age: UInt32, now: UInt32) -> UInt {
    var doomed: UInt = 0
    while let oldest = oldestKept(isEmpty: true), now &- oldest.record.pointee.freedAt >= age {
      remove(oldest)
      addressCredit.waste(oldest.byteCount)
      oldest.record.pointee.next = doomed
      doomed = oldest.address
    }
    return doomed
  }

  /// The kept region that fits best: with pages, or clean ones for `zero`, before others.
  static func takeKept(_ bytes: UInt, alignment: UInt, zero: Bool) -> LargeRegion? {
    let lock = Lock(.largeRegions)
    lock.acquire()
    defer { lock.release() }
    guard let region = bestKept(bytes, alignment: alignment, zero: zero) else { return nil }
    if region.isEmpty {
      guard MemoryLimit.charge(bytes) else { return nil }
      if !zero || region.record.pointee.wasFull {
        regretPages(
          bytes, returnedAt: region.record.pointee.freedAt, wasIdle: region.record.pointee.wasIdle)
      }
    }
    guard !region.isEmpty else {
      remove(region)
      region.record.pointee.isEmpty = false
      region.record.pointee.byteCount = bytes
      noteTaken(region)
      return region
    }
    if zero { state.pointee.clearedBytes += Int(bytes) }
    let part = takeOut(bytes, of: region)
    noteTaken(part)
    return part
  }

  /// The caller holds the lock.
  static func noteTaken(_ region: LargeRegion) {
    countLocked(Int(region.byteCount), blocks: 1)
    region.record.pointee.hasGrown = false
    begin(region)
  }

  /// A region with pages may be an eighth larger than asked for, and as large as it is if the rest stays
  /// kept; of an empty one, which may have a gap mapped behind it, the rest costs addresses alone.
  private static func bestKept(_ bytes: UInt, alignment: UInt, zero: Bool) -> LargeRegion? {
    let mostLeftWithPages = zero && bytes > Zeroing.mostToWrite ? bytes / 8 : .max
    var best: LargeRegion?
    var bestRank: UInt = .max
    state.pointee.kept.forEach { region in
      let size = region.isEmpty ? region.mappedBytes : region.byteCount
      let mostLeft =
        region.isEmpty ? bytes &+ 2 &* Constants.superSlabBytes : mostLeftWithPages
      guard size >= bytes, size &- bytes <= mostLeft,
        region.start & (alignment &- 1) == 0
      else { return }
      let isSecondChoice = zero ? region.record.pointee.isDirty : region.isEmpty
      let rank = size | (isSecondChoice ? 1 << 63 : 0)
      if rank < bestRank { (best, bestRank) = (region, rank) }
    }
    return best
  }

  /// Gives the pages of a freed region back. While such regions are wanted again soon its addresses
  /// stay: a new mapping and its page tables cost a third of what a block costs of which little is
  /// touched.
  static func retire(_ region: LargeRegion) {
    let bytes = region.byteCount
    let isKeepable =
      region.mappedBytes <= largestEmpty && !region.record.pointee.hasHugePages
      && addressCredit.bytes > 0 && mayKeepAddresses
    region.record.pointee.wasFull = region.record.pointee.wasZeroed && isWorthZeroing(region)
    region.record.pointee.wasIdle = isIdle
    guard isKeepable, Zeroing.drop(region.start, bytes) else {
      rememberGhost(region)
      return unmap(region)
    }
    MemoryLimit.uncharge(bytes)
    region.record.pointee.isDirty = false
    region.record.pointee.isEmpty = true
    unmapChain(keepEmpty(region))
  }

  /// Whether writing zeroes would cost less than new pages, as most seem to be used.
  static func isWorthZeroing(_ region: LargeRegion) -> Bool {
    region.byteCount <= Zeroing.mostToWrite
      && Zeroing.seemsUsed(region.start, region.byteCount, trusting: true)
  }

  /// Keeps a region without pages; takes the oldest out while there are too many, as a chain.
  private static func keepEmpty(_ region: LargeRegion) -> UInt {
    let lock = Lock(.largeRegions)
    lock.acquire()
    defer { lock.release() }
    insert(region)
    var doomed: UInt = 0
    while state.pointee.emptyCount > mostEmpty || state.pointee.emptyBytes > mostEmptyBytes,
      let oldest = oldestKept(isEmpty: true)
    {
      remove(oldest)
      oldest.record.pointee.next = doomed
      doomed = oldest.address
    }
    return doomed
  }

  private static let mostEmpty = 16
  private static let mostEmptyBytes = 1 << 30
  private static let largestEmpty: UInt = 64 << 20

  /// Not where freed blocks must fault, nor where addresses count against a limit: a tight RLIMIT_AS,
  /// any RLIMIT_DATA, a kernel that never overcommits. Looked up once; the last only where
  /// files may be opened (HAKMEM_CGROUP).
  static var mayKeepAddresses: Bool {
    let known = Addresses(rawValue: state.pointee.addresses.load(ordering: .relaxed))
    if let known, known != .unknown { return known == .free }
    // Threads that look at once find the same.
    let found: Addresses = areAddressesFree ? .free : .scarce
    state.pointee.addresses.store(found.rawValue, ordering: .relaxed)
    return found == .free
  }

  private static var areAddressesFree: Bool {
    let dataLimit = 2
    guard Mode.current != .hardened, !Option.guardPages.isOn, Option.purgeDelay.value > 0,
      !ProcessFacts.isAddressSpaceTight, SystemCalls.softLimit(dataLimit) == .max
    else { return false }
    guard Option.controlGroup.isOn else { return true }
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 1) { mode in
      let base = mode.baseAddress.unsafelyUnwrapped
      let path: StaticString = "/proc/sys/vm/overcommit_memory"
      let never = UInt8(ascii: "2")
      return SystemCalls.readFile(path, into: base, capacity: 1) == 1 && base.pointee != never
    }
  }

  static func oldestKept(isEmpty: Bool) -> LargeRegion? {
    var oldest: LargeRegion?
    state.pointee.kept.forEach { if $0.isEmpty == isEmpty { oldest = $0 } }
    return oldest
  }

  static func insert(_ region: LargeRegion) {
    region.record.pointee.freedAt = Clock.milliseconds()
    state.pointee.kept.insert(region)
    countKept(region, 1)
  }

  static func remove(_ region: LargeRegion) {
    state.pointee.kept.remove(region)
    countKept(region, -1)
  }

  static func countKept(_ region: LargeRegion, _ sign: Int) {
    if region.isEmpty {
      state.pointee.emptyBytes += sign * Int(region.mappedBytes)
      state.pointee.emptyCount = UInt8(Int(state.pointee.emptyCount) + sign)
    } else {
      keptBytes += sign * Int(region.byteCount)
    }
  }

  /// Zeroes a region that was kept.
  static func clear(_ region: LargeRegion) {
    guard region.record.pointee.isDirty else { return }
    Zeroing.clear(region.start, region.byteCount)
  }
}
