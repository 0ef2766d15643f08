import Foundation
import HakmemTestSupport
import Testing

/// HAKMEM_GUARD_SAMPLE, by misuse/guarded.c, which repeats a mistake until a guarded block meets it.
@Suite(.enabled(if: Allocator.underTest.isHakmem, "only HAKMEM samples"))
struct `Guard sampling` {
  private func run(_ kind: String, mode: String = "balanced") throws -> Outcome {
    try Allocator.underTest.requireExists()
    let program = try TestProgram.build(
      "misuse/guarded.c", flags: ["-fno-omit-frame-pointer", "-O0"])
    let environment = ["HAKMEM_GUARD_SAMPLE": "50", "HAKMEM_MODE": mode]
    return try Command(program, [kind], environment: environment).run()
  }

  @Test(
    arguments: [
      ("overflow", "heap overflow: 0 bytes behind the guarded block of 32 B"),
      ("underflow", "heap underflow"), ("use-after-free", "use after free"),
    ])
  func `reports the fault and lets the default end the process`(kind: String, finding: String)
    throws
  {
    for mode in ["balanced", "hardened"] {
      let outcome = try run(kind, mode: mode)
      #expect(outcome.ending == .killed(signal: 11), "\(outcome)")
      #expect(outcome.errors.contains(finding), "\(outcome)")
    }
  }

  @Test func `names the callers of allocation, free and access`() throws {
    let errors = try run("use-after-free").errors
    for title in ["accessed by thread", "allocated by thread", "freed by thread"] {
      let part = errors.components(separatedBy: title).dropFirst().first ?? ""
      let lines = part.split(separator: "\n").dropFirst().prefix { $0.hasPrefix("    0x") }
      #expect(lines.contains { $0.contains("/guarded+0x") }, "\(title): \(errors)")
    }
  }

  @Test func `finds what was written between a block's end and its page's`() throws {
    let outcome = try run("gap")
    #expect(outcome.ending == .killed(signal: 6), "\(outcome)")
    #expect(outcome.errors.contains("heap overflow: byte 40 was written to"), "\(outcome)")
  }

  @Test func `leaves the program's own handler in charge`() throws {
    let outcome = try run("handler")
    #expect(outcome.ending == .exited(7), "\(outcome)")
    #expect(outcome.errors.contains("heap overflow"), "\(outcome)")
  }

  @Test(arguments: ["balanced", "hardened"]) func `changes nothing for a program without mistakes`(
    mode: String
  ) throws {
    let outcome = try run("none", mode: mode)
    #expect(outcome.succeeded && outcome.errors.isEmpty, "\(outcome)")
  }

  /// The class map is a smaller one there, and guarded blocks lie beyond its end.
  @Test func `goes together with a limit of address space`() throws {
    let program = try TestProgram.build("misuse/guarded.c", flags: ["-O0"])
    let script = "ulimit -S -v 4194304 && exec \(program) none"
    let outcome = try Command(
      "/bin/sh", ["-c", script], environment: ["HAKMEM_GUARD_SAMPLE": "50"]
    ).run()
    #expect(outcome.succeeded && outcome.errors.isEmpty, "\(outcome)")
  }
}
