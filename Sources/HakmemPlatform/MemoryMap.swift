/// The process's mappings as the kernel lists them, for reports: read once, into pages of their own.
package struct MemoryMap {
  private static let capacity: UInt = 1 << 20
  private let text: UInt
  private let count: Int

  package init() {
    text = SystemCalls.map(byteCount: Self.capacity, protection: .readWrite) ?? 0
    count =
      text == 0
      ? 0
      : SystemCalls.readFile(
        "/proc/self/maps", into: Memory.pointer(at: text), capacity: Int(Self.capacity) - 1)
  }

  package func release() { if text != 0 { SystemCalls.unmap(text, Self.capacity) } }

  /// Appends the name of what is mapped around an address, and the address's place in the file:
  /// «/usr/bin/true+0x1234», «[stack]».
  package func describe(_ address: UInt, to result: inout Text) {
    guard let line = line(around: address) else { return result.append("nothing mapped") }
    Self.describe(address &- line.start, bytes, line.index, line.end, to: &result)
  }

  /// Whether an address may hold code.
  package func isExecutable(_ address: UInt) -> Bool {
    guard let line = line(around: address) else { return false }
    return bytes[line.index + 3] == UInt8(ascii: "x")
  }

  private var bytes: UnsafePointer<UInt8> {
    UnsafePointer(Memory.pointer(at: text, to: UInt8.self))
  }

  /// The mapping around an address: its start, and where its line goes on and ends.
  private func line(around address: UInt) -> (start: UInt, index: Int, end: Int)? {
    var index = 0
    while index < count {
      var next = index
      while next < count, bytes[next] != UInt8(ascii: "\n") { next += 1 }
      let start = Self.hex(bytes, &index)
      index += 1
      let end = Self.hex(bytes, &index)
      if address &- start < end &- start, end > start { return (start, index, next) }
      index = next + 1
    }
    return nil
  }

  /// Of a line the rest from `index` on: « r-xp 00001000 08:01 123    /path».
  private static func describe(
    _ offset: UInt, _ bytes: UnsafePointer<UInt8>, _ index: Int, _ end: Int,
    to result: inout Text
  ) {
    var index = index + 6
    let fileOffset = hex(bytes, &index)
    // The device and the inode.
    for _ in 0..<2 {
      index += 1
      while index < end, bytes[index] != 32 { index += 1 }
    }
    while index < end, bytes[index] == 32 { index += 1 }
    guard index < end else { return result.append("an anonymous mapping") }
    let isFile = bytes[index] == UInt8(ascii: "/")
    while index < end {
      result.append(byte: bytes[index])
      index += 1
    }
    guard isFile else { return }
    result.append("+")
    result.append(hex: offset &+ fileOffset)
  }

  private static func hex(_ bytes: UnsafePointer<UInt8>, _ index: inout Int) -> UInt {
    var value: UInt = 0
    while true {
      let byte = UInt(bytes[index])
      if byte &- 48 < 10 {
        value = value << 4 | (byte &- 48)
      } else if byte &- 97 < 6 {
        value = value << 4 | (byte &- 87)
      } else {
        return value
      }
      index += 1
    }
  }
}
