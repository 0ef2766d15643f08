import CHakmem
import HakmemPages
import HakmemPlatform
import HakmemSlabs
import HakmemThreadCache
import Synchronization

@c @implementation
public func hakmem_disable() {
  guard Process.start() else { return }
  Gate.close()
}

@c @implementation
public func hakmem_enable() { Gate.open() }

@c @implementation
public func hakmem_iterate(
  _ base: UInt, _ byteCount: Int,
  _ callback: (@convention(c) (UInt, Int, UnsafeMutableRawPointer?) -> Void)?,
  _ argument: UnsafeMutableRawPointer?
) -> Int32 {
  guard let callback, Process.isReady else { return -1 }
  let visited = HeapWalk.forEachStretch { stretch in
    guard stretch.state == HAKMEM_LIVE, stretch.blocks > 0 else { return }
    let blockBytes = stretch.size / stretch.blocks
    for index in 0..<stretch.blocks {
      let block = stretch.start &+ UInt(index * blockBytes)
      if block &- base < UInt(bitPattern: byteCount) { callback(block, blockBytes, argument) }
    }
  }
  return visited ? 0 : -1
}

@c @implementation
public func hakmem_walk(
  _ callback: (
    @convention(c) (UnsafePointer<hakmem_stretch_t>?, UnsafeMutableRawPointer?) -> Void
  )?,
  _ argument: UnsafeMutableRawPointer?
) -> Int32 {
  guard let callback, Process.isReady else { return -1 }
  let visited = HeapWalk.forEachStretch { stretch in
    var stretch = stretch
    callback(&stretch, argument)
  }
  return visited ? 0 : -1
}

/// All memory of a heap at rest, in stretches of one kind. A block is live when its slab says that
/// it is out and it lies in no thread cache and no batch; those are marked first, in bitmaps.
enum HeapWalk {
  /// A bit for each 16 bytes of a SuperSlab.
  private static let bitmapBytes: UInt = Constants.superSlabBytes / 128

  /// The marks of all SuperSlabs: two bitmaps for each, of blocks in thread caches and in batches.
  private struct Marks {
    let base: UInt
    /// SuperSlabs that were there when the walk began.
    let count: UInt
    var byteCount: UInt { max(count &* bitmapBytes &* 2, Constants.pageBytes) }

    init?() {
      count = SuperSlab.createdCount
      let bytes = max(count &* bitmapBytes &* 2, Constants.pageBytes)
      guard let base = SystemCalls.map(byteCount: bytes, protection: .readWrite) else { return nil }
      self.base = base
    }

    private func word(_ block: UInt, _ superSlab: SuperSlab, inDepot: Bool) -> UInt {
      base &+ (superSlab.ordinal &* 2 &+ (inDepot ? 1 : 0)) &* bitmapBytes
        &+ (block &- superSlab.start) / 1024 &* 8
    }
    private func bit(_ block: UInt) -> UInt { 1 << (block / 16 % 64) }

    func set(_ block: UInt, inDepot: Bool) {
      guard let superSlab = SuperSlab.around(block), superSlab.ordinal < count else { return }
      let word = word(block, superSlab, inDepot: inDepot)
      Memory.storeWord(Memory.loadWord(at: word) | bit(block), at: word)
    }

    func isSet(_ block: UInt, in superSlab: SuperSlab, inDepot: Bool) -> Bool {
      Memory.loadWord(at: word(block, superSlab, inDepot: inDepot)) & bit(block) != 0
    }
  }

  /// False when there is no memory for the marks.
  static func forEachStretch(_ body: (hakmem_stretch_t) -> Void) -> Bool {
    guard let marks = Marks() else { return false }
    for number in 1..<SizeClass.count {
      let sizeClass = SizeClass(number)
      ThreadCache.forEach {
        $0.forEachBlock(sizeClass) { marks.set($0, inDepot: false) }
        $0.checkedCache?.forEachBlock(sizeClass) { marks.set($0, inDepot: false) }
        $0.sampledCache?.forEachBlock(sizeClass) { marks.set($0, inDepot: false) }
      }
      Depot.forEachBlock(sizeClass) { marks.set($0, inDepot: true) }
    }
    SuperSlab.forEach { superSlab in
      guard superSlab.ordinal < marks.count else { return }
      switch superSlab.kind {
      case .slabs: walkSlabs(superSlab, marks, body)
      case .pageRuns: walkRuns(superSlab, body)
      case .unused, .large: walkGranules(superSlab, 0..<Constants.granulesPerSuperSlab, body)
      }
    }
    LargeRegions.forEach { region in
      let use =
        region.isLive ? HAKMEM_LIVE : region.isEmpty ? HAKMEM_FREE_CLEAN : HAKMEM_KEPT
      body(stretch(region.start, region.byteCount, use, blocks: 1))
    }
    EmptyBlocks.forEach { body(stretch($0, EmptyBlocks.stride, HAKMEM_LIVE, blocks: 1)) }
    let metadataBytes = MetadataRegion.extentBytes.roundedUp(to: ProcessFacts.systemPageBytes)
    body(stretch(MetadataRegion.base, metadataBytes, HAKMEM_METADATA))
    body(
      stretch(ClassMap.extent.lowerBound, UInt(bitPattern: ClassMap.extent.count), HAKMEM_METADATA))
    SystemCalls.unmap(marks.base, marks.byteCount)
    return true
  }

  private static func stretch(
    _ start: UInt, _ byteCount: UInt, _ state: hakmem_state_t, blocks: Int = 0, of number: Int = 0
  ) -> hakmem_stretch_t {
    hakmem_stretch_t(
      start: start, size: Int(byteCount), blocks: blocks, state: state, size_class: Int32(number))
  }

  private static func walkSlabs(
    _ superSlab: SuperSlab, _ marks: Marks, _ body: (hakmem_stretch_t) -> Void
  ) {
    var next: UInt = 0
    Slab.forEach(in: superSlab) { slab in
      let granule = (slab.start &- superSlab.start) >> Constants.granuleShift
      guard granule >= next, granule < Constants.granulesPerSuperSlab else { return }
      walkGranules(superSlab, next..<granule, body)
      walkBlocks(of: slab, in: superSlab, marks, body)
      next = granule &+ superSlab.span
    }
    if next < Constants.granulesPerSuperSlab {
      walkGranules(superSlab, next..<Constants.granulesPerSuperSlab, body)
    }
  }

  /// Joins neighbouring blocks in one state.
  private static func walkBlocks(
    of slab: Slab, in superSlab: SuperSlab, _ marks: Marks, _ body: (hakmem_stretch_t) -> Void
  ) {
    let sizeClass = slab.sizeClass
    let blockBytes = sizeClass.blockBytes
    guard blockBytes > 0 else { return }
    let count = sizeClass.blocksPerSlab
    var first = 0
    while first < count {
      let state = state(of: first, in: slab, superSlab, marks)
      var end = first + 1
      while end < count, self.state(of: end, in: slab, superSlab, marks) == state { end += 1 }
      body(
        stretch(
          slab.start &+ UInt(first) &* blockBytes, UInt(end - first) &* blockBytes, state,
          blocks: end - first, of: sizeClass.number))
      first = end
    }
    let used = UInt(count) &* blockBytes
    if used < sizeClass.slabBytes {
      body(
        stretch(
          slab.start &+ used, sizeClass.slabBytes &- used, HAKMEM_SLAB_TAIL, of: sizeClass.number))
    }
  }

  private static func state(
    of index: Int, in slab: Slab, _ superSlab: SuperSlab, _ marks: Marks
  ) -> hakmem_state_t {
    if index >= slab.freshCount { return HAKMEM_FRESH }
    if slab.isFree(index) { return HAKMEM_IN_SLAB }
    let block = slab.start &+ UInt(index) &* slab.sizeClass.blockBytes
    if marks.isSet(block, in: superSlab, inDepot: false) { return HAKMEM_CACHED }
    return marks.isSet(block, in: superSlab, inDepot: true) ? HAKMEM_IN_DEPOT : HAKMEM_LIVE
  }

  /// Granules without a slab, those that were used apart from the others.
  private static func walkGranules(
    _ superSlab: SuperSlab, _ granules: Range<UInt>, _ body: (hakmem_stretch_t) -> Void
  ) {
    var first = granules.lowerBound
    while first < granules.upperBound {
      let isDirty = superSlab.isDirty(first)
      var end = first &+ 1
      while end < granules.upperBound, superSlab.isDirty(end) == isDirty { end &+= 1 }
      body(
        stretch(
          superSlab.start &+ first << Constants.granuleShift,
          (end &- first) << Constants.granuleShift,
          isDirty ? HAKMEM_FREE_USED : HAKMEM_FREE_CLEAN))
      first = end
    }
  }

  private static func walkRuns(_ superSlab: SuperSlab, _ body: (hakmem_stretch_t) -> Void) {
    PageRuns.forEachStretch(in: superSlab) { start, byteCount, use in
      switch use {
      case .live: body(stretch(start, byteCount, HAKMEM_LIVE, blocks: 1))
      case .cached: body(stretch(start, byteCount, HAKMEM_CACHED, blocks: 1))
      case .freeUsed: body(stretch(start, byteCount, HAKMEM_FREE_USED))
      case .freeClean: body(stretch(start, byteCount, HAKMEM_FREE_CLEAN))
      }
    }
  }
}
