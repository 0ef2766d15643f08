import HakmemPlatform

/// A word for each granule of the address space while blocks are checked: what the slab layer noted
/// of the slab there. Laid out as the class map; looked up only where that knows a class.
package struct SlabMap {
  private static let entryBytes: UInt = 8
  private let base: UInt

  /// The map's place, for whoever cannot wait for a look at it each time.
  package static var shared: SlabMap { SlabMap(base: base) }

  private static var base: UInt {
    get { Memory.loadWord(at: PagesStorage.slabMap) }
    set { Memory.storeWord(newValue, at: PagesStorage.slabMap) }
  }

  /// Maps the map for the addresses that the class map covers. False when refused.
  package static func create() -> Bool {
    if base != 0 { return true }
    base = OwnAddresses.slabMap
    if cover(from: 0, upTo: ClassMap.coveredEnd) { return true }
    base = 0
    return false
  }

  /// Maps the entries from where the map ends, before the class map covers their addresses. Nothing
  /// to do while there is no map.
  static func cover(from old: UInt, upTo new: UInt) -> Bool {
    guard base != 0 else { return true }
    let start = base &+ old >> Constants.granuleShift &* entryBytes
    let byteCount = (new &- old) >> Constants.granuleShift &* entryBytes
    guard SystemCalls.mapNew(at: start, byteCount: byteCount, protection: .read) == .mapped else {
      return false
    }
    SystemCalls.nameMapping(start, byteCount, "hakmem slab map")
    SystemCalls.advise(start, byteCount, .dontDump)
    return true
  }

  /// Makes the entries of a range writable, where the class map becomes so. Nothing to do while
  /// there is no map.
  static func makeWritable(from start: UInt, byteCount: UInt) -> Bool {
    guard base != 0 else { return true }
    return SystemCalls.protect(
      base &+ start >> Constants.granuleShift &* entryBytes,
      byteCount >> Constants.granuleShift &* entryBytes, .readWrite)
  }

  @inline(__always)
  package func word(at address: UInt) -> UInt {
    Memory.loadWord(at: base &+ address >> Constants.granuleShift &* Self.entryBytes)
  }

  /// For a granule of a SuperSlab whose entries are writable.
  package static func set(_ word: UInt, at address: UInt) {
    guard base != 0 else { return }
    Memory.storeWord(word, at: base &+ address >> Constants.granuleShift &* entryBytes)
  }
}
