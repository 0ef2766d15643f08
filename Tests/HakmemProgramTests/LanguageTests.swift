import Foundation
import HakmemTestSupport
import Testing

/// Interpreters and runtimes, each with a workload of Tests/Programs/real.
@Suite struct `A language's runtime has the same results` {
  private func workload(
    _ program: String, _ source: String, mode: String = "balanced"
  ) throws {
    let path = try System.require(program)
    let arguments = [RealProgram.source(source)] + RealProgram.libraryArgument
    let outcome = try Command(path, arguments, environment: ["HAKMEM_MODE": mode]).run()
    let reference = try Command(path, [RealProgram.source(source)]).onSystemAllocator.run()
    #expect(outcome.succeeded && reference.succeeded, "\(outcome)\non glibc: \(reference)")
    #expect(outcome.output == reference.output && !outcome.output.isEmpty, "\(outcome)")
  }

  /// The interpreter itself: `python3` may be a script that looks for it.
  private func python() throws -> String {
    let found = try System.require("python3")
    let script = "import sys; print(sys.executable)"
    let outcome = try Command(found, ["-c", script]).onSystemAllocator.run()
    return outcome.output.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  @Test(arguments: RealProgram.modes) func `python3 with JSON, SQL and threads`(
    mode: String
  ) throws {
    try workload(python(), "workload.py", mode: mode)
  }

  @Test func `python3 with every object on malloc`() throws {
    let arguments = [RealProgram.source("workload.py")]
    try RealProgram.expectSameOutput {
      Command(try python(), arguments, environment: ["PYTHONMALLOC": "malloc"])
    }
  }

  @Test func `python3's own tests of json, sqlite3 and threads`() throws {
    let python = try python()
    let probe = Command(python, ["-c", "import test.test_json, test.test_threading"])
    guard try probe.onSystemAllocator.run().succeeded else {
      try System.skip("python3's test suite (libpython3-testsuite) is not installed")
    }
    let folder = try TemporaryDirectory("python")
    let tests = ["test_json", "test_sqlite3", "test_threading"]
    let installed = try tests.filter { test in
      let found = "import importlib.util as u, sys; sys.exit(u.find_spec('test.\(test)') is None)"
      return try Command(python, ["-c", found]).onSystemAllocator.run().succeeded
    }
    let command = Command(python, ["-m", "test", "-v"] + installed).in(folder.path)
    let outcome = try command.with(timeout: 400).run()
    #expect(outcome.output.contains("Total tests: run="), "\(outcome)")
    // What fails on glibc too says something about the installation, not about the library.
    if !outcome.succeeded {
      let reference = try command.with(timeout: 400).onSystemAllocator.run()
      let failed = failedTests(outcome), expected = failedTests(reference)
      #expect(failed.subtracting(expected) == [] && !expected.isEmpty, "\(outcome)")
    }
  }

  private func failedTests(_ outcome: Outcome) -> Set<Substring> {
    let lines = outcome.output.split(separator: "\n")
    return Set(lines.filter { $0.hasPrefix("FAIL: ") || $0.hasPrefix("ERROR: ") })
  }

  @Test func `perl with hashes, sorting and children`() throws {
    try RealProgram.expectSameOutput {
      Command(try System.require("perl"), [RealProgram.source("workload.pl")])
    }
  }

  @Test func `node with worker threads`() throws {
    try workload("node", "workload.mjs")
  }

  @Test func `java with direct buffers, compression and threads`() throws {
    _ = try System.require("javac")
    try workload("java", "Workload.java")
  }
}
