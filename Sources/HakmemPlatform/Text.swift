import CHakmemShims

/// Text in a buffer of the caller's, for messages and JSON: never allocates. What does not fit is
/// counted and dropped, as in snprintf(3).
package struct Text: ~Copyable {
  private let buffer: UnsafeMutablePointer<UInt8>
  private let capacity: Int
  package private(set) var count = 0

  package init(_ buffer: UnsafeMutablePointer<UInt8>, capacity: Int) {
    self.buffer = buffer
    self.capacity = capacity
  }

  /// Builds a message of up to 1 KiB on the stack and writes it to stderr with one system call.
  package static func message(_ build: (inout Text) -> Void) {
    let capacity = 1024
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: capacity) { bytes in
      var text = Text(bytes.baseAddress.unsafelyUnwrapped, capacity: capacity)
      build(&text)
      SystemCalls.writeAll(
        to: 2, UnsafePointer(bytes.baseAddress.unsafelyUnwrapped), min(text.count, capacity))
    }
  }

  package mutating func append(byte: UInt8) {
    if count < capacity { buffer[count] = byte }
    count += 1
  }

  package mutating func append(_ string: StaticString) {
    for index in 0..<string.utf8CodeUnitCount { append(byte: string.utf8Start[index]) }
  }

  /// Appends a C string, at most `limit` bytes of it.
  package mutating func append(cString: UnsafePointer<UInt8>, limit: Int = .max) {
    var index = 0
    while index < limit, cString[index] != 0 {
      append(byte: cString[index])
      index += 1
    }
  }

  package mutating func append(_ number: UInt) {
    if number >= 10 { append(number / 10) }
    append(byte: UInt8(truncatingIfNeeded: 48 &+ number % 10))
  }

  package mutating func append(hex number: UInt) {
    append("0x")
    var shift = max(0, (UInt.bitWidth - number.leadingZeroBitCount + 3) / 4 * 4 - 4)
    while shift >= 0 {
      let digit = UInt8(truncatingIfNeeded: (number >> UInt(shift)) & 15)
      append(byte: UInt8(digit < 10 ? 48 &+ digit : 87 &+ digit))
      shift -= 4
    }
  }

  /// Appends a size in the largest binary unit that keeps three digits: «96 KiB».
  package mutating func append(bytes: UInt) {
    if bytes < 10 << 10 {
      append(bytes)
      append(" B")
    } else if bytes < 10 << 20 {
      append(bytes >> 10)
      append(" KiB")
    } else {
      append(bytes >> 20)
      append(" MiB")
    }
  }

  /// Appends spaces up to `column`, counted from `start`.
  package mutating func pad(to column: Int, from start: Int) {
    while count - start < column { append(byte: 32) }
  }

  /// Ends the text with a NUL inside the capacity.
  package func terminate() {
    if capacity > 0 { buffer[min(count, capacity - 1)] = 0 }
  }
}
