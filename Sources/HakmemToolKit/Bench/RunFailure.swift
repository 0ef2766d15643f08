/// How a failed run is told.
package enum RunFailure {
  /// The workloads' own exit statuses.
  package static let badArguments: Int32 = 2
  private static let wrongContents: Int32 = 3
  private static let outOfMemory: Int32 = 4

  /// "SIGSEGV", "contents wrong", "exit status 1: …".
  package static func text(_ outcome: ChildProcess.Outcome) -> String {
    switch outcome.ending {
    case .signalled(let signal): return SignalName.of(signal)
    case .timedOut: return "timed out"
    case .exited(let status):
      // valgrind frames its lines, and ends with an empty one.
      let reason =
        outcome.errors.split(separator: "\n").last {
          !$0.isEmpty && !($0.hasPrefix("==") && $0.hasSuffix("== "))
        }.map { ": \($0)" } ?? ""
      return "exit status \(status)\(reason)"
    }
  }

  /// As `text`, with the meaning that the workload program gives its statuses.
  package static func workloadText(_ outcome: ChildProcess.Outcome) -> String {
    switch outcome.ending {
    case .exited(wrongContents): "contents wrong"
    case .exited(outOfMemory): "out of memory"
    default: text(outcome)
    }
  }
}
