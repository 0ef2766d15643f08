import CHakmemTrace
import HakmemWorkloadsHarness
import HakmemWorkloadsSystem

/// Writes a trace record by record.
struct TraceWriter {
  private var output: TextBuffer
  private var thread = 0

  /// Writes the header to a file that is open for writing.
  init(descriptor: Int32, threads: Int) {
    output = TextBuffer(descriptor: descriptor)
    output.append(CText(cString: hakmem_trace_magic()))
    word(UInt32(HAKMEM_TRACE_VERSION))
    word(UInt32(HAKMEM_TRACE_HEADER_SIZE))
    word(0)  // number of records: not known
    word(0)
    word(UInt32(threads))
    word(0)
  }

  mutating func write(_ record: TraceRecord) {
    if record.thread != thread {
      thread = record.thread
      code(HAKMEM_TRACE_THREAD)
      number(thread)
    }
    switch record.kind {
    case .malloc: code(HAKMEM_TRACE_MALLOC)
    case .calloc: code(HAKMEM_TRACE_CALLOC)
    case .realloc: code(HAKMEM_TRACE_REALLOC)
    case .aligned: code(HAKMEM_TRACE_ALIGNED)
    case .free: code(HAKMEM_TRACE_FREE)
    case .threadExit: return code(HAKMEM_TRACE_THREAD_EXIT)
    }
    number(record.block)
    if record.kind != .free { number(record.size) }
    if record.kind == .aligned { number(record.alignmentLog2) }
  }

  mutating func finish() {
    code(HAKMEM_TRACE_END)
    output.flush()
  }

  private mutating func code(_ kind: hakmem_trace_record) {
    output.append(byte: UInt8(truncatingIfNeeded: kind.rawValue))
  }

  private mutating func number(_ value: Int) {
    var rest = UInt(value)
    while rest >= 0x80 {
      output.append(byte: UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    output.append(byte: UInt8(rest))
  }

  private mutating func word(_ value: UInt32) {
    for shift in 0..<4 {
      output.append(byte: UInt8(truncatingIfNeeded: value >> UInt32(shift * 8)))
    }
  }
}
