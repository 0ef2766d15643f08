import HakmemTestSupport
import Testing

/// Resident memory, as the kernel counts it; the programs are in Tests/Programs/memory.
@Suite struct `Free memory goes back without a later call` {
  @Test(arguments: ["ordered", "shuffled"]) func `when everything is freed`(order: String) throws {
    try expectSuccess(of: "memory/free.c", ["256", "100", order, "0"])
  }

  @Test func `page by page when a tenth of the blocks stays`() throws {
    try expectSuccess(of: "memory/free.c", ["256", "90", "shuffled", "0"])
  }

  @Test func `when a hundredth of the blocks stays`() throws {
    try expectSuccess(of: "memory/free.c", ["128", "99", "shuffled", "0"])
  }

  @Test func `when a block outgrows it`() throws { try expectSuccess(of: "memory/outgrown.c") }

  @Test(arguments: ["malloc", "calloc"]) func `when sizes change`(call: String) throws {
    try expectSuccess(of: "memory/many_sizes.c", [call])
  }

  /// The delay is long for slow machines.
  @Test func `when a program has large blocks alone and wants less of them`() throws {
    try expectSuccess(of: "memory/large_only.c", environment: ["HAKMEM_PURGE_DELAY": "3000"])
  }

  @Test func `when threads end`() throws { try expectSuccess(of: "memory/threads_end.c") }
}

@Suite struct `Memory that one thread allocates and another frees` {
  @Test func `stays within a fifth of what is live`() throws {
    try expectSuccess(of: "memory/handed_over.c", ["64", "1024"])
  }
}
