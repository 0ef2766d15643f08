import Foundation

/// A program to run, with all that it sees: arguments, environment, input, folder, time limit.
public struct Command: Sendable {
  public var executable: String
  public var arguments: [String]
  public var environment: [String: String]
  public var directory: String?
  public var input: String?
  /// Seconds until the whole process group is killed. Generous, since no test measures time.
  public var timeout: Double = 180
  /// The libraries to preload, in order; the allocator under test unless changed.
  public var preload: [String]

  /// A program found by its name on `PATH`, or by its path.
  public init(_ program: String, _ arguments: [String] = [], environment: [String: String] = [:]) {
    executable = System.find(program) ?? program
    self.arguments = arguments
    self.environment = environment
    preload = Allocator.underTest.path.map { [$0] } ?? []
  }

  /// The same command on the C library's own allocator.
  public var onSystemAllocator: Command {
    var copy = self
    copy.preload = []
    return copy
  }

  public func with(timeout: Double) -> Command {
    var copy = self
    copy.timeout = timeout
    return copy
  }

  public func with(input: String) -> Command {
    var copy = self
    copy.input = input
    return copy
  }

  public func `in`(_ directory: String) -> Command {
    var copy = self
    copy.directory = directory
    return copy
  }

  public func with(environment more: [String: String]) -> Command {
    var copy = self
    copy.environment.merge(more) { $1 }
    return copy
  }

  /// The caller's environment without its HAKMEM_ and preload variables, in English, with the
  /// command's own on top.
  var fullEnvironment: [String: String] {
    var all = ProcessInfo.processInfo.environment.filter {
      !$0.key.hasPrefix("HAKMEM_") && $0.key != "LD_PRELOAD" && !$0.key.hasPrefix("MALLOC_")
    }
    all["LC_ALL"] = "C.UTF-8"
    if !preload.isEmpty {
      all["LD_PRELOAD"] = preload.joined(separator: ":")
    }
    return all.merging(environment) { $1 }
  }

  /// Runs the program to its end, or kills it and all its group at the time limit.
  public func run() throws -> Outcome {
    let program = try RunningProgram(self)
    return try program.wait(seconds: timeout)
  }

  /// Starts the program and lets it run; the caller stops it.
  public func start() throws -> RunningProgram {
    try RunningProgram(self)
  }
}

/// How a program ended and what it printed.
public struct Outcome: Sendable, CustomStringConvertible {
  public enum Ending: Equatable, Sendable {
    case exited(Int32)
    case killed(signal: Int32)
    case timedOut
  }

  public let ending: Ending
  public let output: String
  public let errors: String
  public let command: String

  public var succeeded: Bool { ending == .exited(0) }

  /// Names of the parts that the program skipped because the allocator lacks them.
  public var skipped: [String] {
    let prefix = "skipped: "
    let lines = output.split(separator: "\n").filter { $0.hasPrefix(prefix) }
    return lines.map { String($0.dropFirst(prefix.count)) }
  }

  /// What a failed expectation shows: the command as one can repeat it, and the end of its output.
  public var description: String {
    "\(command)\n\(ending)\nstdout: \(output.suffix(1500))\nstderr: \(errors.suffix(3000))"
  }
}
