import Foundation

/// An allocation trace, read as Documentation/trace-format.md says, without the library's help.
public struct Trace: Sendable {
  public enum Kind: UInt8, Sendable {
    case malloc = 2
    case calloc, realloc, aligned, free, threadExit
  }

  public struct Record: Sendable, Equatable, CustomStringConvertible {
    public var kind: Kind
    public var thread: Int
    public var block = 0
    /// For free, the size of the block that is freed.
    public var size = 0
    public var alignmentLog2 = 0

    public var description: String { "\(kind) of block \(block), \(size) bytes, thread \(thread)" }
  }

  public let records: [Record]
  /// From the header.
  public let callCount: Int
  public let threadCount: Int
  public let process: Int
  public let byteCount: Int

  public var calls: [Record] { records.filter { $0.kind != .threadExit } }

  /// Reads a file.
  ///
  /// - Throws: `HarnessError` for anything that breaks the format, as a block that is freed twice.
  public init(path: String) throws {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw HarnessError("\(path) does not exist")
    }
    let bytes = [UInt8](data)
    func number(_ offset: Int, _ count: Int) -> Int {
      (0..<count).reversed().reduce(0) { $0 << 8 | Int(bytes[offset + $1]) }
    }
    guard bytes.count >= 32, bytes.starts(with: Array("HAKTRACE".utf8)), number(8, 4) == 1 else {
      throw HarnessError("\(path) is not a trace")
    }
    var reader = Reader(bytes: bytes, position: number(12, 4))
    records = try reader.records()
    callCount = number(16, 8)
    threadCount = number(24, 4)
    process = number(28, 4)
    byteCount = bytes.count
  }

  private struct Reader {
    let bytes: [UInt8]
    var position: Int

    mutating func records() throws -> [Record] {
      var records: [Record] = []
      var sizes: [Int: Int] = [:]
      var thread = 0
      while position < bytes.count, bytes[position] != 0 {
        let code = bytes[position]
        position += 1
        if code == 1 {
          thread = try varint()
          continue
        }
        guard let kind = Kind(rawValue: code) else { throw HarnessError("no record \(code)") }
        var record = Record(kind: kind, thread: thread)
        if kind != .threadExit {
          record.block = try varint()
          if kind != .free { record.size = try varint() }
          if kind == .aligned { record.alignmentLog2 = try varint() }
          let wasLive = sizes[record.block] != nil
          guard wasLive == (kind == .free || kind == .realloc) else {
            throw HarnessError("record \(records.count): block \(record.block) is wrong")
          }
          if kind == .free { record.size = sizes[record.block] ?? 0 }
          sizes[record.block] = kind == .free ? nil : record.size
        }
        records.append(record)
      }
      return records
    }

    private mutating func varint() throws -> Int {
      var value = 0
      var shift = 0
      while position < bytes.count {
        let byte = bytes[position]
        position += 1
        value |= Int(byte & 0x7f) << shift
        shift += 7
        if byte < 0x80 { return value }
      }
      throw HarnessError("a record is cut off")
    }
  }
}
