import CHakmemTrace
import HakmemWorkloadsHarness
import HakmemWorkloadsSystem

/// One record of a trace.
struct TraceRecord {
  enum Kind: UInt8 {
    case malloc, calloc, realloc, aligned, free
    /// Not a call: the thread has ended.
    case threadExit
  }

  var kind: Kind
  var thread: Int
  var block: Int
  /// Bytes; 0 for free.
  var size = 0
  var alignmentLog2 = 0
}

/// Reads the records of a trace one after the other. CHakmemTrace has the format's numbers,
/// Documentation/trace-format.md the description. A file that breaks the format ends the process.
struct TraceReader {
  private let path: CText
  private let bytes: UnsafePointer<UInt8>
  private let size: Int
  private let start: Int
  private var position: Int
  private var thread = 0

  /// Maps the file and checks its header.
  init(path: CText) {
    self.path = path
    var length = 0
    guard let address = harness_map_file(path.bytes, &length) else {
      TraceReader.refuse(path, reason: CText(cString: strerror(harness_error())), at: nil)
    }
    bytes = address.assumingMemoryBound(to: UInt8.self)
    size = length
    let headerSize = Int(HAKMEM_TRACE_HEADER_SIZE)
    let magic = CText(bytes: address.assumingMemoryBound(to: CChar.self), count: min(8, length))
    guard length >= headerSize, magic == CText(cString: hakmem_trace_magic()) else {
      TraceReader.refuse(path, reason: CText("is not an allocation trace"), at: nil)
    }
    guard address.loadUnaligned(fromByteOffset: 8, as: UInt32.self) == HAKMEM_TRACE_VERSION else {
      TraceReader.refuse(path, reason: CText("has an unknown version of the format"), at: nil)
    }
    start = Int(address.loadUnaligned(fromByteOffset: 12, as: UInt32.self))
    position = start
    if start < headerSize || start > length { refuse("has a header of a wrong size") }
  }

  /// Begins again with the first record.
  mutating func rewind() {
    position = start
    thread = 0
  }

  /// The next call or end of a thread, or nil at the end.
  mutating func next() -> TraceRecord? {
    while position < size {
      let code = bytes[position]
      position += 1
      switch UInt32(code) {
      case HAKMEM_TRACE_END.rawValue: return nil
      case HAKMEM_TRACE_THREAD.rawValue:
        thread = number(below: Int(HAKMEM_TRACE_MAXIMUM_THREADS), "has too many threads")
      case HAKMEM_TRACE_MALLOC.rawValue: return record(.malloc)
      case HAKMEM_TRACE_CALLOC.rawValue: return record(.calloc)
      case HAKMEM_TRACE_REALLOC.rawValue:
        let resized = record(.realloc)
        if resized.size == 0 { refuse("has a realloc to size 0, which must be written as free") }
        return resized
      case HAKMEM_TRACE_ALIGNED.rawValue:
        var aligned = record(.aligned)
        aligned.alignmentLog2 = number(
          below: Int(HAKMEM_TRACE_MAXIMUM_ALIGNMENT_LOG2) + 1, "has an alignment above 1 GiB")
        return aligned
      case HAKMEM_TRACE_FREE.rawValue: return record(.free)
      case HAKMEM_TRACE_THREAD_EXIT.rawValue:
        return TraceRecord(kind: .threadExit, thread: thread, block: 0)
      default: refuse("has a record of unknown kind")
      }
    }
    return nil
  }

  private mutating func record(_ kind: TraceRecord.Kind) -> TraceRecord {
    let block = number(
      below: Int(HAKMEM_TRACE_MAXIMUM_BLOCK) + 1, "has a block number that is too large")
    let size = kind == .free ? 0 : number(below: 1 << 47, "has a block that is too large")
    return TraceRecord(kind: kind, thread: thread, block: block, size: size)
  }

  private mutating func number(below bound: Int, _ complaint: StaticString) -> Int {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      guard position < size else { refuse("ends in the middle of a record") }
      let byte = bytes[position]
      position += 1
      if shift > 56 && byte > 1 { refuse(complaint) }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { break }
      shift += 7
    }
    if value >= UInt64(bound) { refuse(complaint) }
    return Int(value)
  }

  /// Ends the process because the file is no sound trace.
  func refuse(_ reason: StaticString) -> Never {
    TraceReader.refuse(path, reason: CText(reason), at: position)
  }

  private static func refuse(_ path: CText, reason: CText, at position: Int?) -> Never {
    var text = TextBuffer(descriptor: 2)
    text.append("hakmem-workload: trace: file=")
    text.append(path)
    text.append(": ")
    text.append(reason)
    if let position {
      text.append(" (before byte ")
      text.append(position)
      text.append(")")
    }
    text.append("\n")
    text.flush()
    _exit(ExitStatus.badArguments)
  }
}
