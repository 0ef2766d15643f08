import Foundation

/// A workload that the workload program offers.
package struct Workload: Equatable, Sendable {
  package var name: String
  /// What is counted: "operations", "bytes".
  package var unit: String
  package var help: String
  /// Parameters with their defaults, "slots=256 seed=42".
  package var parameters: String

  /// The workloads of a program.
  ///
  /// - Throws: `BenchFailure` when the program does not list any.
  package static func list(program: String, environment: [String: String]) throws -> [Workload] {
    let outcome = try ChildProcess(
      program: program, arguments: ["--list"], environment: environment
    ).run()
    let workloads = parse(outcome.output)
    guard outcome.ending == .exited(0), !workloads.isEmpty else {
      throw BenchFailure("\(program) --list failed: \(RunFailure.text(outcome)).")
    }
    return workloads
  }

  /// Reads lines of name, unit, help and parameters, separated by tabs.
  static func parse(_ text: String) -> [Workload] {
    text.split(separator: "\n").compactMap { line in
      let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      guard fields.count >= 2, !fields[0].isEmpty else { return nil }
      return Workload(
        name: fields[0], unit: fields[1], help: fields.count > 2 ? fields[2] : "",
        parameters: fields.count > 3 ? fields[3] : "")
    }
  }

  /// Whether it has a parameter without a default, a file for instance: it runs only by name.
  package var needsParameters: Bool {
    parameters.split(separator: " ").contains { $0.hasSuffix("=") }
  }

  /// The default of a parameter, or nil when the workload does not have it.
  package func standard(_ key: String) -> String? {
    for word in parameters.split(separator: " ") where word.hasPrefix("\(key)=") {
      return String(word.dropFirst(key.count + 1))
    }
    return nil
  }
}
