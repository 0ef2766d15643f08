import HakmemTestSupport
import Testing

/// Processes made from processes that allocate.
@Suite struct `A process` {
  @Test func `forked from busy threads allocates, frees and starts threads`() throws {
    try expectSuccess(of: "lifecycle/fork_busy.c", ["\(60 * Allocator.scale)"])
  }

  @Test func `forked while threads are in slow paths finds a whole heap`() throws {
    try expectSuccess(of: "lifecycle/fork_slow.c", ["\(5 * Allocator.scale)"])
  }

  @Test(.enabled(if: Allocator.underTest.isHakmem, "it counts slabs"))
  func `forked while a thread gives all memory back finds what is free`() throws {
    try expectSuccess(of: "lifecycle/fork_sweep.c", ["\(5 * Allocator.scale)"])
  }

  @Test(.enabled(if: Allocator.underTest.isHakmem))
  func `stopped by malloc_disable keeps each block where it is`() throws {
    try expectSuccess(of: "lifecycle/disable_storm.c", ["\(60 * Allocator.scale)"])
  }

  @Test(arguments: ["balanced", "hardened"])
  func `trimmed while its threads make and retire slabs keeps each block whole`(mode: String) throws
  {
    try expectSuccess(
      of: "lifecycle/trim_storm.c", ["\(200 * Allocator.scale)"],
      environment: ["HAKMEM_MODE": mode])
  }

  @Test func `forked ten deep shares nothing with its ancestors`() throws {
    try expectSuccess(of: "lifecycle/fork_chain.c")
  }

  @Test func `may allocate in its fork handlers`() throws {
    try expectSuccess(of: "lifecycle/fork_handlers.c")
  }

  @Test func `starts programs by vfork and posix_spawn from several threads`() throws {
    try expectSuccess(of: "lifecycle/vfork_exec.c")
  }

  @Test func `cloned without pthreads uses the heap`() throws {
    try expectSuccess(of: "lifecycle/clone_raw.c")
  }

  @Test func `may be forked by a signal handler that interrupted malloc`() throws {
    try expectSuccess(of: "lifecycle/signal_fork.c", ["alone"], timeout: 90)
  }

  @Test func `may be forked by a signal handler that interrupted a fork`() throws {
    try expectSuccess(of: "lifecycle/fork_in_fork.c", timeout: 90)
  }

  @Test func `may be forked while streams are read and flushed`() throws {
    try expectSuccess(of: "lifecycle/fork_stdio.c", ["\(30 * Allocator.scale)"], timeout: 90)
  }

  @Test func `may be forked by a signal handler while threads allocate`() throws {
    try expectSuccess(of: "lifecycle/signal_fork.c", ["threads"], timeout: 90)
  }

  @Test func `may be forked by a signal handler that interrupted malloc_trim`() throws {
    try expectSuccess(of: "lifecycle/signal_fork.c", ["trim"], timeout: 90)
  }
}
