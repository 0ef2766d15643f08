import CHakmemShims
import HakmemPlatform
import Synchronization

/// From any address to the record of the 2 MiB of address space around it: a two-level table,
/// safe for a pointer that is not ours. Slow paths only.
package enum SuperSlabRegistry {
  private static let leafBits: UInt = 13
  private static let rootCount: UInt =
    1
    << (Constants.addressBits - Constants.superSlabShift - leafBits)
  static let rootBytes: UInt = rootCount &* 8
  private static let leafBytes: UInt = 8 << leafBits

  /// Address of the record, 0 where there is none.
  @inline(__always)
  package static func record(at address: UInt) -> UInt {
    let number = address >> Constants.superSlabShift
    guard number >> leafBits < rootCount else { return 0 }
    // Acquires the leaf's zeroes and the record's fields.
    let leaf = rootEntry(number).pointee.load(ordering: .acquiring)
    guard leaf != 0 else { return 0 }
    return leafEntry(leaf, number).pointee.load(ordering: .acquiring)
  }

  /// Enters `record`, or 0 to take it out. False when memory for the table is exhausted.
  package static func set(_ record: UInt, at address: UInt) -> Bool {
    guard let entry = entry(at: address) else { return false }
    entry.pointee.store(record, ordering: .releasing)
    return true
  }

  /// As `set`, but false also where something else is entered.
  static func enter(_ record: UInt, at address: UInt) -> Bool {
    guard let entry = entry(at: address) else { return false }
    return entry.pointee.compareExchange(
      expected: 0, desired: record, successOrdering: .releasing, failureOrdering: .relaxed
    ).exchanged
  }

  /// Nil without memory for the table.
  private static func entry(at address: UInt) -> UnsafeMutablePointer<Atomic<UInt>>? {
    let number = address >> Constants.superSlabShift
    guard number >> leafBits < rootCount else { return nil }
    var leaf = rootEntry(number).pointee.load(ordering: .acquiring)
    if leaf == 0 {
      let fresh = MetadataRegion.allocate(leafBytes, alignment: Constants.pageBytes)
      guard fresh != 0 else { return nil }
      let (won, seen) = rootEntry(number).pointee.compareExchange(
        expected: 0, desired: fresh, successOrdering: .releasing, failureOrdering: .acquiring)
      leaf = won ? fresh : seen
    }
    return leafEntry(leaf, number)
  }

  @inline(__always)
  private static func rootEntry(_ number: UInt) -> UnsafeMutablePointer<Atomic<UInt>> {
    Memory.pointer(at: UInt(bitPattern: hakmem_span_root_storage()) &+ (number >> leafBits) &* 8)
  }

  @inline(__always)
  private static func leafEntry(
    _ leaf: UInt, _ number: UInt
  ) -> UnsafeMutablePointer<Atomic<UInt>> {
    Memory.pointer(at: leaf &+ (number & ((1 << leafBits) &- 1)) &* 8)
  }
}

/// What a record in the registry describes; stands at the same offset in each.
package enum SpanKind: UInt8 {
  case unused = 0
  case slabs = 1
  case pageRuns = 2
  case large = 3

  @inline(__always)
  package static func of(record: UInt) -> SpanKind {
    guard record != 0 else { return .unused }
    let word: UnsafeMutablePointer<Atomic<UInt8>> = Memory.pointer(at: record &+ 8)
    return SpanKind(rawValue: word.pointee.load(ordering: .acquiring)) ?? .unused
  }
}

extension SuperSlabRegistry {
  /// Calls `body` for every record, in the order of addresses.
  package static func forEachRecord(_ body: (UInt) -> Void) {
    let leafEntries: UInt = 1 << leafBits
    for root in 0..<rootCount {
      let leaf = rootEntry(root << leafBits).pointee.load(ordering: .acquiring)
      guard leaf != 0 else { continue }
      for entry in 0..<leafEntries {
        let record = leafEntry(leaf, entry).pointee.load(ordering: .acquiring)
        if record != 0 { body(record) }
      }
    }
  }
}
