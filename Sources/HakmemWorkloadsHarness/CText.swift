/// Text that C owns: a pointer to bytes and their count, never freed here.
package struct CText {
  package let bytes: UnsafePointer<CChar>
  package let count: Int

  package init(bytes: UnsafePointer<CChar>, count: Int) {
    self.bytes = bytes
    self.count = count
  }

  /// A string that ends with a zero byte.
  package init(cString bytes: UnsafePointer<CChar>) {
    var length = 0
    while bytes[length] != 0 { length += 1 }
    self.init(bytes: bytes, count: length)
  }

  package init(_ text: StaticString) {
    self.init(
      bytes: UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self),
      count: text.utf8CodeUnitCount)
  }

  /// A number that is not negative as decimal text that ends with a zero byte, in `buffer`, which
  /// must have room for 24 bytes and outlive the text.
  package init(writing number: Int, to buffer: UnsafeMutableRawBufferPointer) {
    var rest = number
    var start = 23
    buffer[start] = 0
    repeat {
      start -= 1
      buffer[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    } while rest > 0
    let bytes = buffer.baseAddress.unsafelyUnwrapped + start
    self.init(bytes: UnsafePointer(bytes.assumingMemoryBound(to: CChar.self)), count: 23 - start)
  }

  /// For C functions that take `char *` and do not write.
  package var mutableBytes: UnsafeMutablePointer<CChar> { UnsafeMutablePointer(mutating: bytes) }

  package subscript(index: Int) -> UInt8 { UInt8(bitPattern: bytes[index]) }

  package static func == (left: CText, right: StaticString) -> Bool {
    left.count == right.utf8CodeUnitCount && left.hasPrefix(right)
  }

  package static func == (left: CText, right: CText) -> Bool {
    guard left.count == right.count else { return false }
    for index in 0..<left.count where left.bytes[index] != right.bytes[index] { return false }
    return true
  }

  package func hasPrefix(_ prefix: StaticString) -> Bool {
    let length = prefix.utf8CodeUnitCount
    guard count >= length else { return false }
    for index in 0..<length where self[index] != prefix.utf8Start[index] { return false }
    return true
  }

  package func contains(_ part: CText) -> Bool {
    var rest = self
    while rest.count >= part.count {
      if rest.prefix(part.count) == part { return true }
      rest = rest.dropFirst(1)
    }
    return false
  }

  /// The number that follows the first occurrence of a text: a whole one, or a decimal fraction
  /// with at most nine decimals, times 10⁹.
  package func number(after key: StaticString, billionths: Bool = false) -> Int? {
    var rest = self
    while rest.count > key.utf8CodeUnitCount {
      if rest.hasPrefix(key) {
        rest = rest.dropFirst(key.utf8CodeUnitCount)
        var length = 0
        while length < rest.count, rest[length] == 46 || (48...57).contains(rest[length]) {
          length += 1
        }
        return billionths ? rest.prefix(length).billionths : rest.prefix(length).decimal
      }
      rest = rest.dropFirst(1)
    }
    return nil
  }

  package func dropFirst(_ length: Int) -> CText {
    CText(bytes: bytes + length, count: count - length)
  }

  package func prefix(_ length: Int) -> CText { CText(bytes: bytes, count: length) }

  /// Position of the first such byte.
  package func firstIndex(of byte: UInt8) -> Int? {
    for index in 0..<count where self[index] == byte { return index }
    return nil
  }

  /// The part after the last slash.
  package var lastPathComponent: CText {
    var rest = self
    while let slash = rest.firstIndex(of: UInt8(ascii: "/")) { rest = rest.dropFirst(slash + 1) }
    return rest
  }

  /// The whole text as a decimal number, or nil when it is anything else or does not fit.
  package var decimal: Int? {
    guard count > 0 else { return nil }
    var value = 0
    for index in 0..<count {
      let digit = Int(self[index]) - 48
      guard (0...9).contains(digit) else { return nil }
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(digit)
      if overflow || carry { return nil }
      value = sum
    }
    return value
  }

  /// The whole text as a decimal fraction with at most nine decimals, times 10⁹.
  package var billionths: Int? {
    let point = firstIndex(of: UInt8(ascii: "."))
    guard let whole = prefix(point ?? count).decimal else { return nil }
    var value = 0
    if let point {
      let decimals = dropFirst(point + 1)
      guard decimals.count <= 9, let part = decimals.decimal else { return nil }
      value = part
      for _ in decimals.count..<9 { value *= 10 }
    }
    let (product, overflow) = whole.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, carry) = product.addingReportingOverflow(value)
    return overflow || carry ? nil : sum
  }
}
