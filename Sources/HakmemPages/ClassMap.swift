import CHakmemShims
import HakmemPlatform
import Synchronization

/// Size class of every granule of the address space: two bytes for each 64 KiB, holding where in a
/// thread cache the bin lies for the slab that lies there, 0 where no slab lies. `free` begins here.
///
/// The map is read-only until a SuperSlab needs a chunk of it, so that it costs no commit charge. An
/// address beyond the last entry, which no block can have, has no class. An entry is written when a slab
/// is born or dies, by the one thread that holds the slab; whoever frees a block of the slab has
/// received it since.
///
/// Under a tight RLIMIT_AS the map covers a window of the address space, where all blocks lie then,
/// and what is near NULL; an address between the two faults as it is looked up.
package enum ClassMap {
  private static let entryShift: UInt = 1
  private static let fullEntries: UInt = 1 << (Constants.addressBits - Constants.granuleShift)
  /// Below this RLIMIT_AS the full map would take more than a quarter of it.
  private static let fullMapLimit: UInt = 16 << 30
  /// Larger than what a process with such a limit can map, with room to go round.
  private static let windowSpan: UInt = 1 << 38
  private static let windowEntries: UInt = windowSpan >> Constants.granuleShift
  private static let windowCandidates: UInt = 64
  /// Unit in which the full map becomes writable: for 4 GiB.
  private static let chunkEntries: UInt = 1 << 16

  struct State {
    var windowStart: UInt
    var windowBytes: UInt
  }
  private static var state: UnsafeMutablePointer<State> {
    Memory.pointer(at: PagesStorage.classMap)
  }

  /// Where the bin lies in a thread cache for the slab around any address; 0 where no slab lies, nil for
  /// addresses that no block can have.
  @inline(__always)
  package static func binOffset(of address: UInt) -> UInt? {
    let granule = address >> Constants.granuleShift
    guard granule <= hakmem_class_map_last() else { return nil }
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

  /// The addresses that blocks may have; all user addresses unless RLIMIT_AS is tight.
  package static var window: Range<UInt> {
    state.pointee.windowStart..<(state.pointee.windowStart &+ state.pointee.windowBytes)
  }
  package static var isFull: Bool { state.pointee.windowBytes == 1 << Constants.addressBits }

  /// The addresses of the map itself.
  package static var extent: Range<UInt> {
    let start = entry(of: window.lowerBound)
    return start..<(start &+ byteCount(of: state.pointee.windowBytes))
  }

  private static func entry(of address: UInt) -> UInt {
    hakmem_get_class_map() &+ byteCount(of: address)
  }
  /// Bytes of the entries for so many bytes of address space.
  private static func byteCount(of addresses: UInt) -> UInt {
    (addresses >> Constants.granuleShift) << entryShift
  }

  /// Whether an address may be looked up: the slow paths ask before they look a pointer up that
  /// did not pass `free`'s own lookup.
  package static func covers(_ address: UInt) -> Bool { window.contains(address) }

  /// Maps pages at addresses that may be looked up; nil when refused. For what is mapped once, at
  /// start: under a window they take the end of it, where no block lies yet.
  package static func mapCovered(byteCount: UInt) -> UInt? {
    if isFull { return SystemCalls.map(byteCount: byteCount, protection: .readWrite) }
    let start = window.upperBound &- byteCount.roundedUp(to: Constants.superSlabBytes)
    let placement = SystemCalls.mapNew(at: start, byteCount: byteCount, protection: .readWrite)
    return placement == .mapped ? start : nil
  }

  package static func create() -> Bool {
    if state.pointee.windowBytes != 0 { return true }
    if ProcessFacts.addressSpaceLimit >= fullMapLimit, createFull() { return true }
    return createWindow()
  }

  private static func createFull() -> Bool {
    let bytes = fullEntries << entryShift
    guard let start = SystemCalls.map(byteCount: bytes, protection: .read) else { return false }
    SystemCalls.nameMapping(start, bytes, "hakmem class map")
    state.pointee.windowBytes = 1 << Constants.addressBits
    hakmem_set_class_map(start, fullEntries &- 1)
    return true
  }

  /// Maps the window's entries, and where entry 0 falls then zeroes for NULL and what is near it.
  private static func createWindow() -> Bool {
    let bytes = windowEntries << entryShift
    guard let entries = SystemCalls.map(byteCount: bytes, protection: .readWrite) else {
      return false
    }
    for candidate in 1...windowCandidates {
      // From 16 TiB up, far below where the kernel maps on its own.
      let start: UInt = 1 << 44 &+ candidate &* windowSpan
      let base = entries &- byteCount(of: start)
      let page = ProcessFacts.systemPageBytes
      let nullPage = base.roundedDown(to: page)
      guard SystemCalls.mapNew(at: nullPage, byteCount: 2 &* page, protection: .read) == .mapped
      else { continue }
      SystemCalls.nameMapping(entries, bytes, "hakmem class map")
      state.pointee.windowStart = start
      state.pointee.windowBytes = windowSpan
      hakmem_set_class_map(base, ((start &+ windowSpan) >> Constants.granuleShift) &- 1)
      return true
    }
    SystemCalls.unmap(entries, bytes)
    return false
  }

  /// Makes the entries of a SuperSlab writable. False when memory is exhausted.
  static func makeWritable(for superSlab: UInt) -> Bool {
    guard isFull else { return covers(superSlab) }
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

  static let chunkWordBytes: UInt = fullEntries / chunkEntries / 8
  /// One bit for each chunk of the full map.
  private static var chunkWords: UInt {
    UInt(bitPattern: hakmem_span_root_storage()) &+ SuperSlabRegistry.rootBytes
  }
}
