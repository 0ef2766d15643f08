import HakmemPlatform
import Synchronization

/// Blocks above 1 MiB. Freed regions are kept for a while because mapping and faulting a region again
/// costs more than anything else here: with their pages up to a bound in bytes, some without.
package enum LargeRegions {
  struct State: ~Copyable {
    var kept: RegionList
    /// Live regions behind whose blocks kept pages lie.
    var withSlack: RegionList
    /// Of kept regions that have pages, and slack.
    let keptBytes: Atomic<Int>
    var emptyBytes: Int
    let liveBytes: Atomic<Int>
    var liveCount: Int32
    /// Since when `leastKept` is the least that was kept at a time.
    var leastKeptSince: UInt32
    var leastKept: Int
    /// The most live bytes of the last few looks at what aged.
    let recentPeak: Atomic<Int>
    /// Bytes that calloc had to clear or drop since the background thread looked last.
    var clearedBytes: Int
    /// Sizes of regions that were unmapped last, and when.
    var ghostBytes: InlineArray<8, UInt>
    var ghostStart: InlineArray<8, UInt>
    var ghostFreedAt: InlineArray<8, UInt32>
    /// A bit each.
    var fullGhosts: UInt8
    var idleGhosts: UInt8
    var nextGhost: UInt8
    var emptyCount: UInt8
    let addresses: Atomic<UInt8>
  }
  /// The most live regions and bytes at a time since the process began. Written under the lock.
  struct Most {
    var count: Int
    var bytes: Int
  }
  private static var most: UnsafeMutablePointer<Most> { Memory.pointer(at: PagesStorage.mostLarge) }
  package static var mostCount: Int { most.pointee.count }
  package static var mostBytes: Int { most.pointee.bytes }

  /// Whether address space without pages costs something here.
  enum Addresses: UInt8 { case unknown, free, scarce }
  static var state: UnsafeMutablePointer<State> {
    Memory.pointer(at: PagesStorage.largeRegions)
  }
  static var spareRecords: TaggedStack {
    TaggedStack(unsafeAt: PagesStorage.spareLargeRecords)
  }

  // Written under the lock, and read without it where what is about right will do.
  package private(set) static var liveBytes: Int {
    get { state.pointee.liveBytes.load(ordering: .relaxed) }
    set { state.pointee.liveBytes.store(newValue, ordering: .relaxed) }
  }
  package internal(set) static var keptBytes: Int {
    get { state.pointee.keptBytes.load(ordering: .relaxed) }
    set { state.pointee.keptBytes.store(newValue, ordering: .relaxed) }
  }
  static var recentPeak: Int {
    get { state.pointee.recentPeak.load(ordering: .relaxed) }
    set { state.pointee.recentPeak.store(newValue, ordering: .relaxed) }
  }
  package static var liveCount: Int { Int(state.pointee.liveCount) }

  /// A region of at least `byteCount`; its start is a multiple of `alignment` and of a page. With
  /// `zero` it reads as zeroes. Nil when memory is exhausted.
  package static func allocate(_ byteCount: UInt, alignment: UInt, zero: Bool) -> LargeRegion? {
    let bytes = byteCount.roundedUp(to: ProcessFacts.systemPageBytes)
    guard bytes >= byteCount, fitsAddressSpace(bytes, alignment) else { return nil }
    if let region = takeKept(bytes, alignment: alignment, zero: zero) {
      region.record.pointee.wasZeroed = zero
      leaveSlack(region, after: bytes)
      if zero { clear(region) }
      return region
    }
    if !zero || bytes <= Zeroing.mostToWrite, alignment <= Constants.superSlabBytes,
      let region = growKept(to: bytes, alignment: alignment)
    {
      region.record.pointee.wasZeroed = zero
      if zero { clear(region) }
      return region
    }
    regretGhost(bytes, zero: zero)
    guard MemoryLimit.charge(bytes) else { return nil }
    guard let region = mapNew(bytes, alignment: alignment) else {
      MemoryLimit.uncharge(bytes)
      return nil
    }
    region.record.pointee.wasZeroed = zero
    begin(region)
    count(Int(bytes), blocks: 1)
    return region
  }

  private static func mapNew(_ bytes: UInt, alignment: UInt) -> LargeRegion? {
    guard let (start, mappedBytes, mapping) = place(bytes, alignment: alignment) else { return nil }
    let address = takeRecord()
    guard address != 0 else {
      SystemCalls.unmap(start, mappedBytes)
      return nil
    }
    let region = LargeRegion(
      unsafeRecord: address, start: start, byteCount: bytes, mappedBytes: mappedBytes,
      mapping: mapping, isDirty: false)
    guard SuperSlabRegistry.enter(address, at: start) else {
      SystemCalls.unmap(start, mappedBytes)
      spareRecords.push(address)
      return nil
    }
    adviseNew(start, mappedBytes)
    PageCounters.shared.pointee.mappedBytes.wrappingAdd(Int(mappedBytes), ordering: .relaxed)
    return region
  }

  private static func place(
    _ bytes: UInt, alignment: UInt
  ) -> (start: UInt, mappedBytes: UInt, mapping: UInt)? {
    if alignment <= Constants.superSlabBytes, AddressSpace.noteLarge(bytes), mayKeepAddresses,
      let place = AddressSpace.takeAhead(bytes)
    {
      return place
    }
    guard let start = mapEvenIfTight(bytes, alignment: alignment) else { return nil }
    SystemCalls.nameMapping(start, bytes, "hakmem large")
    return (start, bytes, start &+ bytes)
  }

  /// With `auto` the system's own setting holds for large regions.
  private static func adviseNew(_ start: UInt, _ bytes: UInt) {
    switch HugePages.current {
    case .off: if ProcessFacts.hugePagesAlways { SystemCalls.advise(start, bytes, .noHugePage) }
    case .auto: break
    case .on: SystemCalls.advise(start, bytes, .hugePage)
    }
  }

  /// Maps; when the kernel refuses, gives back what is kept and free, and tries again.
  private static func mapEvenIfTight(_ bytes: UInt, alignment: UInt) -> UInt? {
    if let start = AddressSpace.mapLarge(bytes, alignment: alignment) { return start }
    Purge.run(age: 0)
    if let start = AddressSpace.mapLarge(bytes, alignment: alignment) { return start }
    SuperSlabPool.giveUpAddresses()
    return AddressSpace.mapLarge(bytes, alignment: alignment)
  }

  /// Whether trying is worth it: each failure costs all that is kept.
  static func fitsAddressSpace(_ bytes: UInt, _ alignment: UInt) -> Bool {
    max(bytes, alignment) >> Constants.addressBits == 0
  }

  /// Returns a region that the caller claimed.
  package static func free(_ region: LargeRegion) {
    takeSlack(of: region)
    let bytes = region.byteCount
    count(-Int(bytes), blocks: -1)
    region.record.pointee.isDirty = true
    let bound = mostToKeep
    // The next owner of a region with huge pages may use little of it; and guard pages promise that
    // freed regions fault.
    let isKeepable =
      Int(bytes) <= bound && !region.record.pointee.hasHugePages && !Option.guardPages.isOn
      && Option.purgeDelay.value > 0
    if isKeepable { keep(region) } else { retire(region) }
    var doomed = takeKept(beyond: bound)
    while doomed != 0 {
      let region = LargeRegion(unsafeRecord: doomed)
      doomed = region.record.pointee.next
      if !region.record.pointee.wasZeroed || isWorthZeroing(region) {
        rememberExcess(region.byteCount)
        unmap(region)
      } else {
        retire(region)
      }
    }
  }

  static func begin(_ region: LargeRegion) {
    region.record.pointee.isLive.store(1, ordering: .releasing)
    region.record.pointee.kind.store(SpanKind.large.rawValue, ordering: .releasing)
    region.noteUse()
  }

  static func unmapChain(_ first: UInt) {
    var address = first
    while address != 0 {
      let region = LargeRegion(unsafeRecord: address)
      address = region.record.pointee.next
      unmap(region)
    }
  }

  static func unmap(_ region: LargeRegion) {
    let bytes = region.mappedBytes
    _ = SuperSlabRegistry.set(0, at: region.start)
    MapLog.note(.unmapped, region.start, bytes)
    if !SystemCalls.unmap(region.start, bytes) {
      // No mapping may be split any more: the pages go all the same, the addresses stay taken.
      SystemCalls.advise(region.start, bytes, .dontNeed)
    }
    PageCounters.shared.pointee.unmaps.wrappingAdd(1, ordering: .relaxed)
    PageCounters.shared.pointee.mappedBytes.wrappingSubtract(Int(bytes), ordering: .relaxed)
    if !region.isEmpty { MemoryLimit.uncharge(region.byteCount) }
    dispose(region)
  }

  static func dispose(_ region: LargeRegion) {
    region.record.pointee.kind.store(SpanKind.unused.rawValue, ordering: .releasing)
    spareRecords.push(region.address)
  }

  static func count(_ bytes: Int, blocks: Int) {
    let lock = Lock(.largeRegions)
    lock.acquire()
    countLocked(bytes, blocks: blocks)
    lock.release()
  }

  static func countLocked(_ bytes: Int, blocks: Int) {
    liveBytes += bytes
    state.pointee.liveCount += Int32(blocks)
    recentPeak = max(recentPeak, liveBytes)
    most.pointee.count = max(most.pointee.count, liveCount)
    most.pointee.bytes = max(most.pointee.bytes, liveBytes)
  }

  static func takeRecord() -> UInt {
    let spare = spareRecords.pop()
    return spare != 0 ? spare : MetadataRegion.allocate(UInt(MemoryLayout<LargeRegion.Record>.size))
  }

  /// The region around any of its addresses, found by looking at all: for reports.
  package static func containing(_ pointer: UInt) -> LargeRegion? {
    var found: LargeRegion?
    forEach { region in
      if pointer &- region.start < region.byteCount { found = region }
    }
    return found
  }

  /// Calls `body` for every large region, live or kept.
  package static func forEach(_ body: (LargeRegion) -> Void) {
    SuperSlabRegistry.forEachRecord { record in
      guard SpanKind.of(record: record) == .large else { return }
      body(LargeRegion(unsafeRecord: record))
    }
  }
}
