/// JSON that people read and version control compares: one line a member, but arrays of numbers,
/// of which results have thousands, in one line each.
enum CompactArrays {
  /// The text with the line breaks taken out of arrays of numbers.
  static func joined(_ json: String) -> String {
    var output: [UInt8] = []
    let bytes = Array(json.utf8)
    output.reserveCapacity(bytes.count)
    var place = 0
    var isInString = false
    while place < bytes.count {
      let byte = bytes[place]
      if byte == UInt8(ascii: "\"") {
        isInString.toggle()
      } else if byte == UInt8(ascii: "\\"), isInString, place + 1 < bytes.count {
        output.append(byte)
        place += 1
      } else if byte == UInt8(ascii: "["), !isInString, let end = numbersEnd(bytes, from: place) {
        output += bytes[place..<end].filter { !isSpace($0) }
        place = end
        continue
      }
      output.append(bytes[place])
      place += 1
    }
    return String(decoding: output, as: UTF8.self)
  }

  /// The place behind the array that begins at `start`, if there are only numbers, or arrays of
  /// them, in it.
  private static func numbersEnd(_ bytes: [UInt8], from start: Int) -> Int? {
    var depth = 0
    for place in start..<bytes.count {
      switch bytes[place] {
      case UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "]"):
        depth -= 1
        if depth == 0 { return place + 1 }
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"),
        UInt8(ascii: "."), UInt8(ascii: ","), UInt8(ascii: "e"), UInt8(ascii: "E"):
        continue
      case let byte where isSpace(byte): continue
      default: return nil
      }
    }
    return nil
  }

  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\n")
  }
}
