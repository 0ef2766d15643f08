import Foundation

/// A file that a command will write at its end: tried before the work begins, and replaced as a
/// whole, so that a failed write leaves the old file as it was.
package struct OutputFile {
  /// Why a file cannot be written.
  package struct Failure: Error, CustomStringConvertible {
    package let description: String
  }

  package let path: String

  /// Checks that the file can be written, without touching it.
  ///
  /// - Throws: `Failure` when the path names a directory, or no file can be made beside it.
  package init(path: String) throws {
    self.path = path
    var status = stat()
    if stat(path, &status) == 0 {
      guard status.st_mode & S_IFMT == S_IFREG else {
        throw Failure(description: "cannot write \(path): it is not a regular file")
      }
      guard access(path, W_OK) == 0 else { throw OutputFile.failure(path) }
    }
    let trial = temporaryPath
    let descriptor = open(trial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw OutputFile.failure(path) }
    close(descriptor)
    unlink(trial)
  }

  /// Replaces the file's contents.
  ///
  /// - Throws: `Failure` when the text cannot be written; the old file is whole then.
  package func write(_ text: String) throws { try write(Data(text.utf8)) }

  /// Replaces the file's contents.
  ///
  /// - Throws: `Failure` when the bytes cannot be written; the old file is whole then.
  package func write(_ bytes: Data) throws {
    let temporary = temporaryPath
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw OutputFile.failure(path) }
    var written = true
    var rest = bytes[...]
    while !rest.isEmpty && written {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count > 0 { rest = rest.dropFirst(count) } else if errno != EINTR { written = false }
    }
    written = written && fsync(descriptor) == 0
    let code = errno
    close(descriptor)
    guard written, rename(temporary, path) == 0 else {
      if written { return try abandon(temporary, code: errno) }
      return try abandon(temporary, code: code)
    }
  }

  private func abandon(_ temporary: String, code: Int32) throws {
    unlink(temporary)
    errno = code
    throw OutputFile.failure(path)
  }

  private var temporaryPath: String { "\(path).\(getpid()).part" }

  private static func failure(_ path: String) -> Failure {
    Failure(description: "cannot write \(path): \(String(cString: strerror(errno)))")
  }
}
