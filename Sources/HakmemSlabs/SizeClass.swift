import CHakmemShims
import HakmemPlatform

/// A size class: 1 … 72, or 0 for none. Block sizes go in steps of 16 to 128, then in 8 steps a
/// doubling to 32 KiB: at most an eighth of a block is rounding.
///
/// The class map and the thread cache hold twice the class (`doubled`), which is the class's offset
/// in words among bins of two words.
package struct SizeClass: Equatable {
  package let doubled: UInt
  @inline(__always)
  package init(doubled: UInt) { self.doubled = doubled }
  @inline(__always)
  package init(_ number: Int) { doubled = UInt(number) &* 2 }

  package var number: Int { Int(doubled / 2) }
  package static let none = SizeClass(doubled: 0)
  package static let count = 73
  package static let maximumBytes: UInt = 32 << 10
  /// Largest size whose class the fast path looks up.
  package static let fastMaximumBytes: UInt = 4096

  /// What the slow paths need to know of a class, computed once at start.
  struct Facts {
    var blockBytes: UInt32
    /// ⌈2³² / blockBytes⌉: (offset × reciprocal) >> 32 is exact for offsets inside a granule.
    var reciprocal: UInt32
    var blocksPerSlab: UInt32
    /// Most blocks that a thread caches.
    var cacheCapacity: UInt16
    /// Blocks moved at once between slabs and a thread cache.
    var refillCount: UInt16
  }

  private var facts: UnsafeMutablePointer<Facts> {
    Memory.pointer(at: SlabsStorage.facts &+ doubled &* UInt(MemoryLayout<Facts>.stride) / 2)
  }
  package var blockBytes: UInt { UInt(facts.pointee.blockBytes) }
  package var blocksPerSlab: Int { Int(facts.pointee.blocksPerSlab) }
  package var cacheCapacity: Int { Int(facts.pointee.cacheCapacity) }
  package var refillCount: Int { Int(facts.pointee.refillCount) }
  var reciprocal: UInt { UInt(facts.pointee.reciprocal) }

  /// The class that serves `byteCount`, which is at most `maximumBytes`.
  package static func serving(_ byteCount: UInt) -> SizeClass {
    if byteCount <= 128 { return SizeClass(doubled: max(byteCount &+ 15, 16) / 16 &* 2) }
    // byteCount lies in (2ˡᵒᵍ, 2ˡᵒᵍ⁺¹].
    let log = UInt(UInt.bitWidth - 1 - (byteCount &- 1).leadingZeroBitCount)
    let step = ((byteCount &- 1) >> (log &- 3)) & 7
    return SizeClass(doubled: (8 &+ (log &- 7) &* 8 &+ step &+ 1) &* 2)
  }

  /// The smallest class for `byteCount` whose blocks all lie at multiples of `alignment`; `none`
  /// when no class has such.
  package static func serving(_ byteCount: UInt, alignment: UInt) -> SizeClass {
    guard byteCount <= maximumBytes, alignment <= maximumBytes else { return .none }
    var number = serving(max(byteCount, alignment)).number
    while number < count {
      let sizeClass = SizeClass(number)
      if sizeClass.blockBytes & (alignment &- 1) == 0 { return sizeClass }
      number += 1
    }
    return .none
  }

  /// Block size of a class by its number, from the rule.
  private static func blockBytes(_ number: UInt) -> UInt {
    if number <= 8 { return number &* 16 }
    let step = number &- 9
    return (128 << (step / 8)) &+ (16 << (step / 8)) &* (step % 8 &+ 1)
  }

  /// Fills the table. Runs once, before any other use.
  package static func learn() {
    let cacheBytes = Option.cacheBytes.value << 10
    for number in 1..<UInt(count) {
      let bytes = blockBytes(number)
      let sizeClass = SizeClass(doubled: number &* 2)
      let capacity = min(max(cacheBytes / bytes, 4), UInt(maximumCacheCapacity))
      sizeClass.facts.pointee = Facts(
        blockBytes: UInt32(bytes),
        reciprocal: UInt32(((1 << 32) &+ bytes &- 1) / bytes),
        blocksPerSlab: UInt32(Constants.granuleBytes / bytes),
        cacheCapacity: UInt16(capacity),
        refillCount: UInt16(min(max(capacity / 2, 2), UInt(Batch.capacity))))
    }
  }

  /// Slots that every class has in a thread cache.
  package static let maximumCacheCapacity = 128
}
