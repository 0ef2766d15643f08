import CHakmemShims
import HakmemPlatform
import Synchronization

/// Size class of every granule of the address space: two bytes for each 64 KiB, holding where in a
/// thread cache the bin lies for the slab that lies there, 0 where no slab lies. `free` begins here.
///
/// The map is read-only until a SuperSlab needs a chunk of it, so that it costs no commit charge. An
/// address beyond the last entry, where no SuperSlab lies, has no class; the map grows when they come
/// to lie there. An entry is written when a slab is born or dies, by the one thread that holds the slab;
/// whoever frees a block of the slab has received it since.
package enum ClassMap {
  private static let entryShift: UInt = 1
  /// Unit in which the map becomes writable: for 4 GiB.
  private static let chunkEntries: UInt = 1 << 16

  /// Where the bin lies in a thread cache for the slab around any address; 0 where no slab lies, nil for
  /// addresses that no block can have.
  @inline(__always)
  package static func binOffset(of address: UInt) -> UInt? {
    let granule = address >> Constants.granuleShift
    guard _fastPath(granule <= hakmem_class_map_last()) else { return nil }
    return hakmem_class_map_entry(granule)
  }

  /// Twice the class of the slab around any address, 0 where no slab lies.
  @inline(__always)
  package static func doubledClass(of address: UInt) -> UInt {
    (binOffset(of: address) ?? 0) >> offsetShift
  }

  /// Where the bin of a class lies in a thread cache: bins are two words each.
  @inline(__always)
  package static func binOffset(ofDoubledClass doubledClass: UInt) -> UInt {
    doubledClass << offsetShift
  }
  private static let offsetShift: UInt = 3

  /// Where the addresses end that the map covers; 0 before it exists.
  package static var coveredEnd: UInt {
    get { Memory.loadWord(at: PagesStorage.classMap) }
    set { Memory.storeWord(newValue, at: PagesStorage.classMap) }
  }

  /// The addresses of the map itself.
  package static var extent: Range<UInt> {
    let start = hakmem_get_class_map()
    return start..<(start &+ byteCount(of: coveredEnd))
  }

  private static func entry(of address: UInt) -> UInt {
    hakmem_get_class_map() &+ byteCount(of: address)
  }
  /// Bytes of the entries for so many bytes of address space.
  private static func byteCount(of addresses: UInt) -> UInt {
    (addresses >> Constants.granuleShift) << entryShift
  }

  /// Chooses where the library's memory lies: where the map finds room. False when refused.
  package static func create() -> Bool {
    if coveredEnd != 0 { return true }
    for attempt in 0..<OwnAddresses.mostAttempts {
      OwnAddresses.choose(attempt: attempt)
      if cover(from: 0, upTo: OwnAddresses.coveredFirst) { return true }
    }
    return false
  }

  /// Maps the entries from where the map ends. False when they are refused or something lies there.
  private static func cover(from old: UInt, upTo new: UInt) -> Bool {
    let map = OwnAddresses.classMap
    let start = map &+ byteCount(of: old)
    let bytes = byteCount(of: new &- old)
    guard SystemCalls.mapNew(at: start, byteCount: bytes, protection: .read) == .mapped else {
      return false
    }
    guard SlabMap.cover(from: old, upTo: new) else {
      SystemCalls.unmap(start, bytes)
      return false
    }
    SystemCalls.nameMapping(start, bytes, "hakmem class map")
    coveredEnd = new
    hakmem_set_class_map(map, new >> Constants.granuleShift &- 1)
    return true
  }

  /// Makes the entries of a SuperSlab writable. False when memory is exhausted. The caller holds the
  /// lock of the address space.
  static func makeWritable(for superSlab: UInt) -> Bool {
    while superSlab >= coveredEnd {
      guard cover(from: coveredEnd, upTo: 2 &* coveredEnd) else { return false }
    }
    let chunk = superSlab >> Constants.granuleShift / chunkEntries
    let word: UnsafeMutablePointer<Atomic<UInt64>> = Memory.pointer(
      at: chunkWords &+ chunk / 64 &* 8)
    let bit: UInt64 = 1 << UInt64(chunk % 64)
    if word.pointee.load(ordering: .relaxed) & bit != 0 { return true }
    let chunkSpan = chunkEntries << Constants.granuleShift
    let start = entry(of: chunk &* chunkSpan)
    let bytes = byteCount(of: chunkSpan)
    guard SlabMap.makeWritable(from: chunk &* chunkSpan, byteCount: chunkSpan),
      SystemCalls.protect(start, bytes, .readWrite)
    else { return false }
    SystemCalls.nameMapping(start, bytes, "hakmem class map")
    _ = word.pointee.bitwiseOr(bit, ordering: .relaxed)
    return true
  }

  /// Writes the entry of the granule at `address`, whose SuperSlab was made writable.
  package static func set(_ doubledClass: UInt, at address: UInt) {
    let entry: UnsafeMutablePointer<UInt16> = Memory.pointer(at: entry(of: address))
    entry.pointee = UInt16(truncatingIfNeeded: binOffset(ofDoubledClass: doubledClass))
  }

  static let chunkWordBytes: UInt =
    1 << (Constants.addressBits - Constants.granuleShift) / chunkEntries / 8
  /// One bit for each chunk that the map may come to have.
  private static var chunkWords: UInt {
    UInt(bitPattern: hakmem_span_root_storage()) &+ SuperSlabRegistry.rootBytes
  }
}
