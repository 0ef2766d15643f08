import HakmemPlatform
import Synchronization

/// A 2 MiB-aligned region of 32 granules, described by a record away from its memory.
///
/// As a store of slabs, all of its changing state is one word: bits 0…31 are the free granules,
/// bit 32 says that it is listed as available. A SuperSlab with a free granule is listed or is
/// held by the one thread that took it off the list; only that thread may take granules, any
/// thread may return one. So:
///     listed == 0  ⇒  no free granules, or the holder is about to list it again.
package struct SuperSlab: Equatable {
  package let address: UInt

  @inline(__always)
  package init(unsafeRecord address: UInt) { self.address = address }

  struct Record: ~Copyable {
    /// Link in the list of available, warm or cold SuperSlabs.
    let link: Atomic<UInt64>
    let kind: Atomic<UInt8>
    let granules: Atomic<UInt64>
    /// Granules whose pages may be present or not zero.
    let dirtyGranules: Atomic<UInt32>
    /// When a granule came back last, or the SuperSlab was emptied; Clock.milliseconds.
    let returnedAt: Atomic<UInt32>
    var start: UInt
    /// Granules of each slab, while it holds slabs: 1 or 4, all slabs alike.
    var span: UInt
    /// Slab records, once the SuperSlab held slabs; the slab layer's.
    let slabTable: Atomic<UInt>
    /// Page-run table, once it held page runs.
    var runTable: UInt
    /// Link in the list of all SuperSlabs, which only grows, and the place in it.
    var nextOfAll: UInt
    var ordinal: UInt
    /// Granules whose pages were given back since their last use, and when that happened last.
    let purgedGranules: Atomic<UInt32>
    let purgedAt: Atomic<UInt32>
    /// Granules whose pages were given back lazily (MADV_FREE): they may hold anything still.
    let lazyGranules: Atomic<UInt32>
    /// Granules that got all their pages ahead and were not used since.
    let readyGranules: Atomic<UInt32>
    /// When the kernel was asked last to make it a huge page, and whether it is one still.
    let collapsedAt: Atomic<UInt32>
    let isCollapsed: Atomic<Bool>
    let wasDense: Atomic<Bool>
    /// The NUMA node whose threads use it, while it is in use or has pages.
    var node: UInt8
    /// A huge page of the kernel's pool: kept until the end, because the pool may be empty later.
    var isHugePage: Bool
  }

  var record: UnsafeMutablePointer<Record> { Memory.pointer(at: address) }

  package static let allGranules: UInt64 = 0xffff_ffff
  static let listed: UInt64 = 1 << 32

  package var start: UInt { record.pointee.start }
  package var kind: SpanKind { SpanKind.of(record: address) }
  package var freeGranules: UInt32 {
    UInt32(truncatingIfNeeded: record.pointee.granules.load(ordering: .acquiring))
  }
  package var dirtyGranules: UInt32 { record.pointee.dirtyGranules.load(ordering: .relaxed) }
  /// Page-run table, 0 before it held page runs.
  package var runTable: UInt { record.pointee.runTable }
  package func isDirty(_ granule: UInt) -> Bool { dirtyGranules >> UInt32(granule) & 1 != 0 }

  package var node: UInt { UInt(record.pointee.node) }
  package var lazyGranules: UInt32 { record.pointee.lazyGranules.load(ordering: .relaxed) }

  /// Notes that the pages of free granules were given back.
  func notePurged(_ granules: UInt32, lazily: Bool) {
    noteBroken()
    if lazily {
      record.pointee.lazyGranules.bitwiseOr(granules, ordering: .relaxed)
    } else if lazyGranules != 0 {
      record.pointee.lazyGranules.bitwiseAnd(~granules, ordering: .relaxed)
    }
    record.pointee.readyGranules.bitwiseAnd(~granules, ordering: .relaxed)
    let dirty = dirtyGranules & granules
    DirtyMemory.add(-(dirty.nonzeroBitCount << Int(Constants.granuleShift)))
    record.pointee.dirtyGranules.bitwiseAnd(~granules, ordering: .relaxed)
    record.pointee.purgedGranules.bitwiseOr(dirty, ordering: .relaxed)
    record.pointee.purgedAt.store(Clock.milliseconds(), ordering: .relaxed)
  }

  /// Notes that granules which were free are in use: those that were purged not long ago should
  /// have been kept.
  func noteUsed(_ granules: UInt32) {
    let dirty = (dirtyGranules & granules).nonzeroBitCount
    if dirty > 0 { DirtyMemory.add(-(dirty << Int(Constants.granuleShift))) }
    if lazyGranules & granules != 0 {
      // From here on they are what all used ones are: not zero.
      let lazy = record.pointee.lazyGranules.bitwiseAnd(~granules, ordering: .relaxed).oldValue
      record.pointee.dirtyGranules.bitwiseOr(lazy & granules, ordering: .relaxed)
    }
    guard record.pointee.purgedGranules.load(ordering: .relaxed) & granules != 0 else { return }
    let missed =
      granules
      & record.pointee.purgedGranules.bitwiseAnd(~granules, ordering: .relaxed).oldValue
    DirtyMemory.credit.regret(
      UInt(missed.nonzeroBitCount) << Constants.granuleShift,
      returnedAt: record.pointee.purgedAt.load(ordering: .relaxed))
  }

  package var slabTable: UInt { record.pointee.slabTable.load(ordering: .acquiring) }
  /// Attaches the slab table unless there is one; returns the one that stays.
  package func setSlabTableOnce(_ table: UInt) -> UInt {
    let (done, seen) = record.pointee.slabTable.compareExchange(
      expected: 0, desired: table, successOrdering: .releasing, failureOrdering: .acquiring)
    return done ? table : seen
  }

  /// A new SuperSlab of kind `unused`, entered in the registry; nil when memory is exhausted.
  package static func create() -> SuperSlab? {
    let spare = halfMade.pop()
    let address = spare != 0 ? spare : MetadataRegion.allocate(UInt(MemoryLayout<Record>.size))
    guard address != 0 else { return nil }
    let superSlab = SuperSlab(unsafeRecord: address)
    if superSlab.start == 0 {
      superSlab.record.pointee.start = AddressSpace.takeSuperSlab(
        isHuge: &superSlab.record.pointee.isHugePage)
    }
    guard superSlab.start != 0, SuperSlabRegistry.set(address, at: superSlab.start) else {
      halfMade.push(address)
      return nil
    }
    superSlab.record.pointee.span = 1
    let created = PageCounters.shared.pointee.superSlabsCreated.wrappingAdd(1, ordering: .relaxed)
    superSlab.record.pointee.ordinal = UInt(created.oldValue)
    superSlab.noteUse()
    superSlab.joinAll()
    return superSlab
  }

  /// Records whose making ended for want of memory, some with an address range already: the next
  /// attempt goes on with them, so that failing again and again uses nothing up.
  private static var halfMade: TaggedStack {
    TaggedStack(unsafeAt: PagesStorage.halfMadeSuperSlabs)
  }

  /// Puts an empty SuperSlab, which the caller owns, into use.
  package func begin(_ kind: SpanKind) {
    if kind != .slabs { record.pointee.readyGranules.store(0, ordering: .relaxed) }
    // Releases what the caller set up to those who find the record in the registry.
    record.pointee.kind.store(kind.rawValue, ordering: .releasing)
    noteUse()
  }

  package func noteUse() {
    MapLog.note(.superSlab, start, Constants.superSlabBytes, class: UInt(kind.rawValue))
  }

  // MARK: Granules

  /// Takes the lowest free granules for one slab. The caller holds the SuperSlab. `isLast`: no free granule is
  /// left, the SuperSlab is no longer listed and the caller must not list it.
  package func takeGranules() -> (index: UInt, isLast: Bool) {
    var old = record.pointee.granules.load(ordering: .acquiring)
    while true {
      invariant(old & Self.allGranules != 0, "a listed SuperSlab has no free granule")
      let index = UInt64(old.trailingZeroBitCount)
      var new = old & ~(slabMask << index)
      if new & Self.allGranules == 0 { new = 0 }
      let (done, seen) = record.pointee.granules.weakCompareExchange(
        expected: old, desired: new, successOrdering: .acquiring, failureOrdering: .acquiring)
      if done { return (UInt(index), new == 0) }
      old = seen
    }
  }

  /// The granules of one slab, from bit 0 on.
  private var slabMask: UInt64 { (1 << UInt64(record.pointee.span)) &- 1 }
  package var span: UInt { record.pointee.span }

  /// Returns granules. `mustList`: the caller must put the SuperSlab on the available list.
  package func returnGranules(_ mask: UInt64) -> (mustList: Bool, isEmpty: Bool) {
    var old = record.pointee.granules.load(ordering: .relaxed)
    while true {
      invariant(old & mask == 0, "a granule came back twice")
      let new = old | mask | Self.listed
      // Releases the slab's last writes to the thread that takes the granule next.
      let (done, seen) = record.pointee.granules.weakCompareExchange(
        expected: old, desired: new, successOrdering: .acquiringAndReleasing,
        failureOrdering: .relaxed)
      if done {
        return (old & Self.listed == 0, new & Self.allGranules == Self.allGranules)
      }
      old = seen
    }
  }

  // MARK: All SuperSlabs

  private func joinAll() {
    let head: UnsafeMutablePointer<Atomic<UInt>> = Memory.pointer(at: PagesStorage.allSuperSlabs)
    var old = head.pointee.load(ordering: .relaxed)
    while true {
      record.pointee.nextOfAll = old
      let (done, seen) = head.pointee.weakCompareExchange(
        expected: old, desired: address, successOrdering: .releasing, failureOrdering: .relaxed)
      if done { return }
      old = seen
    }
  }

  /// The SuperSlab around an address; nil when none lies there.
  package static func around(_ address: UInt) -> SuperSlab? {
    let record = SuperSlabRegistry.record(at: address)
    guard record != 0, SpanKind.of(record: record) != .large else { return nil }
    return SuperSlab(unsafeRecord: record)
  }

  /// SuperSlabs created so far; each has an ordinal below.
  package static var createdCount: UInt {
    UInt(PageCounters.shared.pointee.superSlabsCreated.load(ordering: .relaxed))
  }
  package var ordinal: UInt { record.pointee.ordinal }

  /// Bytes of free memory that was used and not purged since.
  package var freeDirtyBytes: Int {
    switch kind {
    case .unused: dirtyGranules.nonzeroBitCount << Int(Constants.granuleShift)
    case .slabs: (freeGranules & dirtyGranules).nonzeroBitCount << Int(Constants.granuleShift)
    case .pageRuns: RunTable(unsafeAt: record.pointee.runTable).freeDirtyBytes
    case .large: 0
    }
  }

  /// Of all SuperSlabs that were ever created the newest, and the one made before this one: a walk
  /// may pause, for the list only grows at its head.
  package static var first: SuperSlab? {
    let head: UnsafeMutablePointer<Atomic<UInt>> = Memory.pointer(at: PagesStorage.allSuperSlabs)
    let address = head.pointee.load(ordering: .acquiring)
    return address == 0 ? nil : SuperSlab(unsafeRecord: address)
  }
  package var next: SuperSlab? {
    let address = record.pointee.nextOfAll
    return address == 0 ? nil : SuperSlab(unsafeRecord: address)
  }

  /// Calls `body` for every SuperSlab that was ever created.
  package static func forEach(_ body: (SuperSlab) -> Void) {
    var superSlab = first
    while let found = superSlab {
      body(found)
      superSlab = found.next
    }
  }
}

/// The place of one slab: `span` granules of a SuperSlab, 64 KiB each, from `index` on.
package struct Granules {
  package let superSlab: SuperSlab
  package let index: UInt
  package var start: UInt { superSlab.start &+ index << Constants.granuleShift }
  package var span: UInt { superSlab.span }

  @inline(__always)
  package init(superSlab: SuperSlab, index: UInt) {
    self.superSlab = superSlab
    self.index = index
  }

  /// Their bits in the SuperSlab's masks.
  var mask: UInt64 { ((1 << UInt64(span)) &- 1) << UInt64(index) }

  /// Whether all their pages were made present ahead; says so once.
  package func takeReady() -> Bool {
    let mask = UInt32(mask)
    guard superSlab.record.pointee.readyGranules.load(ordering: .relaxed) & mask == mask else {
      return false
    }
    superSlab.record.pointee.readyGranules.bitwiseAnd(~mask, ordering: .relaxed)
    return true
  }

  /// Whether their pages may hold anything but zeroes.
  package var areDirty: Bool { superSlab.dirtyGranules & UInt32(mask) != 0 }
}
