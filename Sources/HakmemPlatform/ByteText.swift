/// Reading C strings from left to right: words, numbers and sizes.
package enum ByteText {
  /// Steps over `word` if it stands at `index`.
  package static func skip(
    _ word: StaticString, in text: UnsafePointer<UInt8>, _ index: inout Int
  ) -> Bool {
    for offset in 0..<word.utf8CodeUnitCount
    where text[index + offset] != word.utf8Start[offset] { return false }
    index += word.utf8CodeUnitCount
    return true
  }

  /// The decimal number at `index`; nil when none stands there or it does not fit a word.
  package static func number(in text: UnsafePointer<UInt8>, _ index: inout Int) -> UInt? {
    let start = index
    var value: UInt = 0
    while true {
      let digit = UInt(text[index]) &- 48
      guard digit < 10 else { break }
      let (product, isTooLarge) = value.multipliedReportingOverflow(by: 10)
      guard !isTooLarge, product <= .max - digit else { return nil }
      value = product + digit
      index += 1
    }
    return index > start ? value : nil
  }

  /// The number of bytes at `index`: a number with K, M, G or T for the powers of 1024, or none.
  package static func size(in text: UnsafePointer<UInt8>, _ index: inout Int) -> UInt? {
    guard let value = number(in: text, &index) else { return nil }
    var shift: UInt = 0
    switch text[index] {
    case UInt8(ascii: "K"), UInt8(ascii: "k"): shift = 10
    case UInt8(ascii: "M"), UInt8(ascii: "m"): shift = 20
    case UInt8(ascii: "G"), UInt8(ascii: "g"): shift = 30
    case UInt8(ascii: "T"), UInt8(ascii: "t"): shift = 40
    default: return value
    }
    index += 1
    return (value << shift) >> shift == value ? value << shift : nil
  }
}

extension Text {
  /// Appends a size as `ByteText.size` reads it, in the largest unit that is exact: «512M».
  package mutating func append(exactBytes bytes: UInt) {
    var unit: UInt = 40
    while unit > 0, bytes == 0 || bytes & ((1 << unit) &- 1) != 0 { unit -= 10 }
    append(bytes >> unit)
    switch unit {
    case 10: append("K")
    case 20: append("M")
    case 30: append("G")
    case 40: append("T")
    default: break
    }
  }
}
