import HakmemTestSupport
import Testing

/// When pages come and go: counted by the kernel, never timed.
@Suite struct `Pages of the kernel` {
  @Test(arguments: ["0", "1", "2"]) func `are there before use as HAKMEM_SS_PREFAULT says`(
    prefault: String
  ) throws {
    try expectSuccess(
      of: "kernel/test_map_populate.c", environment: ["HAKMEM_SS_PREFAULT": prefault])
  }

  @Test func `are there for the blocks or the total that HAKMEM_PREWARM names`() throws {
    try expectSuccess(
      of: "kernel/prewarm.c", ["list"], environment: ["HAKMEM_PREWARM": "256=4096,1024=100"])
    try expectSuccess(of: "kernel/prewarm.c", ["total"], environment: ["HAKMEM_PREWARM": "8"])
  }

  @Test(.enabled(if: Allocator.underTest.isHakmem))
  func `come in batches to classes that grow, and one by one without prefault`() throws {
    // A machine that stops the program for a while makes pauses of its own.
    let program = try TestProgram.build("kernel/random_mixed.c")
    let isInBatches = try (0..<10).contains { _ in
      try Command(program, ["1000000", "256", "59", "0"]).run().succeeded
    }
    #expect(isInBatches, "60 page faults or more in each of ten runs")
    try expectSuccess(
      of: "kernel/random_mixed.c", ["1000000", "256", "1000", "80"],
      environment: ["HAKMEM_SS_PREFAULT": "0"])
  }
}
