import HakmemTestSupport
import Testing

/// RLIMIT_AS: allocation fails with NULL and ENOMEM, nothing is damaged, and the heap recovers.
@Suite struct `A limit of address space` {
  private func runUnderLimit(mebibytes: Int) throws {
    try Allocator.underTest.requireExists()
    let program = try TestProgram.build("lifecycle/address_limit.c")
    let script = "ulimit -S -v \(mebibytes * 1024) && exec \(program) 0"
    let outcome = try Command("/bin/sh", ["-c", script]).run()
    #expect(outcome.succeeded, "\(outcome)")
  }

  @Test func `of 256 MiB from the start is met with ENOMEM and survived`() throws {
    try runUnderLimit(mebibytes: 256)
  }

  @Test func `of 1 GiB from the start is met with ENOMEM and survived`() throws {
    try runUnderLimit(mebibytes: 1024)
  }

  @Test func `of 256 MiB set later is met with ENOMEM and survived`() throws {
    try expectSuccess(of: "lifecycle/address_limit.c", ["\(256 << 20)"])
  }

  @Test func `of 1 GiB set later is met with ENOMEM and survived`() throws {
    try expectSuccess(of: "lifecycle/address_limit.c", ["\(1 << 30)"])
  }
}
