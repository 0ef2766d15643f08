/// The table for the dynamic loader.
extension ELFFile {
  /// What the dynamic section says, as file offsets where the file has addresses.
  package struct Dynamic {
    /// Libraries that the object needs, in order (DT_NEEDED).
    package var needed: [String] = []
    /// The name under which others need it (DT_SONAME).
    package var soname: String?
    var symbolTable: UInt64?
    var stringTable: UInt64?
    var hash: UInt64?
    var gnuHash: UInt64?
  }

  private enum Tag {
    static let needed: UInt64 = 1
    static let hash: UInt64 = 4
    static let stringTable: UInt64 = 5
    static let symbolTable: UInt64 = 6
    static let soname: UInt64 = 14
    static let gnuHash: UInt64 = 0x6fff_fef5
  }

  /// The dynamic section, or nil when there is none or it lies outside of the file.
  package var dynamic: Dynamic? {
    guard let segment = segments.first(where: { $0.type == ELFFile.dynamicSegment }) else {
      return nil
    }
    let width: UInt64 = architecture.is64Bit ? 8 : 4
    var result = Dynamic()
    var neededNames: [UInt64] = []
    var sonameAt: UInt64?
    for index in 0..<min(segment.fileSize / (2 * width), ELFFile.maximumTableLength) {
      let (entry, overflow) = segment.fileOffset.addingReportingOverflow(index * 2 * width)
      guard !overflow, entry < UInt64(reader.bytes.count), let tag = word(at: entry),
        let value = word(at: entry + width)
      else { return nil }
      if tag == 0 { break }
      switch tag {
      case Tag.needed: neededNames.append(value)
      case Tag.soname: sonameAt = value
      case Tag.hash: result.hash = fileOffset(ofAddress: value)
      case Tag.gnuHash: result.gnuHash = fileOffset(ofAddress: value)
      case Tag.stringTable: result.stringTable = fileOffset(ofAddress: value)
      case Tag.symbolTable: result.symbolTable = fileOffset(ofAddress: value)
      default: break
      }
    }
    guard let strings = result.stringTable else { return result }
    result.needed = neededNames.compactMap { string(strings, $0) }
    result.soname = sonameAt.flatMap { string(strings, $0) }
    return result
  }

  func string(_ table: UInt64, _ index: UInt64) -> String? {
    let (offset, overflow) = table.addingReportingOverflow(index)
    return overflow ? nil : reader.string(at: offset)
  }
}
