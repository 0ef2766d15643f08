import HakmemPages
import HakmemPlatform
import Synchronization

/// Blocks that a slab gives out, by the thread that holds it.
extension Slab {
  /// Carves up to `count` free blocks and writes their addresses from `slots` on; returns how many.
  /// Blocks that were used before come first, those on pages that were given back after the others
  /// and from one page only; fresh ones on memory that a slab used before, else only up to the end of
  /// the page that the first of them ends in, or of the pages made present ahead, so that memory is
  /// touched as it is needed; none on pages that were never used, unless `mayTouch`. The caller holds
  /// the slab.
  package func carve(
    into slots: UInt, count: Int, mayTouch: Bool = true
  ) -> (count: Int, isZero: Bool) {
    let free = freeCount
    if Option.randomPlacement.isOn, free - (sizeClass.blocksPerSlab - freshCount) < count {
      openFreshBlocks()
    }
    let fresh = freshCount
    let recycled = free - (sizeClass.blocksPerSlab - fresh)
    if recycled > 0 {
      let wanted = min(count, recycled)
      return (
        hasPagesToSpare
          ? carveByPage(into: slots, count: wanted) : carveRecycled(into: slots, count: wanted),
        false
      )
    }
    guard free > 0, mayTouch || nextFreshEnd <= readyEnd else { return (0, false) }
    let taken = carveFresh(into: slots, count: min(count, free))
    return (taken, wasZero)
  }

  private func carveRecycled(into slots: UInt, count: Int) -> Int {
    let blockBytes = sizeClass.blockBytes
    let words = (freshCount + 63) / 64
    var index = Int(record.pointee.hint)
    if Option.randomPlacement.isOn { index = Int(bitPattern: Secret.nextWord() % UInt(words)) }
    if index >= words { index = 0 }
    var taken = 0
    var slot = slots
    for _ in 0..<words {
      var bits = bitmapWord(index).pointee.load(ordering: .acquiring)
      if bits != 0 {
        if bits.nonzeroBitCount > count - taken { bits = Self.some(count - taken, of: bits) }
        // Acquires what the threads that returned these blocks wrote before.
        bitmapWord(index).pointee.bitwiseAnd(~bits, ordering: .acquiring)
        taken += bits.nonzeroBitCount
        let first = start &+ UInt(index * 64) &* blockBytes
        while bits != 0 {
          Memory.storeWord(first &+ UInt(bits.trailingZeroBitCount) &* blockBytes, at: slot)
          slot &+= 8
          bits &= bits &- 1
        }
        if taken == count { break }
      }
      index = index + 1 == words ? 0 : index + 1
    }
    record.pointee.hint = UInt8(index)
    invariant(taken == count, "a slab counts more free blocks than it has")
    return taken
  }

  /// Where the first block that was never used ends.
  private var nextFreshEnd: UInt { start &+ UInt(freshCount + 1) &* sizeClass.blockBytes }

  /// Where the pages end that were used, by this slab or before it, or made present.
  private var readyEnd: UInt {
    wasZero
      ? start &+ UInt(record.pointee.readyPages) << Constants.pageShift
      : start &+ sizeClass.slabBytes
  }

  private func carveFresh(into slots: UInt, count: Int) -> Int {
    let blockBytes = sizeClass.blockBytes
    let fresh = freshCount
    let first = start &+ UInt(fresh) &* blockBytes
    let end = makeReady(upTo: nextFreshEnd.roundedUp(to: Constants.pageBytes))
    let taken = min(count, Int((end &- first) / blockBytes))
    // Downwards, so that the cache hands them out upwards.
    for index in 0..<taken {
      Memory.storeWord(
        first &+ UInt(taken - 1 - index) &* blockBytes, at: slots &+ UInt(index) &* 8)
    }
    record.pointee.fresh.store(UInt16(fresh + taken), ordering: .relaxed)
    if hasPagesToSpare { noteUse(of: pages(of: fresh..<(fresh + taken))) }
    return taken
  }

  /// Where the pages that blocks may now be carved from end: at `end`, which ends a page, or beyond
  /// when the class takes one page after the other.
  private func makeReady(upTo end: UInt) -> UInt {
    let ready = readyEnd
    if end <= ready { return ready }
    var goal = end
    let list = SlabList(sizeClass, node: node)
    let pages = list.pace.next(atMost: list.mostFreshPages)
    if pages > 1 {
      let ahead = min(ready &+ pages << Constants.pageShift, bodyEnd)
      if ahead > end, Prefault.ahead(ready, ahead &- ready) { goal = ahead }
    }
    record.pointee.readyPages = UInt8((goal &- start) >> Constants.pageShift)
    return goal
  }

  /// Makes the pages of the first blocks of a slab that was just created present; returns `blocks`.
  func prefault(_ blocks: Int, _ prefault: Prefault) -> Int {
    let byteCount = (UInt(blocks) &* sizeClass.blockBytes).roundedUp(to: Constants.pageBytes)
    if prefault != .off, wasZero {
      prefault.apply(start, byteCount)
      record.pointee.readyPages = UInt8(byteCount >> Constants.pageShift)
    }
    return blocks
  }

  /// `count` of the bits: the lowest or, for random placement, any.
  private static func some(_ count: Int, of bits: UInt64) -> UInt64 {
    guard Option.randomPlacement.isOn else { return lowest(count, of: bits) }
    let chosen = bits & UInt64(Secret.nextWord())
    let missing = count - chosen.nonzeroBitCount
    return missing < 0 ? lowest(count, of: chosen) : chosen | lowest(missing, of: bits & ~chosen)
  }

  static func lowest(_ count: Int, of bits: UInt64) -> UInt64 {
    var rest = bits
    for _ in 0..<count { rest &= rest &- 1 }
    return bits & ~rest
  }
}
