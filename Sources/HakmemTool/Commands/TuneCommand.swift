import ArgumentParser
import Foundation
import HakmemToolKit

/// `hakmem tune`.
struct TuneCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tune",
    abstract:
      "Measures the kernel policies on your program or on workloads, and recommends options.",
    discussion: """
      Huge pages {off, auto, on} times prefault {off, populate, touch}, and purge delays, each in \
      every round beside the defaults. A difference is named only when it is beyond noise; \
      counters that this machine lacks are left out.

      Examples:
        hakmem tune                              built-in workloads
        hakmem tune -- python3 job.py            your program
        hakmem tune larson random_mixed:slots=8192 --quick
        hakmem tune --json tune.json -- ./server --self-test
      """)

  @Argument(
    help: ArgumentHelp("Workloads: NAME or NAME:KEY=VALUE,….", valueName: "workload"))
  var workloads: [String] = []

  @Option(help: "Rounds (12; quick: 8). Below 3 no verdict is given.")
  var rounds: Int?

  @Option(help: "Seconds of each workload run's timed part (0.4; quick: 0.1).")
  var seconds: Double?

  @Flag(help: "Fewer and shorter runs.")
  var quick = false

  @Option(help: "Seed of the runs' order and of the statistics; printed with the result.")
  var seed: UInt64?

  @Option(
    help: ArgumentHelp("Write the result as JSON.", valueName: "file"), completion: .file())
  var json: String?

  @Option(
    name: .customLong("workloads"),
    help: ArgumentHelp("The workload program (also $HAKMEM_WORKLOADS).", valueName: "path"),
    completion: .file())
  var workloadProgram: String?

  @OptionGroup var library: LibraryArguments
  @OptionGroup var options: OptionArguments

  @OptionGroup var measured: MeasuredProgram

  func validate() throws {
    if !measured.program.isEmpty && !workloads.isEmpty {
      throw ValidationError("Give workloads or a program, not both.")
    }
    if let rounds, !(1...10_000).contains(rounds) {
      throw ValidationError("--rounds must be from 1 to 10000.")
    }
    if let seconds, !(seconds >= 0.001 && seconds <= 3600) {
      throw ValidationError("--seconds must be from 0.001 to 3600.")
    }
  }

  /// Where pages and their return matter: growth, steady state, threads and idleness.
  private static let standardWorkloads = [
    "random_mixed:slots=8192", "realloc_growth:maximum=67108864", "larson", "burst_idle",
  ]

  func run() throws {
    let file = try json.map(OutputFile.init(path:))
    let location = library.location
    let path = try library.find()
    let base = try options.variables(library: path)
    let policies = TunePolicy.matrix(try OptionTable.load(library: path), base: base)
    var plan = try plan(path, policies[0], location)
    var notes = try plan.probeAllocators(tool: location.executable)
    let version = plan.allocators.first?.version
    plan.allocators = policies.map { $0.allocator(library: path, version: version) }
    if location.environment["LD_PRELOAD"] != nil {
      notes.append("LD_PRELOAD of this shell was left out of every run.")
    }
    let isProgram = !measured.program.isEmpty
    var result = BenchResult.begin(
      plan, kind: "time", seconds: isProgram ? nil : plan.effort.seconds, options: base)
    result.notes = notes
    result =
      isProgram
      ? try runProgram(plan, result, location) : try runWorkloads(plan, result, location)
    let tune = TuneResult(BenchAnalysis.analysed(result), base: base)
    try file?.write(tune.json())
    Terminal.show(TuneText.lines(tune))
    if let file { Terminal.show(["Written: \(file.path)"]) }
  }

  private func plan(
    _ path: String, _ defaults: TunePolicy, _ location: LibraryLocation
  ) throws -> BenchPlan {
    var effort = quick ? BenchPlan.Effort.quick : .full
    effort.rounds = rounds ?? effort.rounds
    effort.seconds = seconds ?? effort.seconds
    return BenchPlan(
      effort: effort, seed: seed ?? UInt64.random(in: 1...999_999_999),
      allocators: [defaults.allocator(library: path, version: nil)], subject: defaults.name,
      environment: location.environment, toolVersion: Version.tool)
  }

  private func runProgram(
    _ plan: BenchPlan, _ result: BenchResult, _ location: LibraryLocation
  ) throws -> BenchResult {
    let file = try ProgramFile(named: measured.program[0], searchPath: location.environment["PATH"])
    if let library = plan.allocators[0].library { try file.checkPreloadable(library: library) }
    return try ProgramBench(
      plan: plan, program: file.path, arguments: Array(measured.program.dropFirst())
    ).run(into: result)
  }

  private func runWorkloads(
    _ plan: BenchPlan, _ result: BenchResult, _ location: LibraryLocation
  ) throws -> BenchResult {
    let executable = try location.workloads(given: workloadProgram)
    let known = try Workload.list(program: executable, environment: plan.environment)
    var requests = try workloads.map(WorkloadRequest.init(parsing:))
    if requests.isEmpty {
      requests = try Self.standardWorkloads.map(WorkloadRequest.init(parsing:))
        .filter { request in known.contains { $0.name == request.name } }
    }
    try WorkloadRequest.check(requests, against: known)
    return try WorkloadBench(
      plan: plan, program: executable, requests: requests, threads: [], measuresLatency: false
    ).run(into: result)
  }
}
