import HakmemTestSupport
import Testing

/// What the caches of sleeping threads hold, by the allocator's own figures.
@Suite(.enabled(if: Allocator.underTest.isHakmem, "only HAKMEM has these figures"))
struct `Threads that sleep` {
  @Test func `have no cache if they allocated once`() throws {
    try expectSuccess(of: "memory/idle_threads.c", ["once"])
  }

  @Test func `lose their caches to the background thread, and go on`() throws {
    try expectSuccess(
      of: "memory/idle_threads.c", ["cached"],
      environment: ["HAKMEM_BACKGROUND": "1", "HAKMEM_PURGE_DELAY": "50"])
  }

  @Test func `lose their caches to a thread that works on`() throws {
    try expectSuccess(
      of: "memory/idle_threads.c", ["ticks"], environment: ["HAKMEM_PURGE_DELAY": "50"])
  }
}
