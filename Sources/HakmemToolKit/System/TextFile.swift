import Foundation

/// Reading small text files, those of /proc and /sys among them, whose size stat(2) gives as 0.
package enum TextFile {
  /// The text of the file at `path`, or nil when it cannot be read. Bytes that are not UTF-8 are
  /// replaced.
  package static func read(_ path: String) -> String? {
    bytes(path).map { String(decoding: $0, as: UTF8.self) }
  }

  /// The text without surrounding white space, or nil when it is unreadable or empty.
  package static func value(_ path: String) -> String? {
    guard let text = read(path)?.trimmingCharacters(in: .whitespacesAndNewlines), !text.isEmpty
    else { return nil }
    return text
  }

  /// The contents of the file at `path`, or nil when it cannot be read.
  package static func bytes(_ path: String) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    return bytes(descriptor: descriptor)
  }

  /// Everything up to the end of file of an open descriptor, or nil on a read error.
  package static func bytes(descriptor: Int32) -> [UInt8]? {
    var contents: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 * 1024)
    while true {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count == 0 { return contents }
      if count < 0 {
        if errno == EINTR { continue }
        return nil
      }
      contents.append(contentsOf: chunk[..<count])
    }
  }
}
