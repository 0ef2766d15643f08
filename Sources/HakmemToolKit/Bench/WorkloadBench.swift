/// Runs workloads on every allocator, in rounds.
///
/// In a round each row runs once on each allocator, rows and allocators in random order. The runs
/// of one row follow one another, so that a comparison within a round is one of the same minute.
package final class WorkloadBench {
  private let plan: BenchPlan
  private let program: String
  private var rows: [BenchResult.Row] = []
  private let requests: [(request: WorkloadRequest, threads: Int?)]
  /// Histograms of single calls, by row and allocator.
  private var curves: [[Int]: [UInt64: UInt64]] = [:]
  /// Resident memory of each run, by row and allocator.
  private var timelines: [[Int]: [[[Double]]]] = [:]
  private var floors: [[Double]]
  private var hasFloor: [Bool]
  private let measuresLatency: Bool
  private var random: RandomSource
  private var progress: ProgressBar

  /// Times for a run that only warms up and shows whether it works at all.
  private static let warmUpSeconds = 0.02

  /// - Parameters:
  ///   - program: The workload program.
  ///   - threads: Numbers of threads to run each workload with; empty: its own default.
  ///   - measuresLatency: Whether a last round measures single calls.
  package init(
    plan: BenchPlan, program: String, requests: [WorkloadRequest], threads: [Int],
    measuresLatency: Bool
  ) {
    self.plan = plan
    self.program = program
    self.requests = WorkloadRequest.rows(requests, threads: threads)
    self.measuresLatency = measuresLatency
    floors = Array(repeating: [], count: self.requests.count)
    hasFloor = Array(repeating: true, count: self.requests.count)
    random = RandomSource(seed: plan.seed)
    let passes = plan.effort.rounds + 1 + (measuresLatency ? 1 : 0)
    progress = ProgressBar(total: passes * self.requests.count * plan.allocators.count)
  }

  /// Runs everything.
  ///
  /// - Throws: `BenchFailure` when a workload refuses its parameters: that is the user's mistake,
  ///   not the allocator's.
  package func run(into result: BenchResult) throws -> BenchResult {
    defer { progress.finish() }
    rows = requests.map { request, threads in
      BenchResult.Row(
        id: ([request.label] + (threads.map { ["threads=\($0)"] } ?? [])).joined(separator: " "),
        workload: request.name, unit: "operations", threads: threads, parameters: [:],
        measure: .rate, cells: plan.allocators.map { BenchResult.Cell(allocator: $0.name) })
    }
    try pass(round: 0, arguments: ["seconds=\(WorkloadBench.warmUpSeconds)"], keep: false)
    for round in 1...max(1, plan.effort.rounds) {
      try pass(round: round, arguments: ["seconds=\(plan.effort.seconds)"], keep: true)
    }
    if measuresLatency {
      try pass(round: 0, arguments: ["seconds=\(plan.effort.seconds)", "latency=1"], keep: false)
    }
    finish()
    var result = result
    result.rows = rows
    return result
  }

  // MARK: One pass over all rows

  private func pass(round: Int, arguments: [String], keep: Bool) throws {
    for row in requests.indices.shuffled(using: &random) {
      if keep && hasFloor[row] { try runFloor(row, arguments) }
      for column in plan.allocators.indices.shuffled(using: &random) {
        defer { progress.advance() }
        guard rows[row].cells[column].failure == nil else { continue }
        let allocator = plan.allocators[column]
        progress.show("\(rows[row].id) on \(allocator.name)")
        let outcome = try start(row, arguments, allocator.environment(plan.environment))
        guard outcome.ending == .exited(0) else {
          try refuseBadArguments(outcome)
          rows[row].cells[column].failure = RunFailure.workloadText(outcome)
          continue
        }
        do {
          take(try WorkloadReport.parse(outcome.output), row, column, round: round, keep: keep)
        } catch { rows[row].cells[column].failure = "\(error)" }
      }
    }
  }

  private func start(
    _ row: Int, _ arguments: [String], _ environment: [String: String]
  ) throws -> ChildProcess.Outcome {
    let (request, threads) = requests[row]
    // What the user gave stands first, and is not given a second time.
    let given = request.parameters + (threads.map { ["threads=\($0)"] } ?? [])
    let keys = Set(given.map { $0.prefix { $0 != "=" } })
    let others = arguments.filter { !keys.contains($0.prefix { $0 != "=" }) }
    var child = ChildProcess(
      program: program, arguments: [request.name] + given + others, environment: environment)
    child.timeout = plan.timeout
    return try child.run()
  }

  private func refuseBadArguments(_ outcome: ChildProcess.Outcome) throws {
    guard outcome.ending == .exited(RunFailure.badArguments) else { return }
    throw BenchFailure(outcome.errors.trimmed)
  }

  private func runFloor(_ row: Int, _ arguments: [String]) throws {
    let outcome = try start(row, arguments + ["floor=1"], plan.environment)
    guard outcome.ending == .exited(0), let report = try? WorkloadReport.parse(outcome.output)
    else {
      hasFloor[row] = false  // not every workload has a loop that makes sense without blocks
      return
    }
    floors[row].append(report.operations / report.seconds)
  }

  private func take(
    _ report: WorkloadReport, _ row: Int, _ column: Int, round: Int, keep: Bool
  ) {
    rows[row].unit = report.unit ?? rows[row].unit
    rows[row].threads = report.threads
    rows[row].parameters = report.parameterTexts.filter { key, _ in
      !["seconds", "latency", "floor"].contains(key)
    }
    for pair in report.latency?.counts ?? [] where pair.count == 2 {
      curves[[row, column], default: [:]][pair[0], default: 0] += pair[1]
    }
    guard keep else { return }
    if let samples = report.rssTimeline {
      timelines[[row, column], default: []].append(Timeline.thinned(samples))
    }
    rows[row].cells[column].runs.append(
      BenchResult.Run(
        round: round, value: report.operations / report.seconds, operations: report.operations,
        seconds: report.seconds, userSeconds: report.userSeconds,
        systemSeconds: report.systemSeconds, peakRssKib: report.peakRssKib,
        settledRssKib: report.settledRssKib, liveKib: report.liveKib,
        minorFaults: report.minorFaults, majorFaults: report.majorFaults,
        voluntarySwitches: report.voluntarySwitches,
        involuntarySwitches: report.involuntarySwitches, counters: report.countersPerOperation))
  }

  private func finish() {
    for row in rows.indices {
      rows[row].floor = floors[row].isEmpty ? nil : Descriptive.median(floors[row])
      for column in rows[row].cells.indices {
        rows[row].cells[column].rssTimeline = timelines[[row, column]].flatMap(Timeline.typical)
        rows[row].cells[column].latency = curves[[row, column]].map { counts in
          counts.sorted { $0.key < $1.key }.map { [$0.key, $0.value] }
        }
      }
    }
  }
}
