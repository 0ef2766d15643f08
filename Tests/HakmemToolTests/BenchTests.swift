import Foundation
import Testing

@testable import HakmemToolKit

@Suite struct BenchTests {
  private func plan(_ allocators: [Allocator], rounds: Int = 3) -> BenchPlan {
    BenchPlan(
      effort: BenchPlan.Effort(rounds: rounds, seconds: 0.01), seed: 1, allocators: allocators,
      subject: allocators[0].name, environment: ["PATH": "/bin:/usr/bin"], toolVersion: "0")
  }

  private func bench(
    _ workloads: [String], _ allocators: [Allocator], threads: [Int] = []
  ) throws -> BenchResult {
    let scratch = Scratch()
    let program = FakeWorkloads.write(to: scratch)
    let plan = plan(allocators)
    let bench = WorkloadBench(
      plan: plan, program: program, requests: try workloads.map(WorkloadRequest.init(parsing:)),
      threads: threads, measuresLatency: true)
    return BenchAnalysis.analysed(
      try bench.run(into: .begin(plan, kind: "time", seconds: 0.01, options: [:])))
  }

  private let system = Allocator(name: "glibc", library: nil)
  private let preloaded = Allocator(name: "other", library: Built.harmlessLibrary)

  @Test func aReportOfEveryRunIsKept() throws {
    let result = try bench(["steady:slots=9"], [system, preloaded])
    let row = try #require(result.rows.first)
    #expect(row.id == "steady slots=9")
    #expect(row.floor == 2000)
    #expect(row.parameters["slots"] == "256")
    for cell in row.cells {
      #expect(cell.runs.map(\.round) == [1, 2, 3])
      #expect(cell.median == 2000)
      #expect(cell.runs[0].peakRssKib == 2048)
      #expect(cell.runs[0].counters == ["instructions": 5])
      #expect(cell.curve.count == 1000)
      #expect(cell.rssTimeline?.count == 3)
    }
    #expect(row.best(.speed)?.verdict == .noDifference)
  }

  @Test func aCrashIsNamedAndTheOthersGoOn() throws {
    let result = try bench(["crash", "wrong", "hungry"], [system, preloaded])
    #expect(result.rows[0].cells[0].failure == nil)
    #expect(result.rows[0].cells[0].runs.count == 3)
    #expect(result.rows[0].cells[1].failure == "SIGSEGV")
    #expect(result.rows[1].cells[0].failure == "contents wrong")
    #expect(result.rows[2].cells[0].failure == "out of memory")
    #expect(result.rows[0].floor == nil)
  }

  @Test func tracesAreNamedByTheirFilesName() {
    let request = WorkloadRequest.trace(file: "/some/where/web.trace")
    #expect(request.label == "trace file=web.trace")
    #expect(request.parameters == ["file=/some/where/web.trace"])
  }

  @Test func threadsMakeRows() throws {
    let result = try bench(["steady", "steady:threads=8"], [system], threads: [1, 2])
    #expect(
      result.rows.map(\.id) == ["steady threads=1", "steady threads=2", "steady threads=8"])
    #expect(result.rows.map(\.threads) == [1, 2, 8])
  }

  @Test func refusedParametersAreTheUsersMistake() {
    #expect(throws: BenchFailure("fake: unknown parameter bogus=1")) {
      try bench(["steady:bogus=1"], [system])
    }
    #expect(throws: BenchFailure.self) { try WorkloadRequest(parsing: "steady:bogus") }
  }

  @Test func unknownNamesListTheValidOnes() throws {
    let known = Workload.parse("a\top\thelp\tx=1 y=2\nb\tbytes\n")
    #expect(known.map(\.name) == ["a", "b"])
    #expect(known[0].standard("y") == "2")
    #expect(Workload.parse("trace\top\thelp\tseed=1 file=")[0].needsParameters)
    #expect(!known[0].needsParameters)
    #expect(throws: BenchFailure("There is no workload c. There are: a, b.")) {
      try WorkloadRequest.check([WorkloadRequest(name: "c")], against: known)
    }
    #expect(throws: BenchFailure.self) {
      try AllocatorFinder.choose(["nope"], among: [system, preloaded])
    }
    #expect(try AllocatorFinder.choose(["OTHER"], among: [system, preloaded]) == [preloaded])
    let library = try #require(Built.harmlessLibrary)
    let added = try AllocatorFinder.choose(["mine=\(library)"], among: [system])
    #expect(added.map(\.name) == ["glibc", "mine"])
  }

  @Test func peersAreFoundByTheirFiles() {
    let scratch = Scratch()
    scratch.write("peers/libone.so", "")
    scratch.write("peers/two.so", "")
    scratch.write("peers/readme.txt", "")
    scratch.write("lib/libjemalloc.so.2", "")
    let location = LibraryLocation(
      executable: "/nonexistent/hakmem", environment: ["HAKMEM_PEERS": "\(scratch.path)/peers"])
    let found = AllocatorFinder(location: location).find(directories: ["\(scratch.path)/lib"])
    #expect(found.map(\.name) == ["glibc", "one", "two", "jemalloc"])
  }

  @Test func aProgramIsMeasuredOnEachAllocator() throws {
    let plan = plan([system, preloaded], rounds: 3)
    let bench = ProgramBench(plan: plan, program: "/bin/sh", arguments: ["-c", "sleep 0.3"])
    let result = BenchAnalysis.analysed(
      try bench.run(into: .begin(plan, kind: "time", seconds: nil, options: [:])))
    let row = try #require(result.rows.first)
    #expect(row.measure == .time)
    for cell in row.cells {
      #expect(cell.failure == nil)
      #expect(cell.runs.count == 3)
      #expect(cell.runs.allSatisfy { ($0.peakRssKib ?? 0) > 100 })
    }
    let text = BenchText.lines(result)
    #expect(text.contains { $0.contains("glibc") && $0.contains("ms") })
  }

  @Test func aProgramThatAlwaysFailsIsNoBenchmark() {
    let plan = plan([system])
    #expect(throws: BenchFailure("sh -c exit 3 fails on every allocator: exit status 3.")) {
      try ProgramBench(plan: plan, program: "/bin/sh", arguments: ["-c", "exit 3"])
        .run(into: .begin(plan, kind: "time", seconds: nil, options: [:]))
    }
  }

  @Test func versionsAreReadAsTheirLibrariesMeanThem() {
    #expect(AllocatorProbe.mimallocVersion(217) == "2.1.7")
    #expect(AllocatorProbe.mimallocVersion(30403) == "3.4.3")
    #expect(AllocatorProbe.shortened("5.3.0-0-g54eaed1d8b56b1aa528be3") == "5.3.0")
    #expect(AllocatorProbe.shortened("5.3.1-47-g295e48944b200b595") == "5.3.1-47-g295e489")
    #expect(AllocatorProbe.shortened("2-great") == "2-great")
  }

  @Test func totalsOfOtherToolsAreRead() {
    #expect(CallgrindBench.total("events: Ir\nfn=x\n1 2\ntotals: 123456\n") == 123_456)
    #expect(CallgrindBench.total("summary: 77\n") == 77)
    #expect(CallgrindBench.total("nothing") == nil)
    let summary = "% time seconds usecs/call calls errors syscall\n100.00 0.001 2 541 3 total\n"
    #expect(SystemCallCount.total(summary) == 541)
  }

  @Test func timelinesKeepTheirPeak() {
    let samples = (0..<5000).map { [Double($0), $0 == 4321 ? 9.0 : 1.0] }
    let thinned = Timeline.thinned(samples)
    #expect(thinned.count == 240)
    #expect(thinned.contains([4321, 9]))
  }

  @Test func memoryOfAProcessThatHardlyLivedIsLeftOut() throws {
    var memory = ResidentMemory()
    for _ in 0..<5 { memory.sample(getpid()) }
    #expect(memory.peakKiB(charged: 0) == nil && memory.settledKiB == nil)
    memory.sample(getpid())
    let peak = try #require(memory.peakKiB(charged: 0))
    #expect(try #require(memory.settledKiB) <= Double(peak))
  }

  @Test func aProcessIsWatchedUntilItsEnd() throws {
    var samples = 0
    let child = ChildProcess(program: "/bin/sleep", arguments: ["0.1"])
    let outcome = try child.run { _ in samples += 1 }
    #expect(outcome.ending == .exited(0) && samples > 1)
    #expect(outcome.wallSeconds >= 0.1)
  }

  @Test func aProcessThatHangsIsKilled() throws {
    var child = ChildProcess(program: "/bin/sleep", arguments: ["60"])
    child.timeout = 0.05
    #expect(try child.run().ending == .timedOut)
    #expect(throws: ChildProcess.Failure.self) {
      try ChildProcess(program: "/nonexistent", arguments: []).run()
    }
  }
}
