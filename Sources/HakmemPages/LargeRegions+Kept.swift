import HakmemPlatform
import Synchronization

/// Regions that are kept for reuse, and a memory of those that were unmapped: one that would have
/// served speaks for keeping more.
extension LargeRegions {
  /// Drops the regions that were kept, and what was mapped ahead, for `age` milliseconds.
  package static func purge(age: UInt32) {
    AddressSpace.dropAhead(age: age)
    let lock = Lock(.largeRegions)
    lock.acquire()
    let now = Clock.milliseconds()
    var doomed: UInt = 0
    while state.pointee.oldestKept != 0 {
      let oldest = LargeRegion(unsafeRecord: state.pointee.oldestKept)
      guard now &- oldest.record.pointee.freedAt >= age else { break }
      remove(oldest)
      (oldest.isEmpty ? addressCredit : credit).waste(oldest.byteCount)
      oldest.record.pointee.next = doomed
      doomed = oldest.address
    }
    lock.release()
    unmapChain(doomed)
  }

  // MARK: Unmapped regions that are remembered

  static var credit: KeepCredit { KeepCredit(unsafeAt: PagesStorage.largeCredit) }
  /// For regions without pages, of which it says only whether they are worth keeping.
  static var addressCredit: KeepCredit { KeepCredit(unsafeAt: PagesStorage.addressCredit) }

  /// Looks whether a region that would have served was unmapped before. For zeroes its pages would
  /// have been worth keeping only if writing costs less than new ones.
  static func regretGhost(_ bytes: UInt, zero: Bool) {
    let lock = Lock(.largeRegions)
    lock.acquire()
    defer { lock.release() }
    for index in 0..<8 {
      let ghost = state.pointee.ghostBytes[index]
      guard ghost >= bytes, ghost &- bytes <= bytes / 8 else { continue }
      state.pointee.ghostBytes[index] = 0
      let freedAt = state.pointee.ghostFreedAt[index]
      addressCredit.regret(ghost, returnedAt: freedAt)
      if !zero || state.pointee.ghostWasFull[index] { credit.regret(ghost, returnedAt: freedAt) }
      return
    }
  }

  static func rememberGhost(_ region: LargeRegion) {
    let lock = Lock(.largeRegions)
    lock.acquire()
    defer { lock.release() }
    let index = state.pointee.nextGhost
    state.pointee.ghostBytes[index] = region.byteCount
    state.pointee.ghostStart[index] = region.start
    state.pointee.ghostFreedAt[index] = Clock.milliseconds()
    state.pointee.ghostWasFull[index] = region.record.pointee.wasFull
    state.pointee.nextGhost = (index + 1) % 8
  }

  /// Whether a region that began at `pointer` was unmapped lately: for reports.
  package static func wasFreed(_ pointer: UInt) -> Bool {
    for index in 0..<8 where pointer != 0 && state.pointee.ghostStart[index] == pointer {
      return true
    }
    return false
  }

  // MARK: Kept regions

  /// The kept region that fits best: with pages, or clean ones for `zero`, before others.
  static func takeKept(_ bytes: UInt, alignment: UInt, zero: Bool) -> LargeRegion? {
    let lock = Lock(.largeRegions)
    lock.acquire()
    defer { lock.release() }
    guard let region = bestKept(bytes, alignment: alignment, zero: zero) else { return nil }
    if region.isEmpty {
      guard MemoryLimit.charge(bytes) else { return nil }
      if !zero || region.record.pointee.wasFull {
        credit.regret(bytes, returnedAt: region.record.pointee.freedAt)
      }
    }
    remove(region)
    if region.isEmpty {
      region.record.pointee.isEmpty = false
      region.record.pointee.byteCount = bytes
    } else if zero {
      state.pointee.clearedBytes += Int(bytes)
    }
    state.pointee.liveBytes += Int(region.byteCount)
    state.pointee.liveCount += 1
    region.record.pointee.hasGrown = false
    begin(region)
    return region
  }

  /// A region with pages may be an eighth larger than asked for; of an empty one, which may have a gap
  /// mapped behind it, the rest costs addresses alone.
  private static func bestKept(_ bytes: UInt, alignment: UInt, zero: Bool) -> LargeRegion? {
    var best: LargeRegion?
    var bestRank: UInt = .max
    forEachKept { region in
      let size = region.isEmpty ? region.mappedBytes : region.byteCount
      let mostLeft = region.isEmpty ? bytes &+ 2 &* Constants.superSlabBytes : bytes / 8
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
    region.record.pointee.wasFull =
      region.record.pointee.wasZeroed && bytes <= largestWorthZeroing
      && Zeroing.seemsUsed(region.start, bytes, trusting: true)
    guard isKeepable, Zeroing.drop(region.start, bytes) else {
      rememberGhost(region)
      return unmap(region)
    }
    MemoryLimit.uncharge(bytes)
    region.record.pointee.isDirty = false
    region.record.pointee.isEmpty = true
    let doomed = insert(region) {
      state.pointee.emptyCount > mostEmpty || state.pointee.emptyBytes > mostEmptyBytes
    }
    unmapChain(doomed)
  }

  /// Keeps a region; takes the oldest of its kind out while there is too much, as a chain.
  static func insert(_ region: LargeRegion, droppingOldestWhile isTooMuch: () -> Bool) -> UInt {
    let lock = Lock(.largeRegions)
    lock.acquire()
    defer { lock.release() }
    insert(region)
    var doomed: UInt = 0
    while isTooMuch(), let oldest = oldestKept(isEmpty: region.isEmpty) {
      remove(oldest)
      oldest.record.pointee.next = doomed
      doomed = oldest.address
    }
    return doomed
  }

  /// The background thread writes at no cost for the program.
  private static var largestWorthZeroing: UInt {
    Option.background.isOn ? largestToClear : Zeroing.mostToWrite
  }

  private static let mostEmpty = 16
  private static let mostEmptyBytes = 1 << 30
  private static let largestEmpty: UInt = 64 << 20

  /// Not where freed blocks must fault, nor where addresses count against a limit: a tight RLIMIT_AS,
  /// any RLIMIT_DATA, a kernel that never overcommits. Looked up once; the last only where
  /// files may be opened (HAKMEM_CGROUP).
  static var mayKeepAddresses: Bool {
    if state.pointee.addresses == .unknown {
      state.pointee.addresses = areAddressesFree ? .free : .scarce
    }
    return state.pointee.addresses == .free
  }

  private static var areAddressesFree: Bool {
    let dataLimit = 2
    guard Mode.current != .hardened, !Option.guardPages.isOn, Option.purgeDelay.value > 0,
      ClassMap.isFull, SystemCalls.softLimit(dataLimit) == .max
    else { return false }
    guard Option.controlGroup.isOn else { return true }
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 1) { mode in
      let base = mode.baseAddress.unsafelyUnwrapped
      let path: StaticString = "/proc/sys/vm/overcommit_memory"
      let never = UInt8(ascii: "2")
      return SystemCalls.readFile(path, into: base, capacity: 1) == 1 && base.pointee != never
    }
  }

  private static func oldestKept(isEmpty: Bool) -> LargeRegion? {
    var oldest: LargeRegion?
    forEachKept { if $0.isEmpty == isEmpty { oldest = $0 } }
    return oldest
  }

  /// Newest first. The caller holds the lock.
  private static func forEachKept(_ body: (LargeRegion) -> Void) {
    var address = state.pointee.newestKept
    while address != 0 {
      let region = LargeRegion(unsafeRecord: address)
      body(region)
      address = region.record.pointee.next
    }
  }

  static func insert(_ region: LargeRegion) {
    region.record.pointee.freedAt = Clock.milliseconds()
    let head = state.pointee.newestKept
    region.record.pointee.next = head
    region.record.pointee.previous = 0
    if head != 0 {
      LargeRegion(unsafeRecord: head).record.pointee.previous = region.address
    } else {
      state.pointee.oldestKept = region.address
    }
    state.pointee.newestKept = region.address
    countKept(region, 1)
  }

  static func remove(_ region: LargeRegion) {
    let next = region.record.pointee.next
    let previous = region.record.pointee.previous
    if previous != 0 {
      LargeRegion(unsafeRecord: previous).record.pointee.next = next
    } else {
      state.pointee.newestKept = next
    }
    if next != 0 {
      LargeRegion(unsafeRecord: next).record.pointee.previous = previous
    } else {
      state.pointee.oldestKept = previous
    }
    countKept(region, -1)
  }

  private static func countKept(_ region: LargeRegion, _ sign: Int) {
    if region.isEmpty {
      state.pointee.emptyBytes += sign * Int(region.mappedBytes)
      state.pointee.emptyCount += sign
    } else {
      state.pointee.keptBytes += sign * Int(region.byteCount)
    }
  }

  /// Zeroes a region that was kept.
  static func clear(_ region: LargeRegion) {
    guard region.record.pointee.isDirty else { return }
    Zeroing.clear(region.start, region.byteCount)
  }
}
