/// Reads numbers and strings out of a file's bytes. Every read outside of them gives nil, so that
/// a truncated or malicious file can do no more than end the reading.
struct ByteReader {
  let bytes: [UInt8]
  var isBigEndian = false

  /// An unsigned number of `width` bytes (1, 2, 4 or 8) at `offset`.
  func number(at offset: UInt64, width: Int) -> UInt64? {
    guard let start = Int(exactly: offset), start <= bytes.count, bytes.count - start >= width
    else { return nil }
    var value: UInt64 = 0
    for index in 0..<width {
      let byte = UInt64(bytes[start + index])
      value = isBigEndian ? value << 8 | byte : value | byte << UInt64(8 * index)
    }
    return value
  }

  /// The NUL-terminated string at `offset`; nil when it has no end.
  func string(at offset: UInt64) -> String? {
    guard let start = Int(exactly: offset), start < bytes.count,
      let end = bytes[start...].firstIndex(of: 0)
    else { return nil }
    return String(decoding: bytes[start..<end], as: UTF8.self)
  }
}
