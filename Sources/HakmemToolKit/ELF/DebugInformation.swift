/// Debug information, for tools that cannot read the newest kinds of it.
package enum DebugInformation {
  /// The file with its debug sections renamed, so that nobody finds them. What is loaded into
  /// memory stays the same; a compressed or foreign file comes back as it is.
  package static func hidden(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    let name = Array(".debug_".utf8)
    var place = 0
    while let next = bytes[place...].firstIndex(of: name[0]) {
      if bytes[next...].starts(with: name) { bytes[next + 1] = UInt8(ascii: "x") }
      place = next + 1
    }
    return bytes
  }
}
