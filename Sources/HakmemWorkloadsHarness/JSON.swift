/// Members of a JSON object, written one after the other.
package struct JSON {
  package var output: TextBuffer
  private var isFirst = true

  package init(output: TextBuffer) {
    self.output = output
  }

  package mutating func begin() {
    output.append("{")
    isFirst = true
  }

  package mutating func end() {
    output.append("}")
    isFirst = false
  }

  package mutating func key(_ name: StaticString) {
    if !isFirst { output.append(",") }
    isFirst = false
    output.append("\"")
    output.append(name)
    output.append("\":")
  }

  /// A member that is a number, or null.
  package mutating func member(_ name: StaticString, _ value: Int?) {
    key(name)
    if let value { output.append(value) } else { output.append("null") }
  }

  package mutating func member(_ name: StaticString, text: CText?) {
    key(name)
    if let text { JSON.append(string: text, to: &output) } else { output.append("null") }
  }

  /// A member in seconds, or null.
  package mutating func member(_ name: StaticString, nanoseconds: UInt64?) {
    key(name)
    if let nanoseconds { output.append(seconds: nanoseconds) } else { output.append("null") }
  }

  /// Text in quotes. Bytes that are no valid text in JSON are escaped one by one.
  package static func append(string text: CText, to output: inout TextBuffer) {
    output.append("\"")
    for index in 0..<text.count {
      let byte = text[index]
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        output.append("\\")
        output.append(byte: byte)
      case 0..<32:
        output.append("\\u00")
        output.append(byte: UInt8(ascii: "0") + (byte >> 4))
        let low = byte & 15
        output.append(byte: low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") + low - 10)
      default: output.append(byte: byte)
      }
    }
    output.append("\"")
  }
}
