/// An ELF executable or shared object: what its headers say. Section headers are not needed for
/// anything but the full symbol table, so that stripped files read the same.
package struct ELFFile {
  /// Why a file cannot be read as ELF.
  package enum Failure: Error, Equatable, CustomStringConvertible {
    case unreadable
    case notELF
    case truncated

    package var description: String {
      switch self {
      case .unreadable: "cannot be read"
      case .notELF: "is not an ELF file"
      case .truncated: "is a truncated or damaged ELF file"
      }
    }
  }

  /// The machine and word size that code is made for.
  package struct Architecture: Equatable, Sendable, CustomStringConvertible {
    package let machine: UInt16
    package let is64Bit: Bool
    package let isBigEndian: Bool

    package var description: String {
      let name: String
      switch machine {
      case 3: name = "x86"
      case 8: name = "MIPS"
      case 20, 21: name = "PowerPC"
      case 22: name = "S390"
      case 40: name = "ARM"
      case 62: name = is64Bit ? "x86-64" : "x32"
      case 183: name = "AArch64"
      case 243: name = "RISC-V"
      case 258: name = "LoongArch"
      default: name = "machine \(machine)"
      }
      return "\(name), \(is64Bit ? 64 : 32) bits"
    }
  }

  /// One row of the program header table.
  struct Segment {
    var type: UInt64
    var fileOffset: UInt64
    var address: UInt64
    var fileSize: UInt64
    var memorySize: UInt64
    var alignment: UInt64
  }

  static let loadSegment: UInt64 = 1
  static let dynamicSegment: UInt64 = 2
  static let interpreterSegment: UInt64 = 3
  static let threadLocalSegment: UInt64 = 7
  /// More than any linker writes; a damaged count must not take minutes to read.
  static let maximumTableLength: UInt64 = 1 << 20

  package let architecture: Architecture
  /// The type of the file: 2 is an executable at a fixed address, 3 a shared object or a
  /// position-independent executable.
  package let type: UInt16
  let reader: ByteReader
  let segments: [Segment]

  /// - Throws: `Failure` when the file cannot be read or its headers make no sense.
  package init(path: String) throws {
    guard let bytes = TextFile.bytes(path) else { throw Failure.unreadable }
    try self.init(bytes: bytes)
  }

  /// - Throws: `Failure.notELF` or `Failure.truncated`.
  package init(bytes: [UInt8]) throws {
    guard bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else { throw Failure.notELF }
    guard bytes.count >= 20 else { throw Failure.truncated }
    let is64Bit = bytes[4] == 2
    let reader = ByteReader(bytes: bytes, isBigEndian: bytes[5] == 2)
    guard let type = reader.number(at: 16, width: 2), let machine = reader.number(at: 18, width: 2),
      let tableOffset = reader.number(at: is64Bit ? 32 : 28, width: is64Bit ? 8 : 4),
      let entrySize = reader.number(at: is64Bit ? 54 : 42, width: 2),
      let count = reader.number(at: is64Bit ? 56 : 44, width: 2)
    else { throw Failure.truncated }
    self.reader = reader
    self.type = UInt16(type)
    architecture = Architecture(
      machine: UInt16(machine), is64Bit: is64Bit, isBigEndian: reader.isBigEndian)
    var segments: [Segment] = []
    for index in 0..<count {
      let (base, overflow) = tableOffset.addingReportingOverflow(index * entrySize)
      guard !overflow, let segment = ELFFile.segment(reader, at: base, is64Bit: is64Bit) else {
        throw Failure.truncated
      }
      segments.append(segment)
    }
    self.segments = segments
  }

  private static func segment(_ reader: ByteReader, at base: UInt64, is64Bit: Bool) -> Segment? {
    let width = is64Bit ? 8 : 4
    guard base < UInt64(reader.bytes.count), let type = reader.number(at: base, width: 4),
      let offset = reader.number(at: base + (is64Bit ? 8 : 4), width: width),
      let address = reader.number(at: base + (is64Bit ? 16 : 8), width: width),
      let size = reader.number(at: base + (is64Bit ? 32 : 16), width: width),
      let memorySize = reader.number(at: base + (is64Bit ? 40 : 20), width: width),
      let alignment = reader.number(at: base + (is64Bit ? 48 : 28), width: width)
    else { return nil }
    return Segment(
      type: type, fileOffset: offset, address: address, fileSize: size, memorySize: memorySize,
      alignment: alignment)
  }

  /// The dynamic loader that the program asks for, or nil: it has none, being static or a library.
  package var interpreter: String? {
    segments.first { $0.type == ELFFile.interpreterSegment }
      .flatMap { reader.string(at: $0.fileOffset) }
  }

  /// Whether this is a program, or a library run as one, that runs without a loader.
  package var isStaticProgram: Bool { (type == 2 || type == 3) && interpreter == nil }

  /// Whether the file has a table for the dynamic loader.
  package var isDynamic: Bool { segments.contains { $0.type == ELFFile.dynamicSegment } }

  /// A number as wide as the file's addresses.
  func word(at offset: UInt64) -> UInt64? {
    reader.number(at: offset, width: architecture.is64Bit ? 8 : 4)
  }

  /// The place in the file of an address in memory.
  func fileOffset(ofAddress address: UInt64) -> UInt64? {
    for segment in segments where segment.type == ELFFile.loadSegment {
      if address >= segment.address, address - segment.address < segment.fileSize {
        let (offset, overflow) = segment.fileOffset.addingReportingOverflow(
          address - segment.address)
        return overflow ? nil : offset
      }
    }
    return nil
  }
}
