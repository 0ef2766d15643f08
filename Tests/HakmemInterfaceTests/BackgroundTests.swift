import HakmemTestSupport
import Testing

/// HAKMEM_BACKGROUND=1, as the program sees it; what the thread did is counted by the kernel.
@Suite(.enabled(if: Allocator.underTest.isHakmem, "only HAKMEM has such a thread"))
struct `The background thread` {
  private func run(
    _ arguments: String..., prewarm: String = "0", hugePages: String = "off",
    purgeDelay: String = "500"
  ) throws -> Outcome {
    try expectSuccess(
      of: "kernel/background.c", arguments,
      environment: [
        "HAKMEM_BACKGROUND": "1", "HAKMEM_PREWARM": prewarm, "HAKMEM_THP": hugePages,
        "HAKMEM_PURGE_DELAY": purgeDelay,
      ])
  }

  @Test func `has pages ready for a heap that grows`() throws { _ = try run("grow") }

  @Test func `clears kept blocks for calloc`() throws {
    // On a busy machine the program may take long to ask for a block again.
    _ = try run("zero", purgeDelay: "10000")
  }

  @Test func `makes huge pages of dense memory, unless HAKMEM_THP is off`() throws {
    // MADV_COLLAPSE came with Linux 6.1.
    let release = System.text(of: "/proc/sys/kernel/osrelease").split(separator: ".")
    let version = release.prefix(2).compactMap { Int($0) }
    guard version.count == 2, (version[0], version[1]) >= (6, 1),
      !System.text(of: "/sys/kernel/mm/transparent_hugepage/enabled").isEmpty
    else { try System.skip("the kernel cannot collapse memory into huge pages") }
    _ = try run("collapse", "1", hugePages: "auto")
    _ = try run("collapse", "0", hugePages: "off")
  }

  @Test func `prewarms in the program's stead`() throws {
    _ = try run("prewarm", "64", prewarm: "64")
  }

  @Test func `gives back what ages in vain while the program sleeps`() throws {
    _ = try run("purge")
  }

  @Test func `receives no signal`() throws { _ = try run("signals") }

  @Test func `outlives forks, and their children get one of their own`() throws {
    _ = try run("fork")
  }

  @Test func `stands still while the gate is closed`() throws { _ = try run("gate") }

  @Test func `that the kernel refuses is missed with one message`() throws {
    let outcome = try run("refused")
    #expect(
      outcome.errors.split(separator: "\n") == [
        "hakmem: the kernel refuses a background thread; slow calls do its work"
      ], "\(outcome)")
  }

  /// What a process may do meanwhile.
  @Test(arguments: [
    "main_exits_first", "exit_busy", "vfork_exec", "small_stacks", "clone_raw",
    "fork_busy 40", "disable_storm 40", "thread_churn 1000",
  ]) func `is in nobody's way`(call: String) throws {
    let words = call.split(separator: " ").map(String.init)
    try expectSuccess(
      of: "lifecycle/\(words[0]).c", Array(words.dropFirst()),
      environment: ["HAKMEM_BACKGROUND": "1"])
  }
}
