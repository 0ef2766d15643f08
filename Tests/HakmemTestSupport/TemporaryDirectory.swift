import Foundation
import Glibc

/// A folder of its own for a test, removed with all it holds when nobody refers to it any more.
public final class TemporaryDirectory: Sendable {
  public let path: String

  /// Any user may enter it: servers that refuse to run as root change to another user.
  public init(_ name: String = "test") throws {
    let replacedByTheSystem = String(repeating: "X", count: 6)
    var template = Array(
      "\(NSTemporaryDirectory())/hakmem-\(name)-\(replacedByTheSystem)".utf8CString)
    guard let created = mkdtemp(&template) else {
      throw HarnessError("cannot make a temporary folder: \(String(cString: strerror(errno)))")
    }
    path = String(cString: created)
    chmod(path, 0o755)
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }

  /// Holds the output of the programs of this run; removed at exit.
  static var ofTestRun: TemporaryDirectory {
    get throws { try shared.get() }
  }

  private static let shared = Result<TemporaryDirectory, Error> {
    let directory = try TemporaryDirectory("run")
    atexit { try? FileManager.default.removeItem(atPath: TemporaryDirectory.ofTestRun.path) }
    return directory
  }

  public func write(_ text: String, to name: String) throws -> String {
    let file = path + "/" + name
    try text.write(toFile: file, atomically: false, encoding: .utf8)
    return file
  }
}
