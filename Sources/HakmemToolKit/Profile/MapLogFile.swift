import Foundation

/// The log that the library writes about its address space: the Swift side of `MapLog`.
struct MapLogFile {
  enum Event: UInt8 {
    case superSlab = 1
    case slab, large, unmapped, metadata, classMap, purged, thread, began, ends, moved, populated
  }

  struct Entry {
    var time: UInt64
    var event: Event
    var start: UInt64
    var byteCount: UInt64
    /// A size class, or what a SuperSlab is used for.
    var number: UInt8

    /// Of `populated`: the pages, and the faults that the kernel charged for them.
    var filled: (pages: Int, faults: Int) {
      (Int(byteCount >> 24), Int(byteCount & 0xff_ffff))
    }
  }

  let process: Int32
  let entries: [Entry]
  /// Entries that found no room.
  let dropped: Int

  private static let magic: UInt64 = 0x3150_414d_4d4b_4148
  private static let headerBytes = 64
  private static let entryBytes = 24
  /// Beyond what any process can map.
  private static let addressLimit: UInt64 = 1 << 57
  /// More than the library fills with one system call.
  private static let mostPagesFilled = 1 << 15

  /// - Returns: nil when the file is no map log, or was never begun.
  init?(path: String) {
    guard let bytes = TextFile.bytes(path), bytes.count >= MapLogFile.headerBytes else {
      return nil
    }
    func word(_ offset: Int) -> UInt64 {
      bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self) }
    }
    guard word(0) == MapLogFile.magic else { return nil }
    process = Int32(truncatingIfNeeded: word(24))
    let room = (bytes.count - MapLogFile.headerBytes) / MapLogFile.entryBytes
    let count = Int(clamping: word(8))
    dropped = max(0, count - room)
    var entries: [Entry] = []
    for index in 0..<min(count, room) {
      let offset = MapLogFile.headerBytes + index * MapLogFile.entryBytes
      let packed = word(offset + 16)
      let time = word(offset)
      // The profiled program may have written there by mistake.
      guard time != 0, word(offset + 8) < MapLogFile.addressLimit,
        let event = Event(rawValue: UInt8(truncatingIfNeeded: packed))
      else {
        continue
      }
      let entry = Entry(
        time: time, event: event, start: word(offset + 8), byteCount: packed >> 16,
        number: UInt8(truncatingIfNeeded: packed >> 8))
      guard event != .populated || entry.filled.pages <= MapLogFile.mostPagesFilled else {
        continue
      }
      entries.append(entry)
    }
    self.entries = entries
  }
}
