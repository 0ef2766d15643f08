/// One record of a perf ring, as far as the profiler wants it.
enum PerfRecord {
  struct Sample {
    var time: UInt64
    var process: Int32
    var thread: Int32
    /// The instruction.
    var instruction: UInt64
    /// The address of the data that faulted; 0 for clock samples.
    var address: UInt64
    /// The user's stack pointer; 0 when unknown.
    var stackPointer: UInt64
    /// Return addresses of the kernel, innermost first; the first is the instruction itself.
    var kernelFrames: [UInt64]
    var userFrames: [UInt64]
  }

  struct Mapping {
    var time: UInt64
    var process: Int32
    var start: UInt64
    var byteCount: UInt64
    var fileOffset: UInt64
    /// As in mmap(2): 1 readable, 2 writable, 4 executable.
    var protection: Int32
    var name: String

    var isExecutable: Bool { protection & 4 != 0 }
  }

  case sample(Sample)
  case mapping(Mapping)
  case fork(time: UInt64, process: Int32, parent: Int32, thread: Int32)
  case exec(time: UInt64, process: Int32, name: String)
  case exit(time: UInt64, process: Int32, thread: Int32)
  case lost(UInt64)

  // perf_event.h
  private static let kernelMarker = UInt64(bitPattern: -128)
  private static let userMarker = UInt64(bitPattern: -512)
  private static let firstMarker = UInt64(bitPattern: -4095)

  /// Calls `body` for each record in the bytes.
  static func forEach(in bytes: UnsafeRawBufferPointer, _ body: (PerfRecord) -> Void) {
    var offset = 0
    while offset + 8 <= bytes.count {
      let type = bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
      let misc = bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt16.self)
      let size = Int(bytes.loadUnaligned(fromByteOffset: offset + 6, as: UInt16.self))
      guard size >= 8, offset + size <= bytes.count else { return }
      let fields = Fields(bytes: UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + size)]))
      if let record = record(type, misc, fields) { body(record) }
      offset += size
    }
  }

  /// The bytes of one record.
  private struct Fields {
    let bytes: UnsafeRawBufferPointer
    func word(_ offset: Int) -> UInt64 {
      offset + 8 <= bytes.count ? bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self) : 0
    }
    func number(_ offset: Int) -> Int32 {
      offset + 4 <= bytes.count ? bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self) : 0
    }
    /// In records other than samples, the time stands at the end.
    var trailingTime: UInt64 { word(bytes.count - 8) }
    func text(_ offset: Int) -> String {
      guard offset < bytes.count else { return "" }
      return String(decoding: bytes[offset...].prefix { $0 != 0 }, as: UTF8.self)
    }
  }

  private static func record(_ type: UInt32, _ misc: UInt16, _ fields: Fields) -> PerfRecord? {
    // PERF_RECORD_MISC_COMM_EXEC
    let executedMark: UInt16 = 1 << 13
    switch type {
    case 2: return .lost(fields.word(16))
    case 3:
      guard misc & executedMark != 0 else { return nil }
      return .exec(time: fields.trailingTime, process: fields.number(8), name: fields.text(16))
    case 4:
      return .exit(
        time: fields.trailingTime, process: fields.number(8), thread: fields.number(16))
    case 7:
      return .fork(
        time: fields.trailingTime, process: fields.number(8), parent: fields.number(12),
        thread: fields.number(16))
    case 9: return .sample(sample(fields))
    case 10:
      return .mapping(
        Mapping(
          time: fields.trailingTime, process: fields.number(8), start: fields.word(16),
          byteCount: fields.word(24), fileOffset: fields.word(32),
          protection: fields.number(64), name: fields.text(72)))
    default: return nil
    }
  }

  private static func sample(_ fields: Fields) -> Sample {
    var sample = Sample(
      time: fields.word(24), process: fields.number(16), thread: fields.number(20),
      instruction: fields.word(8), address: fields.word(32), stackPointer: 0, kernelFrames: [],
      userFrames: [])
    let count = Int(min(fields.word(40), 1024))
    var isKernel = false
    for index in 0..<count {
      let frame = fields.word(48 + 8 * index)
      if frame >= firstMarker {
        isKernel = frame == kernelMarker
      } else if isKernel {
        sample.kernelFrames.append(frame)
      } else {
        sample.userFrames.append(frame)
      }
    }
    let registers = 48 + 8 * count
    if fields.word(registers) != 0 { sample.stackPointer = fields.word(registers + 8) }
    return sample
  }
}
