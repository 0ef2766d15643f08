import Foundation

/// What the program's own loader says that it would load.
package enum LoaderTrace {
  /// The loader's answer.
  package struct Answer: Equatable, Sendable {
    /// Libraries in the order in which symbols are looked up.
    package var libraries: [String] = []
    /// Libraries that the program needs and the loader does not find.
    package var missing: [String] = []
    /// What the loader complained of: a preload that it ignored, for instance.
    package var complaints: [String] = []
  }

  /// Asks the loader of a dynamic program.
  ///
  /// - Parameters:
  ///   - program: Path of the ELF program.
  ///   - loader: Its loader (PT_INTERP).
  ///   - environment: The environment in which it would run, LD_PRELOAD included.
  package static func run(
    program: String, loader: String, environment: [String: String]
  ) throws -> Answer {
    let file = program.contains("/") ? program : "./\(program)"
    var child = ChildProcess(
      program: loader, arguments: ["--list", file], environment: environment)
    child.timeout = 20
    let outcome = try child.run()
    return parse(outcome.output, errors: outcome.errors)
  }

  /// Reads lines like "libc.so.6 => /lib/libc.so.6 (0x00007…)".
  static func parse(_ output: String, errors: String = "") -> Answer {
    var answer = Answer()
    for line in output.split(separator: "\n") {
      let text = line.trimmingCharacters(in: .whitespaces)
      if text.hasSuffix("=> not found") {
        answer.missing.append(String(text.dropLast("=> not found".count)).trimmed)
        continue
      }
      let target = text.range(of: " => ").map { String(text[$0.upperBound...]) } ?? text
      guard target.hasPrefix("/") else { continue }
      let path = target.range(of: " (0x", options: .backwards).map {
        String(target[..<$0.lowerBound])
      }
      answer.libraries.append(path ?? target)
    }
    answer.complaints = errors.split(separator: "\n").map(String.init)
    return answer
  }
}

extension String {
  var trimmed: String { trimmingCharacters(in: .whitespacesAndNewlines) }
}
