import HakmemWorkloadsSystem

/// Text in mapped memory, written to a file descriptor when it is full or flushed.
package struct TextBuffer {
  private static let capacity = 1 << 16
  private let bytes: UnsafeMutablePointer<UInt8>
  private var count = 0
  private let descriptor: Int32

  package init(descriptor: Int32) {
    self.descriptor = descriptor
    bytes = Mapping.pages(TextBuffer.capacity, populate: false)
      .bindMemory(to: UInt8.self, capacity: TextBuffer.capacity)
  }

  @export(interface)
  package mutating func append(byte: UInt8) {
    if count == TextBuffer.capacity { flush() }
    bytes[count] = byte
    count += 1
  }

  @export(interface)
  package mutating func append(_ text: StaticString) {
    for index in 0..<text.utf8CodeUnitCount { append(byte: text.utf8Start[index]) }
  }

  @export(interface)
  package mutating func append(_ text: CText) {
    for index in 0..<text.count { append(byte: text[index]) }
  }

  @export(interface)
  package mutating func append(_ number: Int) {
    if number < 0 { append(byte: UInt8(ascii: "-")) }
    append(digits: number.magnitude, atLeast: 1)
  }

  @export(interface)
  package mutating func append(hexadecimal number: UInt) {
    append("0x")
    var shift = max(0, (UInt.bitWidth - number.leadingZeroBitCount + 3) / 4 * 4 - 4)
    while true {
      let digit = UInt8(truncatingIfNeeded: (number >> UInt(shift)) & 15)
      append(byte: digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
      if shift == 0 { break }
      shift -= 4
    }
  }

  /// A number that is not negative, rounded to `decimals` decimals.
  @export(interface)
  package mutating func append(_ number: Double, decimals: Int) {
    var power = 1
    for _ in 0..<decimals { power *= 10 }
    let limit = Double(Int.max / 2)
    let scaled = number * Double(power) + 0.5
    let value = Int(min(max(scaled, 0), limit))
    append(value / power)
    if decimals > 0 {
      append(byte: UInt8(ascii: "."))
      append(digits: UInt(value % power), atLeast: decimals)
    }
  }

  /// Nanoseconds as seconds with nine decimals.
  @export(interface)
  package mutating func append(seconds nanoseconds: UInt64) {
    append(Int(nanoseconds / 1_000_000_000))
    append(byte: UInt8(ascii: "."))
    append(digits: UInt(nanoseconds % 1_000_000_000), atLeast: 9)
  }

  @export(interface)
  package mutating func append(spaces: Int) {
    for _ in 0..<max(0, spaces) { append(byte: UInt8(ascii: " ")) }
  }

  private mutating func append(digits number: UInt, atLeast minimum: Int) {
    var divisor: UInt = 1
    var length = 1
    while number / divisor >= 10 || length < minimum {
      divisor *= 10
      length += 1
    }
    while divisor > 0 {
      append(byte: UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number / divisor % 10))
      divisor /= 10
    }
  }

  /// Writes everything out. What cannot be written is dropped: there is nobody to tell.
  @export(interface)
  package mutating func flush() {
    var written = 0
    while written < count {
      let result = write(descriptor, bytes + written, count - written)
      if result < 0 {
        if harness_error() == EINTR { continue }
        break
      }
      written += result
    }
    count = 0
  }
}
