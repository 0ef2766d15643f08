/// The heap at one moment of a program's life, small enough to keep many of them.
package struct HeapFrame: Codable, Equatable, Sendable {
  package struct SuperSlab: Codable, Equatable, Sendable {
    /// Hexadecimal, as long as that of every other.
    package var start: String
    /// Bytes.
    package var resident: Int
    package var huge: Int
    package var live: Int
    /// For each granule of 64 KiB the block size of the slab there; −1: page runs, 0: neither.
    package var sizes: [Int]
    /// For each granule the part of it that is live, in percent.
    package var occupancy: [Int]
  }

  /// A block above 1 MiB, or what was kept of one.
  package struct Large: Codable, Equatable, Sendable {
    package var start: String
    package var bytes: Int
    package var resident: Int
    package var huge: Int
    package var isLive: Bool
  }

  /// Since the program's start.
  package var seconds: Double
  /// Bytes of the whole process.
  package var resident: Int
  package var superSlabs: [SuperSlab]
  package var large: [Large]

  init(_ found: Inspection, seconds: Double) {
    self.seconds = seconds
    resident = found.ledger.resident
    superSlabs = found.map.superSlabs.map { picture in
      SuperSlab(
        start: HeapFrame.hexadecimal(picture.start), resident: picture.resident,
        huge: picture.huge, live: picture.live,
        sizes: picture.cells.map { $0.isRun ? -1 : $0.blockSize },
        occupancy: picture.cells.map { 100 * $0.live / SuperSlabPicture.granuleBytes })
    }
    large = found.map.large.map {
      Large(
        start: HeapFrame.hexadecimal($0.start), bytes: $0.bytes, resident: $0.resident,
        huge: $0.huge, isLive: $0.isLive)
    }
  }

  var rows: Int { superSlabs.count + large.count }

  private static func hexadecimal(_ address: UInt) -> String {
    let digits = String(address, radix: 16)
    return String(repeating: "0", count: max(0, 12 - digits.count)) + digits
  }
}
