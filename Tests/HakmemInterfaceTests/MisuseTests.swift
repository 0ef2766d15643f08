import HakmemTestSupport
import Testing

/// Each misuse is one small program of Tests/Programs/misuse; it must be reported and aborted.
@Suite(.enabled(if: Allocator.underTest.isHakmem, "only HAKMEM promises these reports"))
struct `A misuse is reported and aborts` {
  /// What a report says about the pointer. A test that lists several accepts each.
  private enum Finding {
    static let foreign = "not a heap pointer"
    static let interior = "interior pointer"
    static let freed = "double free"
  }

  private func expectAbort(
    _ program: String, _ findings: String..., arguments: [String] = [],
    environment: [String: String] = [:], sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    try Allocator.underTest.requireExists()
    let path = try TestProgram.build("misuse/" + program)
    let outcome = try Command(path, arguments, environment: environment).run()
    let reports = outcome.errors.split(separator: "\n").filter { $0.contains("hakmem:") }
    let isNamed = reports.contains { line in findings.contains { line.contains($0) } }
    #expect(outcome.ending == .killed(signal: 6), "\(outcome)", sourceLocation: sourceLocation)
    #expect(isNamed, "expected \(findings) in: \(outcome)", sourceLocation: sourceLocation)
  }

  @Test func `free of a stack variable`() throws {
    try expectAbort("free_stack.c", Finding.foreign)
  }

  /// Also where programs keep no frame pointers.
  @Test(
    arguments: ["balanced", "hardened"],
    ["free medium", "free large", "free foreign", "realloc foreign", "malloc_usable_size foreign"])
  func `names the function that made the call`(mode: String, callAndPointer: String) throws {
    let program = try TestProgram.build("misuse/named_caller.c")
    let arguments = callAndPointer.split(separator: " ").map(String.init)
    let outcome = try Command(program, arguments, environment: ["HAKMEM_MODE": mode]).run()
    let stack = outcome.errors.components(separatedBy: "  by thread ").dropFirst().first ?? ""
    let first = stack.split(separator: "\n").dropFirst().first ?? ""
    func address(_ text: Substring?) -> UInt? { text.flatMap { UInt($0.dropFirst(2), radix: 16) } }
    let function = try #require(address(outcome.output.split(separator: "\n").first))
    let caller = try #require(address(first.split(separator: " ").first), "\(outcome)")
    #expect((function..<function + 512).contains(caller), "\(outcome)")
  }

  @Test func `free of a static variable`() throws {
    try expectAbort("free_static.c", Finding.foreign)
  }

  @Test func `free of a function`() throws {
    try expectAbort("free_code.c", Finding.foreign)
  }

  @Test func `free of the program's own mapping`() throws {
    try expectAbort("free_mapping.c", Finding.foreign)
  }

  @Test func `free of an unmapped address`() throws {
    try expectAbort("free_unmapped.c", Finding.foreign)
  }

  @Test(
    arguments: ["free", "free_sized", "realloc"],
    ["-1", "-22", "-4096", "-0x7fffffff", "-0x778000000000", "-0x800000000000"])
  func `a call for an address of the kernel's half`(call: String, address: String) throws {
    try expectAbort("free_address.c", Finding.foreign, arguments: [call, address])
  }

  @Test(
    arguments: ["free", "free_sized", "realloc"],
    ["0xdeadbeefdeadbee0", "0x4141414141414140", "0x800000000000", "0x7ffffffffffffff0"])
  func `a call for an address that no processor has`(call: String, address: String) throws {
    try expectAbort("free_address.c", Finding.foreign, arguments: [call, address])
  }

  /// The class map is a smaller one there.
  @Test(
    arguments: ["free", "free_sized", "realloc"],
    ["stack", "code", "-1", "0xdeadbeefdeadbee0", "64", "0x200000000", "0x80000000000"])
  func `a call for a foreign address under a tight RLIMIT_AS`(call: String, address: String) throws
  {
    try expectAbort(
      "free_address.c", Finding.foreign, arguments: [call, address, "\(1 << 30)"])
  }

  @Test func `free of a pointer into a small block`() throws {
    try expectAbort("free_interior_small.c", Finding.interior)
  }

  @Test func `free of the middle of a small block`() throws {
    try expectAbort("free_interior_small_half.c", Finding.interior)
  }

  @Test func `free of a page boundary inside a medium block`() throws {
    try expectAbort("free_interior_medium.c", Finding.interior)
  }

  @Test func `free of a pointer into a large block`() throws {
    try expectAbort("free_interior_large.c", Finding.interior)
  }

  @Test func `free of a 2 MiB boundary inside a large block`() throws {
    try expectAbort("free_interior_large_aligned.c", Finding.interior)
  }

  @Test func `free of a small block's second byte`() throws {
    try expectAbort("free_unaligned_small.c", Finding.interior)
  }

  @Test func `free of a medium block's ninth byte`() throws {
    try expectAbort("free_unaligned_medium.c", Finding.interior)
  }

  @Test func `free of a large block's second byte`() throws {
    try expectAbort("free_unaligned_large.c", Finding.interior)
  }

  @Test func `free of a pointer past the end of a large block`() throws {
    try expectAbort("free_past_end_large.c", Finding.foreign, Finding.interior)
  }

  @Test func `free of a small block twice in a row`() throws {
    try expectAbort("double_free_small.c", Finding.freed)
  }

  @Test func `free of an empty block twice in a row`() throws {
    try expectAbort("double_free_tiny.c", Finding.freed)
  }

  @Test func `free of a block of one page twice in a row`() throws {
    try expectAbort("double_free_4096.c", Finding.freed)
  }

  @Test func `free of a medium block twice in a row`() throws {
    try expectAbort("double_free_medium.c", Finding.freed)
  }

  @Test func `free of a large block twice in a row`() throws {
    try expectAbort("double_free_large.c", Finding.freed, Finding.foreign)
  }

  @Test func `free of a large block again after its memory joined another's`() throws {
    try expectAbort("double_free_large_joined.c", Finding.freed, Finding.foreign)
  }

  @Test func `free of a small block again after others`() throws {
    try expectAbort("double_free_later.c", Finding.freed)
  }

  @Test func `free of a small block that another thread freed`() throws {
    try expectAbort("double_free_by_other_thread.c", Finding.freed)
  }

  /// Blocks in the cache of the thread that exits. What the program printed is not lost.
  @Test(arguments: [
    ("twice", Finding.freed), ("later", Finding.freed), ("inside", Finding.interior),
  ])
  func `free of a block that is seen only as the process exits`(
    mistake: String, finding: String
  ) throws {
    let program = try TestProgram.build("misuse/until_exit.c")
    let outcome = try Command(program, [mistake]).run()
    #expect(outcome.ending == .killed(signal: 6), "\(outcome)")
    #expect(outcome.errors.contains(finding), "\(outcome)")
    #expect(outcome.errors.contains("seen later by thread"), "\(outcome)")
    #expect(outcome.output == "done\n")
    let faultless = try Command(program, ["nothing"]).run()
    #expect(faultless.succeeded && faultless.errors.isEmpty, "\(faultless)")
  }

  @Test func `realloc of a stack variable`() throws {
    try expectAbort("realloc_stack.c", Finding.foreign)
  }

  @Test func `realloc of a static variable`() throws {
    try expectAbort("realloc_static.c", Finding.foreign)
  }

  @Test func `realloc of a pointer into a medium block`() throws {
    try expectAbort("realloc_interior_medium.c", Finding.interior)
  }

  @Test func `realloc of a pointer into a large block`() throws {
    try expectAbort("realloc_interior_large.c", Finding.interior)
  }

  @Test func `realloc of a large block that is free`() throws {
    try expectAbort("realloc_freed_large.c", Finding.freed, Finding.foreign)
  }

  @Test func `operator delete of a stack variable`() throws {
    try expectAbort("delete_stack.cc", Finding.foreign)
  }

  @Test func `a fatal report is printed under HAKMEM_QUIET too`() throws {
    try expectAbort("free_stack.c", Finding.foreign, environment: ["HAKMEM_QUIET": "1"])
  }
}
