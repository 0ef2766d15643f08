import Foundation

/// Counts instructions per operation with valgrind's callgrind: the same every time, whatever the
/// machine does otherwise. Two runs of different length give the quotient of the differences, so
/// that start and end do not count.
///
/// The libraries run as copies without debug information: valgrind gives up on what a newer
/// compiler than itself wrote there.
package final class CallgrindBench {
  /// Operations of the two runs: enough that slow paths occur in their usual proportion.
  package static let operations = (short: 100_000, long: 400_000)

  private let plan: BenchPlan
  private let program: String
  private let valgrind: String
  private let folder: String
  /// Copies by the library they were made of.
  private var copies: [String: String] = [:]

  /// - Throws: `BenchFailure` when valgrind is not installed.
  package init(plan: BenchPlan, program: String) throws {
    let paths = ["/usr/bin/valgrind", "/usr/local/bin/valgrind"]
    guard let valgrind = paths.first(where: { access($0, X_OK) == 0 }) else {
      throw BenchFailure("--callgrind needs valgrind, which is not installed.")
    }
    self.valgrind = valgrind
    self.plan = plan
    self.program = program
    folder = NSTemporaryDirectory() + "/hakmem-callgrind-\(getpid())"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  /// Counts every row on every allocator.
  package func run(
    requests: [WorkloadRequest], threads: [Int], into result: BenchResult
  ) throws -> BenchResult {
    var result = result
    let rows = WorkloadRequest.rows(requests, threads: threads)
    let progress = ProgressBar(total: rows.count * plan.allocators.count)
    defer { progress.finish() }
    for (request, threads) in rows {
      let given = request.parameters + (threads.map { ["threads=\($0)"] } ?? [])
      var row = BenchResult.Row(
        id: ([request.label] + (threads.map { ["threads=\($0)"] } ?? [])).joined(separator: " "),
        workload: request.name,
        unit: "instructions", threads: threads, parameters: [:], measure: .instructions, cells: [])
      for var allocator in plan.allocators {
        progress.show("\(row.id) on \(allocator.name)")
        var cell = BenchResult.Cell(allocator: allocator.name)
        allocator.library = allocator.library.map(withoutDebugInformation)
        do {
          let count = try perOperation([request.name] + given, allocator)
          cell.runs = [BenchResult.Run(round: 1, value: count)]
        } catch { cell.failure = "\(error)" }
        row.cells.append(cell)
        progress.advance()
      }
      result.rows.append(row)
    }
    return result
  }

  /// A copy of a library, or the library itself where none can be made.
  private func withoutDebugInformation(_ library: String) -> String {
    if let copy = copies[library] { return copy }
    // Numbered: two builds of one library have the same name.
    let copy = "\(folder)/\(copies.count)-\((library as NSString).lastPathComponent)"
    copies[library] = copy
    guard let bytes = TextFile.bytes(library) else { return library }
    let data = Data(DebugInformation.hidden(bytes))
    return FileManager.default.createFile(atPath: copy, contents: data) ? copy : library
  }

  private func perOperation(_ arguments: [String], _ allocator: Allocator) throws -> Double {
    let short = try count(arguments, CallgrindBench.operations.short, allocator)
    let long = try count(arguments, CallgrindBench.operations.long, allocator)
    guard long.operations > short.operations else {
      throw BenchFailure("the workload does not take operations=N")
    }
    return Double(long.instructions - short.instructions) / (long.operations - short.operations)
  }

  private func count(
    _ arguments: [String], _ operations: Int, _ allocator: Allocator
  ) throws -> (instructions: Int, operations: Double) {
    let output = "\(folder)/output"
    var child = ChildProcess(
      program: valgrind,
      arguments: ["-q", "--tool=callgrind", "--callgrind-out-file=\(output)", program] + arguments
        + ["operations=\(operations)"],
      environment: allocator.environment(plan.environment))
    child.timeout = 600
    let outcome = try child.run()
    guard outcome.ending == .exited(0) else {
      throw BenchFailure(RunFailure.workloadText(outcome))
    }
    guard let total = TextFile.read(output).flatMap(CallgrindBench.total) else {
      throw BenchFailure("callgrind wrote no total")
    }
    return (total, try WorkloadReport.parse(outcome.output).operations)
  }

  /// The total of a callgrind file: its line "totals: N", or "summary: N" in older ones.
  static func total(_ text: String) -> Int? {
    for name in ["totals:", "summary:"] {
      for line in text.split(separator: "\n").reversed() where line.hasPrefix(name) {
        return line.dropFirst(name.count).split(separator: " ").first.flatMap { Int($0) }
      }
    }
    return nil
  }
}
