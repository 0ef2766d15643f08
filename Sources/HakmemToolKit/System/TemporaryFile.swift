import Foundation

/// A nameless file that holds the output of a child process: unlike a pipe it never fills up, so
/// that nobody has to read while the process runs.
final class TemporaryFile {
  let descriptor: Int32

  /// - Throws: `ChildProcess.Failure` when the directory for temporary files is not writable.
  init() throws {
    let replacedByTheSystem = String(repeating: "X", count: 6)
    var template = Array((NSTemporaryDirectory() + "/hakmem-" + replacedByTheSystem).utf8CString)
    descriptor = mkstemp(&template)
    guard descriptor >= 0 else {
      throw ChildProcess.Failure(
        description: "cannot make a temporary file: \(String(cString: strerror(errno)))")
    }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    unlink(template)
  }

  deinit { close(descriptor) }

  /// What was written so far.
  var text: String {
    lseek(descriptor, 0, SEEK_SET)
    return String(decoding: TextFile.bytes(descriptor: descriptor) ?? [], as: UTF8.self)
  }
}
