import HakmemTestSupport
import Testing

/// RLIMIT_AS: allocation fails with NULL and ENOMEM, nothing is damaged, and the heap recovers.
@Suite struct `A limit of address space` {
  /// `option` is ulimit's: v for RLIMIT_AS, d for RLIMIT_DATA.
  private func runUnderLimit(
    mebibytes: Int, option: String = "v", _ name: String = "address_limit.c",
    _ arguments: String = "0"
  ) throws {
    try Allocator.underTest.requireExists()
    let program = try TestProgram.build("lifecycle/" + name)
    let script = "ulimit -S -\(option) \(mebibytes * 1024) && exec \(program) \(arguments)"
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

  @Test func `of little more than the program has, before it allocates, leaves that to use`() throws
  {
    try expectSuccess(of: "lifecycle/limited_first.c")
  }

  @Test func `of 300 MiB of writable memory is met with ENOMEM and survived`() throws {
    try runUnderLimit(mebibytes: 300, option: "d", "address_limit.c", "0 data")
  }

  @Test(.enabled(if: Allocator.underTest.isHakmem))
  func `leaves room to grow beyond half of it, and given addresses come back`() throws {
    try runUnderLimit(mebibytes: 512, "tight_growth.c", "")
  }
}
