import ArgumentParser
import Foundation
import HakmemToolKit

/// `hakmem bench`.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measures workloads, or your program, on every allocator of this machine.",
    discussion: """
      Every allocator is preloaded into the same program. The runs are interleaved in rounds of \
      random order; ratios are taken within a round, and a difference is claimed only when its \
      interval, widened for the number of rows, leaves 1 out.

      Examples:
        hakmem bench                             the headline workloads
        hakmem bench --all --html report.html    all, with a page of charts
        hakmem bench tiny_hot random_mixed:slots=8192
        hakmem bench larson --threads 1,2,4      scaling over threads
        hakmem bench --allocator mine=./libmine.so --allocator hakmem tiny_hot
        hakmem bench --json new.json --baseline old.json
        hakmem bench --self --quick              the method against itself
        hakmem bench -- sort -n big.txt          your own program

      Allocators are HAKMEM, the C library's, those that the distribution installed, and every \
      *.so in the folders of $HAKMEM_PEERS.
      """)

  @Argument(
    help: ArgumentHelp(
      "Workloads: NAME or NAME:KEY=VALUE,… (default: the headline ones).", valueName: "workload"))
  var workloads: [String] = []

  @OptionGroup(title: "What is measured") var selection: BenchSelection
  @OptionGroup(title: "How") var effort: BenchEffort
  @OptionGroup(title: "Output") var output: BenchOutput
  @OptionGroup var library: LibraryArguments
  @OptionGroup var options: OptionArguments

  @OptionGroup var measured: MeasuredProgram

  func validate() throws {
    if !measured.program.isEmpty
      && (!workloads.isEmpty || selection.all || !selection.trace.isEmpty)
    {
      throw ValidationError("Give workloads or a program, not both.")
    }
    if !measured.program.isEmpty && (effort.callgrind || !effort.threads.counts.isEmpty) {
      throw ValidationError("--callgrind and --threads are for workloads, not for a program.")
    }
  }

  func run() throws {
    let location = library.location
    let finder = AllocatorFinder(location: location, library: library.library)
    if selection.list { return try list(finder) }
    let files = try output.open()
    let baseline = try output.baseline.map { try BenchResult.load($0) }
    let session = try BenchSession(self, finder: finder)
    let result = BenchAnalysis.analysed(try session.run())
    try files.json?.write(result.json())
    try files.html?.write(Page.html(result, baseline: baseline))
    Terminal.show(BenchText.lines(result))
    if let baseline, let name = output.baseline {
      Terminal.show(
        BaselineText.lines(BaselineComparison(new: result, old: baseline), name: name))
    }
    for file in [files.json, files.html] {
      if let file { Terminal.show(["Written: \(file.path)"]) }
    }
    if selection.again {
      let verdict = Summary.selfComparison(result)
      Terminal.show([verdict.sentence])
      if !verdict.isSound { throw ExitCode.failure }
    }
  }

  private func list(_ finder: AllocatorFinder) throws {
    let allocators = try AllocatorFinder.choose(selection.allocator, among: finder.find())
    var lines = ["Allocators"]
    for allocator in allocators {
      lines.append("  \(allocator.name)  \(allocator.library ?? "the C library's own")")
    }
    let program = try finder.location.workloads(given: selection.program)
    let workloads = try Workload.list(program: program, environment: finder.location.environment)
    lines += ["", "Workloads"]
    for workload in workloads {
      lines.append("  \(workload.name)")
      lines += TextWrap.lines("\(workload.help) Counted: \(workload.unit).", indent: "      ")
      lines += TextWrap.lines(workload.parameters, indent: "      ")
    }
    Terminal.show(lines)
  }
}
