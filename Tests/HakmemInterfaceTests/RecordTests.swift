import Foundation
import HakmemTestSupport
import Testing

/// Traces that the library records of small programs, read back and compared with what they did.
@Suite(.enabled(if: Allocator.underTest.isHakmem, "only HAKMEM records"))
struct `A recording` {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory("record") }

  /// Runs record/calls.c with HAKMEM_RECORD.
  private func run(
    _ mode: String, name: String = "trace", environment: [String: String] = [:]
  ) throws -> Outcome {
    try Allocator.underTest.requireExists()
    var command = Command(try TestProgram.build("record/calls.c"), [mode])
    command.environment = environment
    command.environment["HAKMEM_RECORD"] = "\(folder.path)/\(name)"
    return try command.run()
  }

  private func trace(_ name: String = "trace") throws -> Trace {
    try Trace(path: "\(folder.path)/\(name)")
  }

  private func quietTrace(of mode: String) throws -> Trace {
    let outcome = try run(mode)
    #expect(outcome.succeeded && outcome.errors.isEmpty, "\(outcome)")
    return try trace()
  }

  /// The records of the program's own calls: libc's blocks are smaller.
  private func own(_ trace: Trace) -> [Trace.Record] {
    trace.records.filter { $0.kind == .threadExit || $0.size > 100_000 && $0.size < 101_000 }
  }

  /// What one `make_calls(100000 + first)` of the program leaves.
  private func expected(_ first: Int) -> [String] {
    [
      "malloc 1", "calloc 2", "aligned 3", "realloc 4", "free 2", "malloc 5", "free 5", "free 4",
      "free 3",
    ].map { text in
      let parts = text.split(separator: " ")
      return "\(parts[0]) \(Int(parts[1])! + first - 1)"
    }
  }

  private func summary(_ records: [Trace.Record]) -> [String] {
    records.map { $0.kind == .threadExit ? "exit" : "\($0.kind) \($0.size - 100_000)" }
  }

  @Test func `has every call once, with its size, and failed ones not at all`() throws {
    let trace = try quietTrace(of: "calls")
    let calls = own(trace)
    #expect(summary(calls) == expected(1))
    #expect(calls.first { $0.kind == .aligned }?.alignmentLog2 == 12)
    #expect(calls[0].block == calls[3].block)
    #expect(trace.callCount == trace.calls.count)
    #expect(trace.threadCount == 1)
    #expect(trace.byteCount <= 65536)
  }

  @Test func `keeps threads apart and uses the numbers of ended ones again`() throws {
    let trace = try quietTrace(of: "threads")
    let calls = own(trace)
    #expect(summary(calls) == (1...5).flatMap { expected(10 * $0 + 1) + ["exit"] })
    #expect(calls.allSatisfy { $0.thread > 0 })
    #expect(trace.threadCount <= 3)
  }

  @Test func `has each block's calls in order while threads contend`() throws {
    // The reader refuses a block that is allocated twice or freed twice.
    let calls = own(try quietTrace(of: "contend"))
    let allocations = calls.filter { $0.kind == .malloc }.count
    #expect(allocations == 4 * 20_000)
    #expect(calls.filter { $0.kind == .free }.count == allocations - 16)
    #expect((calls.map(\.block).max() ?? 0) < 1000)
    #expect(Set(calls.map(\.thread)).count == 4)
  }

  @Test func `stays the first process's own when it forks, clones and spawns`() throws {
    let trace = try quietTrace(of: "forks")
    #expect(summary(own(trace)) == expected(1) + expected(31))
  }

  @Test func `has a file for each process when the name says so`() throws {
    let outcome = try run("forks", name: "%p.trace")
    #expect(outcome.succeeded && outcome.errors.isEmpty, "\(outcome)")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    // The program, and two that it started; the child that is no program of its own records nothing.
    #expect(files.count == 3, "\(files)")
    for file in files {
      let trace = try trace(file)
      #expect(file == "\(trace.process).trace")
      #expect(Array(summary(own(trace)).prefix(9)) == expected(1))
    }
  }

  @Test func `begins again with the program that takes the process's place`() throws {
    #expect(summary(own(try quietTrace(of: "exec"))) == expected(1))
  }

  @Test func `goes on when the program closes or reuses the file's descriptor`() throws {
    #expect(own(try quietTrace(of: "close")).count == 400_000)
  }

  @Test(arguments: ["kill", "_exit"])
  func `is whole when the process ends at once`(mode: String) throws {
    let outcome = try run(mode)
    #expect(outcome.errors.isEmpty)
    #expect(mode != "kill" || outcome.ending == .killed(signal: SIGKILL))
    let trace = try trace()
    #expect(own(trace).count == 200_000)
    #expect(trace.callCount == trace.calls.count)
  }

  @Test func `has the calls that are made after main`() throws {
    let calls = own(try quietTrace(of: "late"))
    #expect(summary(calls) == (1...5).flatMap { expected(10 * $0 + 1) + ["exit"] })
  }

  @Test func `ends with one message when the file can grow no more, and the program goes on`()
    throws
  {
    let outcome = try run("limit")
    #expect(outcome.succeeded, "\(outcome)")
    let lines = outcome.errors.split(separator: "\n")
    #expect(lines.count == 1)
    #expect(outcome.errors.contains("stopped recording") && outcome.errors.contains("too large"))
    let trace = try trace()
    #expect(trace.callCount == trace.calls.count)
    #expect((50_000..<600_000).contains(own(trace).count))
    #expect(outcome.errors.contains("after \(trace.callCount) calls"))
    #expect(trace.byteCount <= 1 << 20)
  }

  @Test func `of two processes in one file is refused`() throws {
    let path = try folder.write("", to: "trace")
    let descriptor = open(path, O_RDWR)
    defer { close(descriptor) }
    #expect(flock(descriptor, LOCK_EX) == 0)
    let outcome = try run("calls")
    #expect(outcome.succeeded)
    #expect(outcome.errors.contains("\(path): process 0 is writing it"), "\(outcome.errors)")
    #expect(FileManager.default.contents(atPath: path) == Data())
  }

  @Test(arguments: [
    ("no/such/folder/trace", "no such file or directory"), (".", "it is a directory"),
    ("../../../../../../dev/null", "it is not a regular file"),
    (String(repeating: "n", count: 3000), "the name is too long"),
  ])
  func `that cannot begin is one message`(name: String, reason: String) throws {
    let outcome = try run("forks", name: name)
    #expect(outcome.succeeded)
    #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
    #expect(outcome.errors.contains(reason), "\(outcome.errors)")
    let silent = try run("calls", name: name, environment: ["HAKMEM_QUIET": "1"])
    #expect(silent.errors.isEmpty)
  }

  @Test func `does not replace a file of another kind`() throws {
    let path = try folder.write("a letter", to: "letter")
    let outcome = try run("calls", name: "letter")
    #expect(outcome.succeeded)
    #expect(outcome.errors.contains("it exists and is not an allocation trace"))
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "a letter")
    // A trace is replaced.
    _ = try quietTrace(of: "threads")
    #expect(summary(own(try quietTrace(of: "calls"))) == expected(1))
  }

  @Test func `by a relative name lies in the folder where the program began`() throws {
    var command = Command(
      try TestProgram.build("record/calls.c"), ["calls"], environment: ["HAKMEM_RECORD": "here"])
    command.directory = folder.path
    #expect(try command.run().succeeded)
    #expect(summary(own(try trace("here"))) == expected(1))
  }
}
