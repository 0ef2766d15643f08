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

  @Test(arguments: ["free", "dontneed"], ["slabs", "runs"])
  func `go back as HAKMEM_PURGE says`(advice: String, kind: String) throws {
    try expectSuccess(
      of: "kernel/lazy.c", [advice, kind],
      environment: ["HAKMEM_PURGE": advice, "HAKMEM_WARM_MIB": "0"])
  }

  @Test func `are not touched by calloc of fresh blocks`() throws {
    try expectSuccess(of: "kernel/calloc_pages.c")
  }
}

/// What the kernel is told of huge pages, read back from /proc/self/smaps.
@Suite(.enabled(if: Allocator.underTest.isHakmem && System.isRoot, "only HAKMEM, only root"))
struct `Huge pages` {
  /// Runs the program where the system's setting reads as `setting`.
  private func run(_ setting: String, option: String, expecting flags: [String]) throws {
    let unshare = try System.require("unshare")
    let folder = try TemporaryDirectory()
    let file = try folder.write(setting + "\n", to: "enabled")
    let program = try TestProgram.build("kernel/huge_pages.c")
    let script = """
      mount --bind \(file) /sys/kernel/mm/transparent_hugepage/enabled && \
      exec \(program) \(flags.joined(separator: " ")) 4
      """
    let outcome = try Command(
      unshare, ["-m", "/bin/sh", "-c", script], environment: ["HAKMEM_THP": option]
    ).run()
    #expect(outcome.succeeded, "\(outcome)")
  }

  @Test func `are refused where the system would give them to all`() throws {
    try run("[always] madvise never", option: "off", expecting: ["nh", "nh", "nh"])
    try run("[always] madvise never", option: "auto", expecting: ["nh", "nh", "-"])
  }

  @Test func `are asked for with HAKMEM_THP=on alone`() throws {
    // The first SuperSlab is kept from them unasked.
    try run("always [madvise] never", option: "off", expecting: ["nh", "-", "-"])
    try run("always [madvise] never", option: "auto", expecting: ["-", "-", "-"])
    try run("always [madvise] never", option: "on", expecting: ["hg", "hg", "hg"])
    try run("[always] madvise never", option: "on", expecting: ["hg", "hg", "hg"])
  }

  @Test func `of 64 KiB come with HAKMEM_THP=on where the system gives them on advice`() throws {
    let folder = "/sys/kernel/mm/transparent_hugepage/hugepages-"
    func setting(_ size: String) -> String { "\(folder)\(size)kB/enabled" }
    func chosen(_ text: String) -> String? {
      text.split(separator: "[").last?.split(separator: "]").first.map(String.init)
    }
    guard let small = chosen(System.text(of: setting("64"))),
      let large = chosen(System.text(of: setting("2048")))
    else { try System.skip("the kernel has no huge pages of several sizes") }
    try System.write("madvise\n", to: setting("64"))
    try System.write("never\n", to: setting("2048"))
    defer {
      try? System.write("\(small)\n", to: setting("64"))
      try? System.write("\(large)\n", to: setting("2048"))
    }
    func expectFaults(most: Int, least: Int, option: String) throws {
      try expectSuccess(
        of: "kernel/random_mixed.c", ["100000", "8192", "\(most)", "\(least)"],
        environment: ["HAKMEM_THP": option, "HAKMEM_SS_PREFAULT": "0"])
    }
    // Sixteen pages come with one fault.
    try expectFaults(most: 300, least: 0, option: "on")
    try expectFaults(most: 1000, least: 500, option: "off")
  }

  @Test func `of the pool serve SuperSlabs, and an empty pool does no harm`() throws {
    let pool = "/proc/sys/vm/nr_hugepages"
    func read() -> Int { Int(System.text(of: pool).filter(\.isNumber)) ?? 0 }
    let before = read()
    let program = try TestProgram.build("kernel/huge_pages.c")
    func run(pageKiB: Int) throws {
      let first = pageKiB == 4 ? "nh" : "-"
      let outcome = try Command(
        program, [first, "-", "-", "\(pageKiB)"], environment: ["HAKMEM_HUGETLB": "1"]
      ).run()
      #expect(outcome.succeeded, "\(outcome)")
    }
    if before == 0 { try run(pageKiB: 4) }
    // Three of the twenty SuperSlabs or more that the program takes.
    try System.write("\(before + 3)\n", to: pool)
    defer { try? System.write("\(before)\n", to: pool) }
    guard read() == before + 3 else { try System.skip("the kernel has no huge pages to reserve") }
    try run(pageKiB: 2048)
  }

  @Test func `of the pool do no harm where the kernel cannot move them`() throws {
    try expectSuccess(of: "kernel/unmoved_huge_page.c")
  }
}
