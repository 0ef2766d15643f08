import Foundation

/// Runs a program of the user's on every allocator, in rounds.
package final class ProgramBench {
  private let plan: BenchPlan
  private let program: String
  private let arguments: [String]
  /// Resident memory of each run, by allocator.
  private var timelines: [String: [[[Double]]]] = [:]
  private var random: RandomSource
  private let progress: ProgressBar

  /// - Parameter program: Path of the program.
  package init(plan: BenchPlan, program: String, arguments: [String]) {
    self.plan = plan
    self.program = program
    self.arguments = arguments
    random = RandomSource(seed: plan.seed)
    progress = ProgressBar(total: (plan.effort.rounds + 2) * plan.allocators.count)
  }

  /// Runs everything. A program that fails under one allocator is noted, and the others go on.
  ///
  /// - Throws: `BenchFailure` when it fails under every one.
  package func run(into result: BenchResult) throws -> BenchResult {
    defer { progress.finish() }
    let name = (program as NSString).lastPathComponent
    let line = ([name] + arguments).joined(separator: " ")
    var row = BenchResult.Row(
      id: line, workload: name, unit: "s", parameters: [:],
      measure: .time, cells: plan.allocators.map { BenchResult.Cell(allocator: $0.name) })
    for round in 0...max(1, plan.effort.rounds) {
      for column in plan.allocators.indices.shuffled(using: &random) {
        defer { progress.advance() }
        guard row.cells[column].failure == nil else { continue }
        progress.show("\(plan.allocators[column].name), round \(round)")
        try measure(&row.cells[column], on: plan.allocators[column], round: round)
      }
      if round == 0 && row.cells.allSatisfy({ $0.failure != nil }) {
        throw BenchFailure("\(line) fails on every allocator: \(row.cells[0].failure ?? "").")
      }
    }
    for column in plan.allocators.indices where row.cells[column].failure == nil {
      row.cells[column].rssTimeline =
        timelines[row.cells[column].allocator].flatMap(Timeline.typical)
      progress.show("\(plan.allocators[column].name), system calls")
      row.cells[column].systemCalls = SystemCallCount.count(
        program: program, arguments: arguments, allocator: plan.allocators[column],
        environment: plan.environment)
      progress.advance()
    }
    var result = result
    result.rows = [row]
    if SystemCallCount.tracer == nil {
      result.notes.append("System calls were not measured: strace is not installed.")
    } else if row.cells.allSatisfy({ $0.systemCalls == nil }) {
      result.notes.append("System calls were not measured: strace may not trace here.")
    }
    return result
  }

  /// One run. Round 0 warms up and is not kept.
  private func measure(
    _ cell: inout BenchResult.Cell, on allocator: Allocator, round: Int
  ) throws {
    var child = ChildProcess(
      program: program, arguments: arguments,
      environment: allocator.environment(plan.environment))
    child.output = .discard
    var memory = ResidentMemory()
    let outcome = try child.run { memory.sample($0) }
    guard outcome.ending == .exited(0) else {
      cell.failure = RunFailure.text(outcome)
      return
    }
    guard round > 0 else { return }
    timelines[cell.allocator, default: []].append(Timeline.thinned(memory.timeline))
    let peak = memory.peakKiB(charged: outcome.maximumResidentKiB)
    cell.runs.append(
      BenchResult.Run(
        round: round, value: outcome.wallSeconds, seconds: outcome.wallSeconds,
        userSeconds: outcome.userSeconds, systemSeconds: outcome.systemSeconds,
        peakRssKib: peak.map(Double.init), settledRssKib: memory.settledKiB,
        minorFaults: Double(outcome.minorFaults), majorFaults: Double(outcome.majorFaults),
        voluntarySwitches: Double(outcome.voluntarySwitches),
        involuntarySwitches: Double(outcome.involuntarySwitches)))
  }
}
