import ArgumentParser
import HakmemToolKit

/// Which workloads and allocators.
struct BenchSelection: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "NAME=PATH adds an allocator; NAME alone runs only those named.", valueName: "name=path"))
  var allocator: [String] = []

  @Option(
    help: ArgumentHelp("The allocator to compare with the others (HAKMEM).", valueName: "name"))
  var subject: String?

  @Flag(name: .customLong("self"), help: "Compare the same library with itself: shows the noise.")
  var again = false

  @Flag(help: "Run every workload that needs no file.")
  var all = false

  @Option(
    help: ArgumentHelp(
      "Replay a recorded allocation trace on each allocator; may be repeated.", valueName: "file"),
    completion: .file())
  var trace: [String] = []

  @Flag(help: "List workloads and allocators, and stop.")
  var list = false

  @Option(
    name: .customLong("workloads"),
    help: ArgumentHelp("The workload program (also $HAKMEM_WORKLOADS).", valueName: "path"),
    completion: .file())
  var program: String?
}

/// How long and how often.
struct BenchEffort: ParsableArguments {
  @Option(help: "Rounds (12; quick: 8). Below 3 no verdict is given.")
  var rounds: Int?

  @Option(help: "Seconds of each run's timed part (0.4; quick: 0.1).")
  var seconds: Double?

  @Option(help: "Threads of each workload; several as 1,2,4.")
  var threads = ThreadCounts(counts: [])

  @Flag(help: "Fewer and shorter runs.")
  var quick = false

  @Option(help: "Seed of the runs' order and of the statistics; printed with every result.")
  var seed: UInt64?

  @Flag(help: "Leave out the round that times single calls.")
  var noLatency = false

  @Flag(help: "Count instructions per operation with valgrind instead of time.")
  var callgrind = false

  func validate() throws {
    if let rounds, !(1...10_000).contains(rounds) {
      throw ValidationError("--rounds must be from 1 to 10000.")
    }
    if let seconds, !(seconds >= 0.001 && seconds <= 3600) {
      throw ValidationError("--seconds must be from 0.001 to 3600.")
    }
  }
}

/// Numbers of threads: "1,2,4".
struct ThreadCounts: ExpressibleByArgument, Sendable {
  var counts: [Int]

  init(counts: [Int]) { self.counts = counts }

  init?(argument: String) {
    let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
    counts = parts.compactMap { Int($0) }
    guard counts.count == parts.count, counts.allSatisfy({ (1...4096).contains($0) }) else {
      return nil
    }
  }

  var defaultValueDescription: String { "the workload's own" }
}

/// Where results go.
struct BenchOutput: ParsableArguments {
  @Option(
    help: ArgumentHelp("Write the result as JSON.", valueName: "file"), completion: .file())
  var json: String?

  @Option(
    help: ArgumentHelp("Write one self-contained page.", valueName: "file"), completion: .file())
  var html: String?

  @Option(
    help: ArgumentHelp("Compare with an older --json result.", valueName: "file"),
    completion: .file(extensions: ["json"]))
  var baseline: String?

  /// Checks that the files can be written, before hours of work.
  ///
  /// - Throws: `OutputFile.Failure`.
  func open() throws -> (json: OutputFile?, html: OutputFile?) {
    (try json.map(OutputFile.init(path:)), try html.map(OutputFile.init(path:)))
  }
}
