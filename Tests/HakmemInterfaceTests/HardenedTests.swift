import HakmemTestSupport
import Testing

/// Each case of misuse/corpus.c, in balanced and in hardened mode: the corpus itself says what must
/// come of it.
@Suite(.enabled(if: Allocator.underTest.isHakmem, "only HAKMEM promises these reports"))
struct `The misuse corpus` {
  private struct Case {
    let name: String
    /// What stderr must hold; "fault" for a SIGSEGV, "-" where nothing is promised.
    let expected: [String: String]
  }

  private func cases(_ program: String) throws -> [Case] {
    let outcome = try Command(program, ["--list"]).onSystemAllocator.run()
    try #require(outcome.succeeded, "\(outcome)")
    return try outcome.output.split(separator: "\n").map { line in
      let fields = line.split(separator: "\t").map(String.init)
      try #require(fields.count == 3, "\(line)")
      return Case(name: fields[0], expected: ["balanced": fields[1], "hardened": fields[2]])
    }
  }

  @Test(arguments: ["balanced", "hardened"]) func `is reported as it says`(mode: String) throws {
    try Allocator.underTest.requireExists()
    let program = try TestProgram.build("misuse/corpus.c")
    let cases = try cases(program)
    #expect(cases.count >= 40)
    for one in cases {
      let expected = try #require(one.expected[mode])
      if expected == "-" { continue }
      let outcome = try Command(program, [one.name], environment: ["HAKMEM_MODE": mode]).run()
      if expected == "fault" {
        #expect(outcome.ending == .killed(signal: 11), "\(one.name): \(outcome)")
      } else {
        #expect(outcome.ending == .killed(signal: 6), "\(one.name): \(outcome)")
        #expect(outcome.errors.contains(expected), "\(one.name): \(outcome)")
      }
    }
  }

  @Test func `is not seen in a program without a mistake`() throws {
    let program = try TestProgram.build("misuse/corpus.c")
    let outcome = try Command(program, ["none"], environment: ["HAKMEM_MODE": "hardened"]).run()
    #expect(outcome.succeeded, "\(outcome)")
  }
}

/// Blocks of no bytes, which hardened mode puts where nobody can access them.
@Suite(.enabled(if: Allocator.underTest.isHakmem, "only HAKMEM guards them"))
struct `Empty blocks` {
  private func run(_ kind: String) throws -> Outcome {
    try Allocator.underTest.requireExists()
    let program = try TestProgram.build("misuse/empty.c")
    return try Command(program, [kind], environment: ["HAKMEM_MODE": "hardened"]).run()
  }

  @Test(arguments: ["read", "write"]) func `cannot be accessed`(kind: String) throws {
    let outcome = try run(kind)
    #expect(outcome.ending == .killed(signal: 11), "\(outcome)")
  }

  @Test(
    arguments: [
      ("double-free", "double free: the block of 0 B that is free"),
      ("inside", "interior pointer: "), ("resize-freed", "double free: "),
    ])
  func `are known when they are freed`(kind: String, finding: String) throws {
    let outcome = try run(kind)
    #expect(outcome.ending == .killed(signal: 6), "\(outcome)")
    #expect(outcome.errors.contains(finding), "\(outcome)")
  }

  @Test func `are blocks of their own, however many`() throws {
    let outcome = try run("none")
    #expect(outcome.succeeded, "\(outcome)")
  }
}
