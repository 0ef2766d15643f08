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

  @Test func `many pages with one system call`() throws {
    let folder = try TemporaryDirectory()
    let trace = folder.path + "/trace"
    let program = try TestProgram.build("memory/free.c")
    var command = Command(
      try System.require("strace"),
      [
        "-o", trace, "-e", "trace=madvise,process_madvise", "-E",
        "LD_PRELOAD=\(Allocator.underTest.path ?? "")", program, "64", "90", "shuffled", "0",
      ])
    command.preload = []
    let outcome = try command.run()
    try #require(outcome.succeeded, "\(outcome)")
    let calls = try String(contentsOfFile: trace, encoding: .utf8).split(separator: "\n")
      .filter { $0.contains("MADV_DONTNEED") }
    let lists = calls.filter { $0.hasPrefix("process_madvise") }
    // Before Linux 6.13 the first one fails.
    guard !lists.contains(where: { $0.contains("= -1") }) else { return }
    let pages = lists.reduce(0) { $0 + (Int($1.split(separator: " ").last ?? "") ?? 0) / 4096 }
    #expect(pages > 2000 && pages > 10 * lists.count, "\(pages) pages in \(lists.count) calls")
    let single = calls.filter { $0.hasPrefix("madvise") && $0.contains(", 4096,") }
    #expect(single.count * 10 < pages, "\(single.count) calls for one page")
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
