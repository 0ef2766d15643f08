import CHakmemShims
import HakmemPages
import HakmemPlatform
import Synchronization

/// One or four granules carved into blocks of one size class, described by a record away from the blocks.
///
/// A block is in exactly one place: with the program, in a thread cache, in a batch, or free here.
///     bit i of the bitmap set  ⇒  block i is free here, and was handed out before (i < fresh)
///     i ≥ fresh                ⇒  block i was never handed out
///     free = bits that count + (blocksPerSlab − fresh)
/// `availability` is `listed << 31 | free`. A slab with free blocks is on its class's list or is
/// held by the one thread that took it off; only the holder carves and retires, any thread may
/// return blocks. Returning first sets the bits and then counts them, and the holder takes no more
/// than is counted, so that `free` never exceeds what is there.
package struct Slab: Equatable {
  package let address: UInt
  @inline(__always)
  package init(unsafeRecord address: UInt) { self.address = address }

  struct Record: ~Copyable {
    let link: Atomic<UInt64>
    let availability: Atomic<UInt32>
    /// Blocks that were handed out so far: the holder's, read by who returns blocks.
    let fresh: Atomic<UInt16>
    let doubledClass: Atomic<UInt8>
    /// Bitmap word where the next carving begins to look.
    var hint: UInt8
    var start: UInt
    /// Where the bitmap lies: in the record, or in a chunk of its own for classes with more blocks.
    var bitmap: UInt
    /// Where the blocks' states lie while blocks are checked; else 0.
    var states: UInt
    /// Pages without a live block, the holder's: those given back since a block of theirs was taken
    /// last, and those that the last sweep saw and no block was taken of since.
    var purgedPages: UInt64
    var idlePages: UInt64
    /// When pages were given back last; Clock.milliseconds.
    var purgedAt: UInt32
    /// `Origin`.
    let origin: Atomic<UInt8>
    /// Pages from the slab's start on that were used or made present.
    var readyPages: UInt8
    /// Whether pages lost their last live block since the slab was purged last.
    let hasFreedPages: Atomic<Bool>
    /// While it is no slab, and before, while the holder makes it none.
    let isRetiring: Atomic<Bool>
  }

  /// The record's own bitmap fills its second line; with it 32 records fill a page.
  private static let bitmapOffset: UInt = 64
  private static let ownBitmapBlocks = 512
  static let recordBytes: UInt = 128
  private static let listedFlag: UInt32 = 1 << 31

  var record: UnsafeMutablePointer<Record> { Memory.pointer(at: address) }
  @inline(__always)
  func bitmapWord(_ index: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
    Memory.pointer(at: record.pointee.bitmap &+ UInt(index) &* 8)
  }

  package var start: UInt { record.pointee.start }
  package var sizeClass: SizeClass {
    SizeClass(doubled: UInt(record.pointee.doubledClass.load(ordering: .relaxed)))
  }
  package var freeCount: Int {
    Int(record.pointee.availability.load(ordering: .acquiring) & ~Self.listedFlag)
  }
  package var freshCount: Int { Int(record.pointee.fresh.load(ordering: .relaxed)) }
  package var isEmpty: Bool { freeCount == sizeClass.blocksPerSlab }

  // MARK: Birth and death

  /// A slab on new granules, held by the caller; nil when memory is exhausted.
  package static func create(
    _ sizeClass: SizeClass, node: UInt = Topology.currentNode
  ) -> Slab? {
    // With a guard page behind the blocks the largest class has no room.
    guard sizeClass.blocksPerSlab > 0,
      let granules = SuperSlabPool.takeGranules(sizeClass.slabSpan, node: node)
    else { return nil }
    guard let table = table(of: granules.superSlab) else {
      SuperSlabPool.putGranules(granules)
      return nil
    }
    let slab = Slab(unsafeRecord: table &+ granules.index &* recordBytes)
    let record = slab.record
    slab.checkIsVacant(at: granules.start)
    record.pointee.bitmap = slab.address &+ bitmapOffset
    if sizeClass.blocksPerSlab > ownBitmapBlocks {
      record.pointee.bitmap = BitmapChunk.take()
      guard record.pointee.bitmap != 0 else {
        SuperSlabPool.putGranules(granules)
        return nil
      }
    }
    record.pointee.states = 0
    if Hardening.isOn {
      record.pointee.states = BlockStates.take(sizeClass)
      guard record.pointee.states != 0 else {
        if sizeClass.blocksPerSlab > ownBitmapBlocks {
          BitmapChunk.putBack(record.pointee.bitmap)
        }
        SuperSlabPool.putGranules(granules)
        return nil
      }
    }
    record.pointee.fresh.store(0, ordering: .relaxed)
    record.pointee.hint = 0
    record.pointee.purgedPages = 0
    record.pointee.idlePages = 0
    record.pointee.start = granules.start
    let isUsed = granules.areDirty
    record.pointee.readyPages = 0
    if granules.takeReady(), !isUsed {
      let pages = min(sizeClass.slabBytes >> Constants.pageShift, UInt(UInt8.max))
      record.pointee.readyPages = UInt8(pages)
    }
    record.pointee.hasFreedPages.store(isUsed, ordering: .relaxed)
    // Releases, as the class, what stands above to who pins the slab.
    record.pointee.isRetiring.store(false, ordering: .releasing)
    record.pointee.doubledClass.store(UInt8(sizeClass.doubled), ordering: .releasing)
    record.pointee.availability.store(
      Self.listedFlag | UInt32(sizeClass.blocksPerSlab), ordering: .relaxed)
    setClassMap(sizeClass.doubled, granules)
    slab.begin(onUsedMemory: isUsed)
    slab.noteUse()
    if Hardening.isOn { slab.harden(granules) }
    SlabCounters.shared.pointee.created.wrappingAdd(1, ordering: .relaxed)
    return slab
  }

  /// Returns the granules of a slab whose blocks are all free. The caller holds the slab, and keeps it
  /// when the answer is false: then it is pinned.
  package func retire() -> Bool {
    check(fault(isAtRest: true))
    record.pointee.isRetiring.store(true, ordering: .sequentiallyConsistent)
    if PinnedSlab.isPinned(self) {
      record.pointee.isRetiring.store(false, ordering: .relaxed)
      return false
    }
    MapLog.note(.slab, start, sizeClass.slabBytes)
    let isDirty = touchedPages & ~record.pointee.purgedPages != 0
    if mayHaveTail { endTail(as: .usedForGood) }
    let words = (freshCount + 63) / 64
    for index in 0..<words { bitmapWord(index).pointee.store(0, ordering: .relaxed) }
    if sizeClass.blocksPerSlab > Self.ownBitmapBlocks { BitmapChunk.putBack(record.pointee.bitmap) }
    if record.pointee.states != 0 { BlockStates.putBack(record.pointee.states, sizeClass) }
    let guardBytes = GuardPage.bytesBehindBlocks
    if guardBytes > 0 {
      GuardPage.remove(start &+ sizeClass.slabBytes &- guardBytes, guardBytes)
    }
    record.pointee.doubledClass.store(0, ordering: .relaxed)
    record.pointee.availability.store(0, ordering: .relaxed)
    SlabCounters.shared.pointee.retired.wrappingAdd(1, ordering: .relaxed)
    let superSlab = SuperSlab(unsafeRecord: SuperSlabRegistry.record(at: start))
    let index = (start &- superSlab.start) >> Constants.granuleShift
    let granules = Granules(superSlab: superSlab, index: index)
    Self.setClassMap(0, granules)
    SuperSlabPool.putGranules(granules, isDirty: isDirty)
    return true
  }

  /// The class of a slab that the caller pinned; none if it came too late.
  var classUnlessRetiring: SizeClass {
    let isRetiring = record.pointee.isRetiring.load(ordering: .sequentiallyConsistent)
    // Acquires the record of a slab born meanwhile.
    let doubled = record.pointee.doubledClass.load(ordering: .acquiring)
    return isRetiring ? .none : SizeClass(doubled: UInt(doubled))
  }

  private static func setClassMap(_ doubledClass: UInt, _ granules: Granules) {
    for granule in 0..<granules.span {
      ClassMap.set(doubledClass, at: granules.start &+ granule << Constants.granuleShift)
    }
  }

  /// The slab around `pointer`; nil when none lies there.
  package static func around(_ pointer: UInt) -> Slab? {
    let record = record(around: pointer)
    guard record != 0, Slab(unsafeRecord: record).sizeClass != .none else { return nil }
    return Slab(unsafeRecord: record)
  }

  /// Where the record of the slab around `pointer` lies, if there is one; 0 where slabs are not.
  private static func record(around pointer: UInt) -> UInt {
    let record = SuperSlabRegistry.record(at: pointer)
    guard SpanKind.of(record: record) == .slabs else { return 0 }
    let superSlab = SuperSlab(unsafeRecord: record)
    let table = superSlab.slabTable
    guard table != 0 else { return 0 }
    let granule = (pointer &- superSlab.start) >> Constants.granuleShift
    return table &+ granule.roundedDown(to: superSlab.span) &* recordBytes
  }

  /// Begins to load the record around `pointer`, if there is one; returns where it lies, or 0.
  static func prefetch(around pointer: UInt) -> UInt {
    let record = record(around: pointer)
    guard record != 0 else { return 0 }
    hakmem_prefetch(record)
    hakmem_prefetch(record &+ bitmapOffset)
    return record
  }

  private static func table(of superSlab: SuperSlab) -> UInt? {
    let known = superSlab.slabTable
    if known != 0 { return known }
    // Two threads may come here at once for two granules; the loser's table serves nobody.
    let table = SuperSlabPool.allocateMetadata(recordBytes &* Constants.granulesPerSuperSlab)
    guard table != 0 else { return nil }
    return superSlab.setSlabTableOnce(table)
  }

  /// Calls `body` for every slab of a SuperSlab.
  package static func forEach(in superSlab: SuperSlab, _ body: (Slab) -> Void) {
    guard superSlab.kind == .slabs, superSlab.slabTable != 0 else { return }
    var index: UInt = 0
    while index < Constants.granulesPerSuperSlab {
      let slab = Slab(unsafeRecord: superSlab.slabTable &+ index &* recordBytes)
      if slab.sizeClass != .none { body(slab) }
      index &+= superSlab.span
    }
  }

  package func noteUse() {
    MapLog.note(.slab, start, sizeClass.slabBytes, class: UInt(sizeClass.number))
  }

  // MARK: Blocks

  /// Number of the block that begins at `pointer`; nil for a pointer into a block's middle or to a
  /// block that was never handed out.
  package func blockIndex(of pointer: UInt) -> Int? {
    blockIndex(of: pointer, sizeClass).map { Int($0) }
  }

  /// The same for who knows the slab's class.
  @inline(__always)
  func blockIndex(of pointer: UInt, _ sizeClass: SizeClass) -> UInt? {
    let offset = pointer &- start
    let index = (offset &* sizeClass.reciprocal) >> SizeClass.reciprocalShift
    guard index &* sizeClass.blockBytes == offset, index < UInt(bitPattern: freshCount) else {
      return nil
    }
    return index
  }

  /// Start of the block around `pointer`.
  package func blockStart(around pointer: UInt) -> UInt {
    let index = ((pointer &- start) &* sizeClass.reciprocal) >> SizeClass.reciprocalShift
    return start &+ index &* sizeClass.blockBytes
  }

  /// Bits of the bitmap that are set.
  var markedCount: Int {
    var count = 0
    for index in 0..<((freshCount + 63) / 64) {
      count += bitmapWord(index).pointee.load(ordering: .relaxed).nonzeroBitCount
    }
    return count
  }

  /// Whether block `index` is free here.
  package func isFree(_ index: Int) -> Bool {
    index >= freshCount
      || bitmapWord(index / 64).pointee.load(ordering: .relaxed) & (1 << UInt64(index % 64)) != 0
  }

  /// Counts carved blocks as taken. `mustList`: blocks are left, the caller lists the slab again.
  package func finishCarving(_ count: Int) -> (mustList: Bool, isEmpty: Bool) {
    var old = record.pointee.availability.load(ordering: .relaxed)
    while true {
      let left = (old & ~Self.listedFlag) - UInt32(count)
      let new = left == 0 ? 0 : left | Self.listedFlag
      let (done, seen) = record.pointee.availability.weakCompareExchange(
        expected: old, desired: new, successOrdering: .acquiringAndReleasing,
        failureOrdering: .relaxed)
      if done { return (left != 0, Int(left) == sizeClass.blocksPerSlab) }
      old = seen
    }
  }

  /// Marks blocks of one bitmap word as free; returns those that were free there already.
  package func markFree(_ bits: UInt64, word: Int) -> UInt64 {
    // Releases what the program wrote in the blocks before it freed them.
    bitmapWord(word).pointee.bitwiseOr(bits, ordering: .releasing).oldValue
  }

  /// Counts blocks that `markFree` marked. `mustList`: the caller lists the slab.
  package func countFree(_ count: Int) -> (mustList: Bool, isEmpty: Bool) {
    var old = record.pointee.availability.load(ordering: .relaxed)
    while true {
      let new = (old &+ UInt32(count)) | Self.listedFlag
      let (done, seen) = record.pointee.availability.weakCompareExchange(
        expected: old, desired: new, successOrdering: .acquiringAndReleasing,
        failureOrdering: .relaxed)
      if done {
        let free = Int(new & ~Self.listedFlag)
        return (old & Self.listedFlag == 0, free == sizeClass.blocksPerSlab)
      }
      old = seen
    }
  }
}
