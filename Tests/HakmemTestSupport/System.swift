import Foundation
import Glibc
import Testing

/// What the machine has: programs, and whether this process may change its user.
public enum System {
  /// The path of a program on `PATH` or in the places where Debian puts servers.
  public static func find(_ program: String) -> String? {
    if program.hasPrefix("/") {
      return access(program, X_OK) == 0 ? program : nil
    }
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    let folders = path.split(separator: ":").map(String.init) + ["/usr/sbin", "/sbin"]
    return folders.map { $0 + "/" + program }.first { access($0, X_OK) == 0 }
  }

  /// The path of a program, or the end of this test as skipped, by name.
  public static func require(_ program: String) throws -> String {
    guard let path = find(program) else { try skip("\(program) is not installed") }
    return path
  }

  public static var isRoot: Bool { geteuid() == 0 }

  /// A file of /proc or /sys: they claim to be empty, and take one write alone.
  public static func text(of path: String) -> String {
    guard let file = fopen(path, "r") else { return "" }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = fread(&bytes, 1, bytes.count, file)
    return String(decoding: bytes.prefix(count), as: UTF8.self)
  }

  public static func write(_ text: String, to path: String) throws {
    guard let file = fopen(path, "w") else { throw HarnessError("\(path) cannot be written") }
    defer { fclose(file) }
    fputs(text, file)
  }

  /// Ends this test as skipped, with the reason.
  public static func skip(_ reason: String) throws -> Never {
    try Test.cancel("\(reason)")
  }

  /// A processor that this process may run on.
  public static var firstProcessor: Int? {
    let lines = text(of: "/proc/self/status").split(separator: "\n")
    let list = lines.first { $0.hasPrefix("Cpus_allowed_list:") }
    return list?.split(separator: "\t").last?.split { $0 == "-" || $0 == "," }.first.flatMap {
      Int($0)
    }
  }

  /// A TCP port of the loopback interface that nobody uses at this moment.
  public static func freePort() throws -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
      }
    }
    guard status else { throw HarnessError("no free port on the loopback interface") }
    return Int(UInt16(bigEndian: address.sin_port))
  }

  /// Polls until `condition` holds; false after `seconds`.
  public static func wait(seconds: Double = 60, until condition: () throws -> Bool) rethrows -> Bool
  {
    let deadline = Date(timeIntervalSinceNow: seconds)
    while try !condition() {
      if Date() > deadline { return false }
      usleep(20000)
    }
    return true
  }
}
