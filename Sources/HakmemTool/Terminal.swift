import Foundation

/// The two streams of the command line.
enum Terminal {
  /// Writes a line to stderr, marked with the tool's name.
  static func complain(_ text: String) {
    FileHandle.standardError.write(Data("hakmem: \(text)\n".utf8))
  }

  /// Writes lines to stdout; ends the process with a sentence when they cannot be written.
  static func show(_ lines: [String]) {
    do {
      try FileHandle.standardOutput.write(
        contentsOf: Data((lines.joined(separator: "\n") + "\n").utf8))
    } catch {
      complain("cannot write to standard output: \(String(cString: strerror(errno)))")
      exit(1)
    }
  }

  /// Writes a value to stdout as JSON.
  static func show<Value: Encodable>(json value: Value) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    show([String(decoding: try encoder.encode(value), as: UTF8.self)])
  }
}
