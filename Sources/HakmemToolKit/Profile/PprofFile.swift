import CZlib
import Foundation

/// Stacks as pprof reads them: a gzipped profile.proto with functions' names inside.
/// Source: https://github.com/google/pprof/blob/main/proto/profile.proto
enum PprofFile {
  /// One profile; those given must have the same unit.
  ///
  /// - Parameter profiles: Each becomes a sample type, the first is shown by default.
  /// - Returns: nil when zlib refuses.
  static func data(_ profiles: [StackProfile], date: Date, seconds: Double) -> Data? {
    var strings = Strings()
    var message = ProtobufWriter()
    var frameNumbers: [StackProfile.Frame: UInt64] = [:]
    for profile in profiles {
      message.add(1) {
        $0.add(1, strings.number(of: profile.title.replacing(" ", with: "_")))
        $0.add(2, strings.number(of: profile.unit == "bytes" ? "bytes" : "count"))
      }
    }
    var samples: [[UInt64]: [Int]] = [:]
    for (column, profile) in profiles.enumerated() {
      let numbers = profile.frames.map { frame in
        if let known = frameNumbers[frame] { return known }
        let number = UInt64(frameNumbers.count + 1)
        frameNumbers[frame] = number
        return number
      }
      for (stack, value) in zip(profile.stacks, profile.values) where value != 0 {
        let key = stack.map { numbers[Int($0)] }
        samples[key, default: Array(repeating: 0, count: profiles.count)][column] += value
      }
    }
    for (stack, values) in samples {
      message.add(2) {
        $0.addPacked(1, stack)
        $0.addPacked(2, values.map { UInt64($0) })
      }
    }
    for (index, object) in Set(frameNumbers.keys.map(\.object)).sorted().enumerated() {
      message.add(3) {
        $0.add(1, UInt64(index + 1))
        $0.add(5, strings.number(of: object))
        $0.add(7, 1)
      }
    }
    for (frame, number) in frameNumbers.sorted(by: { $0.value < $1.value }) {
      message.add(4) {
        $0.add(1, number)
        $0.add(4) { $0.add(1, number) }
      }
      message.add(5) {
        $0.add(1, number)
        $0.add(2, strings.number(of: frame.function))
        $0.add(3, strings.number(of: frame.function))
        $0.add(4, strings.number(of: frame.object))
      }
    }
    message.add(9, UInt64(date.timeIntervalSince1970 * 1e9))
    message.add(10, UInt64(max(seconds, 0) * 1e9))
    if let first = profiles.first {
      message.add(14, strings.number(of: first.title.replacing(" ", with: "_")))
    }
    for string in strings.all { message.add(6, string) }
    return Gzip.compressed(message.bytes)
  }

  /// The table of strings; number 0 is the empty one.
  private struct Strings {
    private(set) var all = [""]
    private var numbers = ["": UInt64(0)]
    mutating func number(of string: String) -> UInt64 {
      if let known = numbers[string] { return known }
      let number = UInt64(all.count)
      all.append(string)
      numbers[string] = number
      return number
    }
  }
}

/// Fields of a protocol-buffer message: numbers, strings, messages, packed numbers; what pprof needs.
/// Source: https://protobuf.dev/programming-guides/encoding/
struct ProtobufWriter {
  private(set) var bytes: [UInt8] = []

  private mutating func append(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  private mutating func append(_ field: UInt64, contents: [UInt8]) {
    let lengthDelimited: UInt64 = 2
    append(field << 3 | lengthDelimited)
    append(UInt64(contents.count))
    bytes += contents
  }

  mutating func add(_ field: UInt64, _ value: UInt64) {
    append(field << 3)
    append(value)
  }

  mutating func add(_ field: UInt64, _ text: String) { append(field, contents: Array(text.utf8)) }

  mutating func add(_ field: UInt64, _ build: (inout ProtobufWriter) -> Void) {
    var message = ProtobufWriter()
    build(&message)
    append(field, contents: message.bytes)
  }

  mutating func addPacked(_ field: UInt64, _ values: [UInt64]) {
    var packed = ProtobufWriter()
    for value in values { packed.append(value) }
    append(field, contents: packed.bytes)
  }
}

/// Compression as gzip does it.
enum Gzip {
  static func compressed(_ bytes: [UInt8]) -> Data? {
    var stream = z_stream()
    let windowBits: Int32 = 15 + 16
    guard
      deflateInit2_(
        &stream, Z_BEST_SPEED, Z_DEFLATED, windowBits, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
        Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { return nil }
    defer { deflateEnd(&stream) }
    var input = bytes
    var output = [UInt8](repeating: 0, count: Int(deflateBound(&stream, uLong(bytes.count))))
    let isDone = input.withUnsafeMutableBufferPointer { source in
      output.withUnsafeMutableBufferPointer { target in
        stream.next_in = source.baseAddress
        stream.avail_in = uInt(source.count)
        stream.next_out = target.baseAddress
        stream.avail_out = uInt(target.count)
        return deflate(&stream, Z_FINISH) == Z_STREAM_END
      }
    }
    return isDone ? Data(output.prefix(Int(stream.total_out))) : nil
  }
}
