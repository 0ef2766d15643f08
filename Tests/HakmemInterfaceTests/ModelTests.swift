import HakmemTestSupport
import Testing

/// Random operations against a shadow heap, in Tests/Programs/model; a failure shows the seed.
@Suite struct `A random program` {
  /// `operations` is multiplied by HAKMEM_TEST_SCALE; each seed is another program.
  private func run(
    seed: Int, operations: Int, threads: Int, slots: Int, mebibytes: Int? = nil,
    environment: [String: String] = [:]
  ) throws {
    let count = operations * Allocator.scale
    let limit = mebibytes.map { [$0] } ?? []
    let arguments = ([seed, count, threads, slots] + limit).map(String.init)
    try expectSuccess(
      of: "model/model.c", arguments, environment: environment,
      timeout: 120 + 60 * Double(Allocator.scale))
  }

  @Test func `of eight threads on one processor agrees with the model`() throws {
    try Allocator.underTest.requireExists()
    let program = try TestProgram.build("model/model.c")
    let arguments = [9, 300_000 * Allocator.scale, 8, 300].map(String.init)
    let first = try #require(System.firstProcessor)
    let command = Command(try System.require("taskset"), ["-c", "\(first)", program] + arguments)
    let outcome = try command.run()
    #expect(outcome.succeeded, "\(outcome)")
  }

  @Test(arguments: [1, 2]) func `of one thread and few blocks agrees with the model`(
    seed: Int
  ) throws {
    try run(seed: seed, operations: 1_000_000, threads: 1, slots: 300)
  }

  @Test func `of one thread and many blocks agrees with the model`() throws {
    try run(seed: 3, operations: 1_500_000, threads: 1, slots: 30000)
  }

  @Test(arguments: [4, 5]) func `of two threads that swap blocks agrees with the model`(
    seed: Int
  ) throws {
    try run(seed: seed, operations: 1_000_000, threads: 2, slots: 1000)
  }

  @Test func `of eight threads that swap blocks agrees with the model`() throws {
    try run(seed: 6, operations: 2_000_000, threads: 8, slots: 800)
  }

  @Test func `of sixty-four threads that swap blocks agrees with the model`() throws {
    try run(seed: 7, operations: 1_000_000, threads: 64, slots: 100)
  }

  @Test(arguments: [1, 4]) func `of a heap without more address space agrees with the model`(
    threads: Int
  ) throws {
    try run(seed: 11, operations: 500_000, threads: threads, slots: 4000 / threads, mebibytes: 24)
  }

  @Test(.enabled(if: Allocator.underTest.isHakmem))
  func `of a heap at its limit agrees with the model`() throws {
    let limit = ["HAKMEM_LIMIT": "32M"]
    try run(
      seed: 12, operations: 500_000, threads: 4, slots: 1000, mebibytes: 0, environment: limit)
  }

  /// Threads that wait for a processor are taken for sleeping ones, even in the middle of a call.
  @Test func `of sixty-four threads whose caches are trimmed agrees with the model`() throws {
    let soon = ["HAKMEM_PURGE_DELAY": "1"]
    try run(seed: 10, operations: 1_500_000, threads: 64, slots: 100, environment: soon)
  }

  @Test(arguments: ["balanced", "speed", "memory", "hardened"])
  func `agrees with the model in each mode`(
    mode: String
  ) throws {
    let mode = ["HAKMEM_MODE": mode]
    try run(seed: 8, operations: 500_000, threads: 4, slots: 500, environment: mode)
  }
}
