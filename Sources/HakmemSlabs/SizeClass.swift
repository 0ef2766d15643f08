import CHakmemClasses
import CHakmemShims
import HakmemPages
import HakmemPlatform

/// A size class: 1 … 120, or 0 for none. Block sizes go in steps of 16 to 128, then in 8 steps a
/// doubling to 256 KiB: at most an eighth of a block is rounding. Blocks of a power of two with a
/// header of the program's own are many: 1, 2, 8 and 16 KiB with up to 32 bytes have a class each
/// (a journal of sqlite3, arrays of z3), and from 4 to 5 KiB steps are 64 (pages of sqlite3).
///
/// A thread cache's table of sizes holds twice the class (`doubled`), which is the class's offset in words
/// among bins of two words; the class map holds that offset in bytes.
package struct SizeClass: Equatable {
  package let doubled: UInt
  @inline(__always)
  package init(doubled: UInt) { self.doubled = doubled }
  @inline(__always)
  package init(_ number: Int) { doubled = UInt(number) &* 2 }

  package var number: Int { Int(doubled / 2) }
  package static let none = SizeClass(doubled: 0)
  package static let count = 121
  /// An element for each class, by its number.
  package typealias Table<Element> = InlineArray<121, Element>
  package static let maximumBytes: UInt = 256 << 10
  /// Blocks beyond are medium ones: few of them are cached.
  package static let smallMaximumBytes: UInt = 1 << smallLog
  private static let smallLog: UInt = 15
  package static let firstMedium = 97
  @inline(__always)
  package var isMedium: Bool { number >= Self.firstMedium }
  /// Largest size whose class the fast path looks up.
  package static let fastMaximumBytes: UInt = smallMaximumBytes

  /// What the slow paths need to know of a class, computed once at start.
  struct Facts {
    /// ⌈2⁴⁰ / blockBytes⌉: (offset × reciprocal) >> 40 is exact for offsets inside a slab.
    var reciprocal: UInt64
    var blockBytes: UInt32
    var blocksPerSlab: UInt32
    /// Most blocks that a thread caches.
    var cacheCapacity: UInt16
    /// Blocks moved at once between slabs and a thread cache.
    var refillCount: UInt16
    /// Granules of a slab.
    var slabSpan: UInt16
    /// Whole blocks that fit on one of the kernel's pages.
    var blocksPerPage: UInt16
  }

  package static let reciprocalShift: UInt = 40

  private var facts: UnsafeMutablePointer<Facts> {
    Memory.pointer(at: SlabsStorage.facts &+ doubled &* UInt(MemoryLayout<Facts>.stride) / 2)
  }
  package var blockBytes: UInt { UInt(facts.pointee.blockBytes) }
  package var blocksPerSlab: Int { Int(facts.pointee.blocksPerSlab) }
  package var cacheCapacity: Int { Int(facts.pointee.cacheCapacity) }
  package var refillCount: Int { Int(facts.pointee.refillCount) }
  /// Granules of a slab: 1, or 4 where the blocks of 1 would leave more than 1 % of its pages over.
  package var slabSpan: UInt { UInt(facts.pointee.slabSpan) }
  package var slabBytes: UInt { slabSpan << Constants.granuleShift }
  var blocksPerPage: Int { Int(facts.pointee.blocksPerPage) }
  package var reciprocal: UInt { UInt(facts.pointee.reciprocal) }

  /// The class that serves `byteCount`, which is at most `maximumBytes`: by bisection up to
  /// `smallMaximumBytes`, where the fast paths have a table.
  package static func serving(_ byteCount: UInt) -> SizeClass {
    if byteCount > smallMaximumBytes { return servingMedium(byteCount) }
    var first = 1
    var last = firstMedium - 1
    while first < last {
      let middle = (first + last) / 2
      if SizeClass(middle).blockBytes < byteCount { first = middle + 1 } else { last = middle }
    }
    return SizeClass(first)
  }

  /// The class for more than `smallMaximumBytes`: 8 steps a doubling.
  @inline(__always)
  package static func servingMedium(_ byteCount: UInt) -> SizeClass {
    // byteCount lies in (2ˡᵒᵍ, 2ˡᵒᵍ⁺¹].
    let log = UInt(UInt.bitWidth - 1 - (byteCount &- 1).leadingZeroBitCount)
    let step = (byteCount &- 1) >> (log &- 3) & 7
    return SizeClass(doubled: (UInt(firstMedium) &+ (log &- smallLog) &* 8 &+ step) &* 2)
  }

  /// The smallest class for `byteCount` whose blocks all lie at multiples of `alignment`; `none`
  /// when no class has such. Where a class's step is not a multiple of the alignment, the alignment is
  /// one of the step: then the multiples of the alignment are block sizes themselves.
  package static func serving(_ byteCount: UInt, alignment: UInt) -> SizeClass {
    guard byteCount <= maximumBytes, alignment <= smallMaximumBytes else { return .none }
    let rounded = max(byteCount, 1).roundedUp(to: alignment)
    return rounded <= maximumBytes ? serving(rounded) : .none
  }

  /// Fills the table. Runs once, before any other use.
  package static func learn() {
    let cacheBytes = Option.cacheBytes.value << 10
    let guardBytes = GuardPage.bytesBehindBlocks
    for number in 1..<UInt(count) {
      let bytes = UInt(hakmem_class_block_bytes(UInt32(number)))
      let sizeClass = SizeClass(doubled: number &* 2)
      let span: UInt = sizeClass.isMedium || leftOver(bytes) > Constants.granuleBytes / 100 ? 4 : 1
      let capacity = min(
        max(cacheBytes / bytes, sizeClass.isMedium ? 8 : 4), UInt(maximumCacheCapacity))
      sizeClass.facts.pointee = Facts(
        reciprocal: UInt64(((1 << reciprocalShift) &+ bytes &- 1) / bytes),
        blockBytes: UInt32(bytes),
        blocksPerSlab: UInt32((span &* Constants.granuleBytes &- guardBytes) / bytes),
        cacheCapacity: UInt16(capacity),
        refillCount: UInt16(
          sizeClass.isMedium ? 1 : min(max(capacity / 2, 2), UInt(Batch.capacity))),
        slabSpan: UInt16(span), blocksPerPage: UInt16(ProcessFacts.systemPageBytes / bytes))
    }
  }

  /// Bytes of the pages that the blocks of a slab of one granule touch and do not fill.
  private static func leftOver(_ blockBytes: UInt) -> UInt {
    let filled = Constants.granuleBytes / blockBytes &* blockBytes
    return filled.roundedUp(to: Constants.pageBytes) &- filled
  }

  /// Slots that every class has in a thread cache.
  package static let maximumCacheCapacity = 128
}
