import ArgumentParser
import Foundation
import HakmemToolKit

/// One call of `hakmem bench`, from the arguments to the runs.
struct BenchSession {
  private let command: BenchCommand
  private let location: LibraryLocation
  private var plan: BenchPlan
  private var notes: [String]
  private let hakmemOptions: [String: String]

  /// Checks everything that can be checked before the first run.
  ///
  /// - Throws: `BenchFailure` or `Refusal` that says what is wrong with the arguments.
  init(_ command: BenchCommand, finder: AllocatorFinder) throws {
    self.command = command
    location = finder.location
    let allocators = try AllocatorFinder.choose(command.selection.allocator, among: finder.find())
    let isChosen = !command.selection.allocator.isEmpty || command.selection.subject != nil
    if !isChosen && !allocators.contains(where: \.isHakmem) {
      _ = try location.library(given: command.library.library)
    }
    let subject = try BenchPlan.subject(of: allocators, requested: command.selection.subject)
    var effort = command.effort.quick ? BenchPlan.Effort.quick : .full
    effort.rounds = command.effort.rounds ?? effort.rounds
    effort.seconds = command.effort.seconds ?? effort.seconds
    plan = BenchPlan(
      effort: effort, seed: command.effort.seed ?? UInt64.random(in: 1...999_999_999),
      allocators: allocators, subject: subject, environment: location.environment,
      toolVersion: Version.tool)
    if command.selection.again {
      plan.allocators = BenchPlan.selfComparison(allocators.first { $0.name == subject }!)
    }
    if let library = plan.allocators.first(where: \.isHakmem)?.library {
      plan.options = try command.options.variables(library: library)
    }
    notes = try plan.probeAllocators(tool: location.executable)
    hakmemOptions = try plan.applyOptions(tool: location.executable)
    if location.environment["LD_PRELOAD"] != nil {
      notes.append("LD_PRELOAD of this shell was left out of every run.")
    }
  }

  /// Runs the benchmark.
  func run() throws -> BenchResult {
    let isProgram = !command.measured.program.isEmpty
    var result = BenchResult.begin(
      plan, kind: command.effort.callgrind ? "callgrind" : "time",
      seconds: isProgram || command.effort.callgrind ? nil : plan.effort.seconds,
      options: hakmemOptions)
    result.notes = notes
    return isProgram ? try runProgram(result) : try runWorkloads(result)
  }

  private func runProgram(_ result: BenchResult) throws -> BenchResult {
    let file = try ProgramFile(
      named: command.measured.program[0], searchPath: location.environment["PATH"])
    for allocator in plan.allocators {
      if let library = allocator.library { try file.checkPreloadable(library: library) }
    }
    return try ProgramBench(
      plan: plan, program: file.path, arguments: Array(command.measured.program.dropFirst())
    ).run(into: result)
  }

  private func runWorkloads(_ result: BenchResult) throws -> BenchResult {
    let program = try location.workloads(given: command.selection.program)
    let known = try Workload.list(program: program, environment: plan.environment)
    var requests = try command.workloads.map(WorkloadRequest.init(parsing:))
    let all = known.filter { !$0.needsParameters }.map { WorkloadRequest(name: $0.name) }
    if command.selection.all { requests = all }
    requests += command.selection.trace.map(WorkloadRequest.trace(file:))
    if requests.isEmpty {
      requests = WorkloadRequest.headline.filter { row in known.contains { $0.name == row.name } }
      if requests.isEmpty { requests = all }
    }
    try WorkloadRequest.check(requests, against: known)
    let threads = command.effort.threads.counts
    if command.effort.callgrind {
      return try CallgrindBench(plan: plan, program: program).run(
        requests: requests, threads: threads, into: result)
    }
    return try WorkloadBench(
      plan: plan, program: program, requests: requests, threads: threads,
      measuresLatency: !command.effort.noLatency
    ).run(into: result)
  }
}
