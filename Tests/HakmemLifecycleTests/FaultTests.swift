import HakmemTestSupport
import Testing

/// System calls of the allocator that fail: each request gives a block or NULL, nothing is damaged,
/// and when the faults are over the heap is as good as new. Tests/Programs/faults.
@Suite(.enabled(if: Allocator.underTest.isHakmem, "the calls of libhakmem.so are what fails"))
struct `A system call that fails` {
  static let workloads = [
    "small", "medium", "large", "realloc", "aligned", "threads", "purge", "processes",
  ]

  /// Every call of these; a debug library, which checks its invariants, takes ten times as long.
  static let exhaustive = Allocator.isDebug ? ["small", "aligned"] : workloads

  private func inject(_ mode: [String], into workload: String) throws {
    let program = try TestProgram.build("faults/workload.c")
    try expectSuccess(of: "faults/inject.c", mode + [program, workload], timeout: 400)
  }

  @Test(arguments: exhaustive) func `is survived, whichever it is`(workload: String) throws {
    try inject(["once"], into: workload)
  }

  @Test(arguments: ["small", "medium"]) func `is survived with all after it`(workload: String)
    throws
  {
    try inject(["onward"], into: workload)
  }

  @Test(arguments: workloads) func `is survived with others at random`(workload: String) throws {
    try inject(["random", "1", "\(2 * Allocator.scale)"], into: workload)
  }

  /// A sandbox may refuse these for ever: pages are copied rather than moved, or stay.
  @Test(arguments: ["mremap realloc", "madvise purge", "munmap large", "munmap realloc"])
  func `is of no consequence where there is another way`(callAndWorkload: String) throws {
    let parts = callAndWorkload.split(separator: " ").map(String.init)
    let program = try TestProgram.build("faults/workload.c")
    try expectSuccess(of: "faults/inject.c", ["every", parts[0], program, parts[1], "served"])
  }
}
