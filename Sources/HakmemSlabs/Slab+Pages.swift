import HakmemPages
import HakmemPlatform
import Synchronization

/// The kernel's pages of a slab, a bit each: at most 64. Those without a live block can be given
/// back while the slab lives on.
extension Slab {
  var pageShift: UInt { UInt(ProcessFacts.systemPageBytes.trailingZeroBitCount) }
  var pageCount: Int { Int(sizeClass.slabBytes >> pageShift) }

  /// Whether some pages may be purged or idle, which carving must look at.
  var hasPagesToSpare: Bool { record.pointee.purgedPages | record.pointee.idlePages != 0 }

  /// Pages that may hold anything but zeroes, were none given back.
  var touchedPages: UInt64 {
    let present = presentPageCount
    return pages(of: 0..<freshCount) | (present > 0 ? Self.pages(0, present &- 1) : 0)
  }

  /// Pages from the start on that were used, by this slab or before it, or made present.
  private var presentPageCount: Int {
    switch origin {
    case .zero:
      let bytes = UInt(record.pointee.readyPages) << Constants.pageShift
      return Int(bytes.roundedUp(to: ProcessFacts.systemPageBytes) >> pageShift)
    case .used, .usedAndSeen, .usedForGood: return pageCount
    case .usedWithoutTail: return bodyPageCount
    }
  }

  static func pages(_ first: Int, _ last: Int) -> UInt64 {
    (UInt64.max >> UInt64(63 &- (last &- first))) << UInt64(first)
  }

  /// Pages that the blocks of a range lie on.
  func pages(of blocks: Range<Int>) -> UInt64 {
    guard !blocks.isEmpty else { return 0 }
    let blockBytes = sizeClass.blockBytes
    return Self.pages(
      Int((UInt(blocks.lowerBound) &* blockBytes) >> pageShift),
      Int((UInt(blocks.upperBound) &* blockBytes &- 1) >> pageShift))
  }

  /// Blocks that were handed out before and begin on a page.
  private func blocks(beginningOn page: Int) -> Range<Int> {
    let rounding = sizeClass.blockBytes &- 1
    let first = index(around: UInt(page) << pageShift &+ rounding)
    let end = index(around: UInt(page &+ 1) << pageShift &+ rounding)
    return min(first, freshCount)..<min(end, freshCount)
  }

  private func index(around offset: UInt) -> Int {
    Int((offset &* sizeClass.reciprocal) >> SizeClass.reciprocalShift)
  }

  /// Whether no live block lies on a page that was touched.
  private func isFree(page: Int) -> Bool {
    let first = index(around: UInt(page) << pageShift)
    let fresh = freshCount
    guard first < fresh else { return page < presentPageCount }
    let last = min(index(around: UInt(page &+ 1) << pageShift &- 1), fresh &- 1)
    var word = first / 64
    var mask = UInt64.max << UInt64(first % 64)
    while true {
      let isLast = word == last / 64
      if isLast { mask &= UInt64.max >> UInt64(63 &- last % 64) }
      // Acquires what the threads that returned these blocks wrote before.
      if bitmapWord(word).pointee.load(ordering: .acquiring) & mask != mask { return false }
      if isLast { return true }
      word &+= 1
      mask = .max
    }
  }

  /// Whether `free`, the word of the bitmap in which `bits` were just set, leaves it possible that a
  /// page has no live block now: around one bit as many are set as a page has whole blocks.
  @inline(__always)
  func mayHaveFreedPages(_ bits: UInt64, among free: UInt64, _ sizeClass: SizeClass) -> Bool {
    let bit = bits.trailingZeroBitCount
    guard bits & (bits &- 1) == 0 else { return true }
    let above = (~(free &>> UInt64(bit))).trailingZeroBitCount
    let below = (~(free &<< UInt64(63 &- bit))).leadingZeroBitCount
    return above &+ below > sizeClass.blocksPerPage || bit &+ above >= 64 || bit &- below < 0
  }

  var hasFreedPages: Bool { record.pointee.hasFreedPages.load(ordering: .relaxed) }

  /// Pages without a live block that blocks just marked as free lie on; those of a page shared with
  /// blocks marked at once may be counted twice.
  func freedPageCount(_ bits: UInt64, word: Int) -> Int {
    let blockBytes = sizeClass.blockBytes
    if blockBytes & (ProcessFacts.systemPageBytes &- 1) == 0 {
      if !hasFreedPages { record.pointee.hasFreedPages.store(true, ordering: .relaxed) }
      return bits.nonzeroBitCount &* Int(blockBytes >> pageShift)
    }
    let first = UInt(word &* 64 &+ bits.trailingZeroBitCount) &* blockBytes
    let end = UInt(word &* 64 &+ 64 &- bits.leadingZeroBitCount) &* blockBytes
    let firstPage = Int(first >> pageShift)
    let last = Int((end &- 1) >> pageShift)
    let run = bits >> UInt64(bits.trailingZeroBitCount)
    var page = firstPage
    var count = 0
    // Between its ends nothing else lies among blocks that lie side by side.
    if run & (run &+ 1) == 0, last > firstPage &+ 1 {
      count = last &- firstPage &- 1
      if isFree(page: firstPage) { count &+= 1 }
      page = last
    }
    while page <= last {
      if isFree(page: page) { count &+= 1 }
      page &+= 1
    }
    if count > 0, !hasFreedPages { record.pointee.hasFreedPages.store(true, ordering: .relaxed) }
    return count
  }

  /// Pages without a live block that were touched and not given back. The caller holds the slab.
  var dirtyFreePages: UInt64 {
    var pages: UInt64 = 0
    if sizeClass.blocksPerSlab <= 2 &* pageCount {
      pages = touchedPages & ~livePages
    } else {
      for page in 0..<pageCount where isFree(page: page) { pages |= 1 << UInt64(page) }
    }
    return pages & ~record.pointee.purgedPages
  }

  /// Pages that live blocks lie on, found by the blocks, for slabs of few.
  private var livePages: UInt64 {
    let fresh = freshCount
    var pages: UInt64 = 0
    var first = 0
    while first < fresh {
      // Acquires what the threads that returned these blocks wrote before.
      var live = ~bitmapWord(first / 64).pointee.load(ordering: .acquiring)
      if fresh &- first < 64 { live &= 1 << UInt64(fresh &- first) &- 1 }
      while live != 0 {
        let start = live.trailingZeroBitCount
        let length = (~(live >> UInt64(start))).trailingZeroBitCount
        pages |= self.pages(of: first &+ start..<first &+ start &+ length)
        live &= length &+ start < 64 ? UInt64.max << UInt64(start &+ length) : 0
      }
      first &+= 64
    }
    return pages
  }

  /// Whether pages were given back that the kernel may not have taken yet.
  var hasLazyPages: Bool { Purge.isLazy && record.pointee.purgedPages != 0 }

  /// The pages without a live block that a sweep gives back. The caller holds the slab.
  func pagesToReturn(_ purging: SlabList.Purging) -> UInt64 {
    // Before the look: what is freed meanwhile sets it again.
    record.pointee.hasFreedPages.store(false, ordering: .relaxed)
    let free = dirtyFreePages
    switch purging {
    case .beyondBound: return free
    case .idle:
      let idle = free & record.pointee.idlePages
      record.pointee.idlePages = free
      return idle
    case .all: return hasLazyPages ? free | record.pointee.purgedPages : free
    }
  }

  /// Notes which of them went; returns how many.
  func noteReturned(_ pages: UInt64) -> Int {
    if pages != 0 {
      superSlab.noteBroken()
      record.pointee.purgedPages |= pages
      record.pointee.purgedAt = Clock.milliseconds()
      record.pointee.idlePages &= ~pages
      forgetTail()
    }
    if record.pointee.idlePages != 0 {
      record.pointee.hasFreedPages.store(true, ordering: .relaxed)
    }
    return pages.nonzeroBitCount
  }

  /// A tail that went with the other pages needs no look, and does not slow carving down.
  private func forgetTail() {
    guard mayHaveTail, !Purge.isLazy else { return }
    let tail = tailPages
    guard record.pointee.purgedPages & tail == tail else { return }
    endTail(as: .usedWithoutTail)
    record.pointee.purgedPages &= ~tail
    record.pointee.idlePages &= ~tail
  }

  var superSlab: SuperSlab {
    SuperSlab(unsafeRecord: SuperSlabRegistry.record(at: start))
  }
  /// The NUMA node whose threads carve it.
  var node: UInt { Topology.hasNodes ? superSlab.node : 0 }
  /// Whether its pages are part of a huge page that was made not long ago.
  var isInYoungHugePage: Bool { superSlab.isYoungHugePage }

  /// Bytes of blocks that are out; 0 while pages are given back.
  package var densityBytes: UInt {
    record.pointee.purgedPages != 0
      ? 0 : UInt(max(sizeClass.blocksPerSlab - freeCount, 0)) &* sizeClass.blockBytes
  }

  // MARK: Carving

  /// Carves used blocks from pages that were not given back, or else from one page that was.
  func carveByPage(into slots: UInt, count: Int) -> Int {
    let purged = record.pointee.purgedPages
    var taken = 0
    var page = 0
    while page < pageCount, taken < count {
      if purged & (1 << UInt64(page)) == 0 {
        var blocks = blocks(beginningOn: page)
        while let last = blocks.last, pages(of: last..<(last &+ 1)) & purged != 0 {
          blocks = blocks.dropLast()
        }
        taken &+= carve(blocks, into: slots &+ UInt(taken) &* 8, count: count &- taken)
      }
      page &+= 1
    }
    page = 0
    while page < pageCount, taken == 0 {
      taken = carve(blocks(beginningOn: page), into: slots, count: count)
      page &+= 1
    }
    invariant(taken > 0, "a slab counts more free blocks than it has")
    return taken
  }

  /// Carves the lowest free blocks of a range.
  private func carve(_ blocks: Range<Int>, into slots: UInt, count: Int) -> Int {
    let blockBytes = sizeClass.blockBytes
    var block = blocks.lowerBound
    var taken = 0
    while block < blocks.upperBound, taken < count {
      let end = min(blocks.upperBound, (block / 64 &+ 1) &* 64)
      let mask = (UInt64.max >> UInt64(64 &- (end &- block))) << UInt64(block % 64)
      let word = bitmapWord(block / 64)
      var bits = word.pointee.load(ordering: .acquiring) & mask
      if bits.nonzeroBitCount > count &- taken { bits = Self.lowest(count &- taken, of: bits) }
      if bits != 0 {
        // Acquires what the threads that returned these blocks wrote before.
        word.pointee.bitwiseAnd(~bits, ordering: .acquiring)
        let base = block / 64 &* 64
        noteUse(
          of: pages(
            of: (base &+ bits.trailingZeroBitCount)..<(base &+ 64 &- bits.leadingZeroBitCount)))
        while bits != 0 {
          Memory.storeWord(
            start &+ UInt(base &+ bits.trailingZeroBitCount) &* blockBytes,
            at: slots &+ UInt(taken) &* 8)
          taken &+= 1
          bits &= bits &- 1
        }
      }
      block = end
    }
    return taken
  }

  /// Pages are in use again; those that were given back not long ago should have been kept.
  func noteUse(of pages: UInt64) {
    let missed = record.pointee.purgedPages & pages
    record.pointee.idlePages &= ~pages
    guard missed != 0 else { return }
    record.pointee.purgedPages &= ~pages
    DirtyMemory.credit.regret(
      UInt(missed.nonzeroBitCount) << pageShift, returnedAt: record.pointee.purgedAt)
  }
}
