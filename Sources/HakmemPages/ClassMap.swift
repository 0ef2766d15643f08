import CHakmemShims
import HakmemPlatform
import Synchronization

/// Size class of every granule of the address space: one byte for each 64 KiB, holding twice the
/// class of the slab that lies there, 0 where no slab lies. `free` begins here.
///
/// The map is read-only until a SuperSlab needs a chunk of it, so that it costs no commit charge
/// and any pointer may be looked up. An entry is written when a slab is born or dies, by the one
/// thread that holds the slab; whoever frees a block of the slab has received it since.
///
/// Under a tight RLIMIT_AS the map is smaller and its index is masked: then the pool refuses
/// SuperSlabs whose entries would collide, and a foreign pointer may be taken for a block.
package enum ClassMap {
  private static let fullBytes: UInt = 1 << (Constants.addressBits - Constants.granuleShift)
  /// 64 GiB of address space: more than a process with such a limit can have.
  private static let smallBytes: UInt = 1 << 20
  /// Below this RLIMIT_AS the full map would take too much of it.
  private static let fullMapLimit: UInt = 1 << 36
  /// Unit in which the map becomes writable: entries for 4 GiB.
  private static let chunkBytes: UInt = 1 << 16

  @inline(__always)
  package static func doubledClass(of address: UInt) -> UInt {
    hakmem_class_map_entry(address >> Constants.granuleShift)
  }

  package static var isFull: Bool { hakmem_get_class_map_mask() == fullBytes &- 1 }

  package static func create() -> Bool {
    guard hakmem_get_class_map_mask() == 0 else { return true }
    if ProcessFacts.addressSpaceLimit >= fullMapLimit,
      let base = SystemCalls.map(byteCount: fullBytes, protection: .read)
    {
      SystemCalls.nameMapping(base, fullBytes, "hakmem class map")
      hakmem_set_class_map(base, fullBytes &- 1)
      return true
    }
    guard let base = SystemCalls.map(byteCount: smallBytes, protection: .readWrite) else {
      return false
    }
    SystemCalls.nameMapping(base, smallBytes, "hakmem class map")
    hakmem_set_class_map(base, smallBytes &- 1)
    return true
  }

  /// Makes the entries of a SuperSlab writable. False when memory is exhausted.
  static func makeWritable(for superSlab: UInt) -> Bool {
    guard isFull else { return isDistinct(superSlab) }
    let chunk = superSlab >> Constants.granuleShift / chunkBytes
    let word: UnsafeMutablePointer<Atomic<UInt64>> = Memory.pointer(
      at: chunkWords &+ chunk / 64 &* 8)
    let bit: UInt64 = 1 << UInt64(chunk % 64)
    if word.pointee.load(ordering: .relaxed) & bit != 0 { return true }
    let start = hakmem_get_class_map() &+ chunk &* chunkBytes
    guard SystemCalls.protect(start, chunkBytes, .readWrite) else { return false }
    SystemCalls.nameMapping(start, chunkBytes, "hakmem class map")
    _ = word.pointee.bitwiseOr(bit, ordering: .relaxed)
    return true
  }

  /// Writes the entry of the granule at `address`, whose SuperSlab was made writable.
  package static func set(_ doubledClass: UInt, at address: UInt) {
    let granule = (address >> Constants.granuleShift) & hakmem_get_class_map_mask()
    let entry: UnsafeMutablePointer<UInt8> = Memory.pointer(
      at: hakmem_get_class_map() &+ granule)
    entry.pointee = UInt8(truncatingIfNeeded: doubledClass)
  }

  /// In a masked map, whether no other SuperSlab and not the null page uses the same entries: the
  /// pool draws them all from one stretch that is no longer than the map reaches.
  private static func isDistinct(_ superSlab: UInt) -> Bool {
    let reach = (hakmem_get_class_map_mask() &+ 1) << Constants.granuleShift
    if superSlab & (reach &- 1) == 0 { return false }
    let first: UnsafeMutablePointer<UInt> = Memory.pointer(at: PagesStorage.classMap)
    if first.pointee == 0 { first.pointee = superSlab }
    let distance = superSlab > first.pointee ? superSlab - first.pointee : first.pointee - superSlab
    return distance < reach / 2
  }

  /// One bit for each chunk of the full map.
  private static var chunkWords: UInt {
    UInt(bitPattern: hakmem_span_root_storage()) &+ SuperSlabRegistry.rootBytes
  }
}
