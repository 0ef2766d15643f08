import CHakmemTrace
import Foundation

/// What an allocation trace says of itself. Documentation/trace-format.md describes the format.
package struct TraceHeader: Equatable, Sendable {
  package var calls: Int
  package var threads: Int
  package var process: Int
  package var byteCount: Int

  /// Nil when the file cannot be read or is no trace of a known version.
  package init?(path: String) {
    guard let file = FileHandle(forReadingAtPath: path) else { return nil }
    defer { try? file.close() }
    let size = Int(HAKMEM_TRACE_HEADER_SIZE)
    guard let data = try? file.read(upToCount: size), data.count == size,
      data.starts(with: Data(HAKMEM_TRACE_MAGIC.utf8)),
      let end = try? file.seekToEnd()
    else { return nil }
    func number(_ offset: Int, bytes: Int) -> Int {
      (0..<bytes).reversed().reduce(0) { $0 << 8 | Int(data[offset + $1]) }
    }
    guard number(8, bytes: 4) == Int(HAKMEM_TRACE_VERSION) else { return nil }
    calls = number(16, bytes: 8)
    threads = number(24, bytes: 4)
    process = number(28, bytes: 4)
    byteCount = Int(end)
  }

  /// Gives back the zeros that a program which was killed has left at the end of its trace.
  package static func trim(path: String) {
    let largestPiece = 16 << 20
    // The last record may end in zeros, and one more ends the trace.
    let kept = 64
    let descriptor = open(path, O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    // Another process may be writing it still.
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { return }
    let size = Int(lseek(descriptor, 0, SEEK_END))
    let count = min(largestPiece, size - Int(HAKMEM_TRACE_HEADER_SIZE))
    guard count > kept else { return }
    var tail = [UInt8](repeating: 0, count: count)
    guard pread(descriptor, &tail, count, size - count) == count else { return }
    let end = (tail.lastIndex { $0 != 0 } ?? -1) + 1
    if count - end > kept { ftruncate(descriptor, size - count + end + kept) }
  }
}
