import HakmemTestSupport
import Testing

/// Threads in every stage of their lives; the programs are in Tests/Programs/lifecycle.
@Suite struct `Threads` {
  @Test func `that come and go by the thousand leave a bounded heap`() throws {
    try expectSuccess(of: "lifecycle/thread_churn.c", ["\(3000 * Allocator.scale)"])
  }

  @Test func `that only free are served`() throws {
    try expectSuccess(of: "lifecycle/free_only_threads.c")
  }

  @Test func `use the heap in their last destructors, and the process in its`() throws {
    try expectSuccess(of: "lifecycle/late_frees.c")
  }

  @Test func `with stacks of 16 KiB reach every slow path`() throws {
    try expectSuccess(of: "lifecycle/small_stacks.c")
  }

  @Test func `that sleep by the thousand let the others go on`() throws {
    try expectSuccess(of: "lifecycle/sleeping_threads.c")
  }

  @Test(arguments: [1, 2, 16]) func `free what others produce, and memory stays bounded`(
    pairs: Int
  ) throws {
    let blocks = 1_000_000 * Allocator.scale / pairs
    try expectSuccess(of: "lifecycle/remote_free.c", ["\(blocks)", "\(pairs)"])
  }

  @Test func `may be in the middle of malloc when another calls exit`() throws {
    try expectSuccess(of: "lifecycle/exit_busy.c")
  }

  @Test func `go on when the main thread has ended`() throws {
    try expectSuccess(of: "lifecycle/main_exits_first.c")
  }
}
