import Foundation

/// Counts the system calls of a program, with strace where it is installed.
enum SystemCallCount {
  /// strace's path, or nil.
  static let tracer: String? = ["/usr/bin/strace", "/bin/strace", "/usr/local/bin/strace"].first {
    (path: String) in access(path, X_OK) == 0
  }

  /// The calls of one whole run, threads and children included; nil when they cannot be counted.
  static func count(
    program: String, arguments: [String], allocator: Allocator, environment: [String: String]
  ) -> Int? {
    guard let tracer else { return nil }
    let summary = NSTemporaryDirectory() + "/hakmem-strace-\(getpid())"
    defer { unlink(summary) }
    // strace itself runs without the preload: its own calls must not depend on the allocator.
    var variables = allocator.options
    variables["LD_PRELOAD"] = allocator.library
    let settings = variables.flatMap { ["-E", "\($0.key)=\($0.value)"] }
    var child = ChildProcess(
      program: tracer,
      arguments: ["-c", "-f", "-q", "-o", summary] + settings + [program] + arguments,
      environment: environment)
    child.output = .discard
    guard let outcome = try? child.run(), outcome.ending == .exited(0) else { return nil }
    return TextFile.read(summary).flatMap(total)
  }

  /// The calls in the last line of strace's summary: "100.00  0.001  2  54  3 total".
  static func total(_ summary: String) -> Int? {
    for line in summary.split(separator: "\n").reversed() where line.hasSuffix(" total") {
      let fields = line.split(separator: " ")
      return fields.count >= 4 ? Int(fields[3]) : nil
    }
    return nil
  }
}
