/// One mapping of a process, from /proc/PID/smaps or /proc/PID/maps.
package struct MemoryArea: Equatable, Sendable {
  package var addresses: Range<UInt>
  /// "rw-p".
  package var permissions: String
  /// The file, "[heap]", "[anon:…]" or empty.
  package var name: String
  package var fileOffset: UInt
  /// Bytes; 0 from /proc/PID/maps.
  package var resident = 0
  package var lazilyFreed = 0
  package var hugePages = 0
  package var swapped = 0

  /// Reads the text of either file.
  package static func parse(_ text: String) -> [MemoryArea] {
    var areas: [MemoryArea] = []
    for line in text.split(separator: "\n") {
      if let area = MemoryArea(line: line) {
        areas.append(area)
      } else if !areas.isEmpty {
        areas[areas.count - 1].take(line)
      }
    }
    return areas
  }

  /// A mapping's own line: "7f00-7f10 r-xp 00000000 08:01 42   /lib/libc.so.6".
  private init?(line: Substring) {
    let fields = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
    guard fields.count >= 5, fields[1].count == 4 else { return nil }
    let ends = fields[0].split(separator: "-").map { UInt($0, radix: 16) }
    guard ends.count == 2, let start = ends[0], let end = ends[1], start < end,
      let offset = UInt(fields[2], radix: 16)
    else { return nil }
    addresses = start..<end
    permissions = String(fields[1])
    fileOffset = offset
    name = fields.count == 6 ? String(fields[5].drop { $0 == " " }) : ""
  }

  /// A line of smaps below it: "Rss:       4 kB".
  private mutating func take(_ line: Substring) {
    let fields = line.split(separator: " ", omittingEmptySubsequences: true)
    guard fields.count == 3, let number = Int(fields[1]) else { return }
    switch fields[0] {
    case "Rss:": resident = number << 10
    case "LazyFree:": lazilyFreed = number << 10
    case "AnonHugePages:": hugePages = number << 10
    case "Swap:": swapped = number << 10
    default: break
    }
  }
}
