import Foundation
import Testing

@testable import HakmemToolKit

@Suite(.enabled(if: Built.harmlessLibrary != nil, "no library to preload")) struct RunTests {
  private let library = Built.harmlessLibrary ?? ""

  private func run(
    _ words: [String], environment: [String: String] = [:]
  ) throws -> ChildProcess.Outcome {
    try Tool.run(["run", "--library", library, "--"] + words, environment: environment)
  }

  @Test func exitStatusAndOutputPassThrough() throws {
    let outcome = try run(["sh", "-c", "echo out; echo err >&2; exit 7"])
    #expect(outcome.ending == .exited(7))
    #expect(outcome.output == "out\n")
    #expect(outcome.errors == "err\n")
  }

  @Test func signalsPassThrough() throws {
    #expect(try run(["sh", "-c", "kill -TERM $$"]).ending == .signalled(SIGTERM))
  }

  @Test func argumentsAreTheProgramsOwn() throws {
    let outcome = try Tool.run(
      ["run", "--library", library, "printf", "%s|", "--help", "--", "a b"])
    #expect(outcome.output == "--help|--|a b|")
  }

  @Test func otherPreloadsStay() throws {
    let libc = ProcessMaps.files(TextFile.read("/proc/self/maps") ?? "").first {
      $0.contains("/libc.so")
    }
    let other = try #require(libc)
    let outcome = try run(["sh", "-c", "echo $LD_PRELOAD"], environment: ["LD_PRELOAD": other])
    let resolved = try #require(LibraryLocation.absolute(library))
    #expect(outcome.output == "\(resolved):\(other)\n")
  }

  @Test func whatCannotBeServedIsNotRun() throws {
    let scratch = Scratch()
    let cases: [(path: String, status: Int32, text: String)] = [
      ("no-such-program", 127, "There is no program no-such-program"),
      ("\(scratch.path)/missing", 127, "No such file"),
      (scratch.path, 126, "it is not a file"),
      (scratch.write("plain", "#!/bin/sh\n"), 126, "is not executable"),
      (scratch.write("text", "hello\n", mode: 0o755), 126, "is not a program"),
      (scratch.write("lost", "#!/no/such/interpreter\n", mode: 0o755), 126, "is missing"),
      (scratch.write("cut", "\u{7f}ELF", mode: 0o755), 126, "truncated or damaged"),
      (setuidCopy(scratch), 126, "setuid, setgid or has file capabilities"),
      (otherMachine(scratch), 126, "made for RISC-V, 64 bits"),
    ]
    for (path, status, text) in cases {
      let outcome = try run([path])
      #expect(outcome.ending == .exited(status), "\(path)")
      #expect(outcome.errors.contains(text), "\(outcome.errors)")
      #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
    }
  }

  @Test(.enabled(if: Built.compiler != nil, "no C compiler")) func staticProgramsAreNotRun() throws
  {
    let scratch = Scratch()
    let source = scratch.write("empty.c", "int main(void) { return 0; }\n")
    let program = "\(scratch.path)/static"
    let built = try ChildProcess(
      program: Built.compiler ?? "", arguments: ["-static", source, "-o", program]
    ).run()
    // Without a static C library there is nothing to test.
    guard built.ending == .exited(0) else { return }
    let outcome = try run([program])
    #expect(outcome.ending == .exited(126))
    #expect(outcome.errors.contains("statically linked"))
    let doctor = try Tool.run(["doctor", "--library", library, "--", program])
    #expect(doctor.ending == .exited(1))
    #expect(doctor.output.ranges(of: "statically linked").count == 1, "\(doctor.output)")
  }

  @Test func scriptsRunOnTheirInterpreter() throws {
    let scratch = Scratch()
    let script = scratch.write(
      "script", "#!/usr/bin/env sh\necho \"$0\" $LD_PRELOAD\n", mode: 0o755)
    let outcome = try run([script])
    #expect(outcome.ending == .exited(0))
    #expect(outcome.output.hasPrefix(script))
  }

  @Test func aMissingLibraryIsSaid() throws {
    let outcome = try Tool.run(["run", "--library", "/no/such.so", "--", "true"])
    #expect(outcome.ending == .exited(125))
    #expect(outcome.errors == "hakmem: --library names /no/such.so, which cannot be read.\n")
  }

  @Test func envPrintsWhatAShellTakes() throws {
    let lines = try Tool.run(["env", "--library", library])
    #expect(lines.ending == .exited(0))
    let shell = try ChildProcess(
      program: "/bin/sh", arguments: ["-c", lines.output + "echo $LD_PRELOAD"],
      environment: ["PATH": "/bin:/usr/bin", "LD_PRELOAD": ""]
    ).run()
    #expect(shell.output.trimmed == LibraryLocation.absolute(library))
  }

  @Test func theLibraryIsFoundBesideTheToolAndLinksAreKept() throws {
    let scratch = Scratch()
    scratch.write("lib/libhakmem.so.0", "")
    symlink("libhakmem.so.0", "\(scratch.path)/lib/libhakmem.so")
    let location = LibraryLocation(executable: "\(scratch.path)/bin/hakmem", environment: [:])
    let expected = LibraryLocation.tidy("\(scratch.path)/lib/libhakmem.so")
    #expect(try location.library() == expected)
    #expect(LibraryLocation.tidy("/a//b/../c/./d") == "/a/c/d")
    #expect(throws: Refusal.self) { try location.workloads() }
  }

  @Test func preloadValuesAndQuoting() throws {
    #expect(
      try Preload.value(library: "/a.so", existing: "/b.so /a.so:/c.so") == "/a.so:/b.so:/c.so")
    #expect(throws: Refusal.self) { try Preload.value(library: "/a b.so", existing: nil) }
    #expect(Preload.quoted("it's") == "'it'\\''s'")
    #expect(Preload.quoted("/usr/lib/x.so") == "/usr/lib/x.so")
    #expect(Preload.quoted("") == "''")
  }

  @Test func optionsAreCheckedAgainstTheTable() throws {
    let option = OptionTable.Option(
      name: "HAKMEM_PURGE_DELAY", help: "", range: "", defaultValue: "", value: "", source: "")
    let table = OptionTable(version: "1", options: [option])
    let variables = try OptionAssignments.variables(
      mode: nil, options: ["purge-delay=5=6"], table: table)
    #expect(variables == ["HAKMEM_PURGE_DELAY": "5=6"])
    #expect(
      throws: Refusal(.missingLibrary, "There is no option nope. There are: HAKMEM_PURGE_DELAY.")
    ) {
      try OptionAssignments.variables(mode: nil, options: ["nope=1"], table: table)
    }
    #expect(throws: Refusal(.missingLibrary, "\"nope\" is not of the form NAME=VALUE.")) {
      try OptionAssignments.variables(mode: nil, options: ["nope"], table: table)
    }
  }

  private func setuidCopy(_ scratch: Scratch) -> String {
    let path = "\(scratch.path)/setuid"
    try? FileManager.default.copyItem(atPath: "/bin/true", toPath: path)
    chmod(path, 0o4755)
    return path
  }

  /// A copy of a program whose header names another machine.
  private func otherMachine(_ scratch: Scratch) -> String {
    var bytes = TextFile.bytes("/bin/true") ?? []
    bytes[18] = 243
    bytes[19] = 0
    let path = "\(scratch.path)/riscv"
    try? Data(bytes).write(to: URL(fileURLWithPath: path))
    chmod(path, 0o755)
    return path
  }
}
