import Foundation
import HakmemTestSupport
import Testing

/// Options of the environment and the messages they bring.
@Suite(.enabled(if: Allocator.underTest.isHakmem, "only HAKMEM has these options"))
struct `An option` {
  /// One line of what interface/hakmem_options.c prints.
  private struct Row {
    let name, value, source, defaultValue, range, help: String
  }

  /// Runs a program under the options given; it prints all options as the library sees them.
  private func run(_ environment: [String: String] = [:]) throws -> Outcome {
    try Allocator.underTest.requireExists()
    let program = try TestProgram.build("interface/hakmem_options.c")
    let outcome = try Command(program, environment: environment).run()
    try #require(outcome.succeeded, "\(outcome)")
    return outcome
  }

  private func rows(_ outcome: Outcome) throws -> [Row] {
    try outcome.output.split(separator: "\n").map { line in
      let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      try #require(fields.count == 6, "\(line)")
      return Row(
        name: fields[0], value: fields[1], source: fields[2], defaultValue: fields[3],
        range: fields[4], help: fields[5])
    }
  }

  private func row(_ name: String, _ outcome: Outcome) throws -> Row {
    try #require(try rows(outcome).first { $0.name == name }, "no option \(name)")
  }

  private func linesNaming(_ text: String, in outcome: Outcome) -> [Substring] {
    outcome.errors.split(separator: "\n").filter { $0.contains(text) }
  }

  @Test func `that is not set keeps its default, in silence`() throws {
    let outcome = try run()
    #expect(outcome.errors.isEmpty, "\(outcome)")
    for row in try rows(outcome) {
      #expect(row.value == row.defaultValue && row.source == "default", "\(row)")
    }
  }

  @Test func `exists once under its name, with help and range`() throws {
    let rows = try rows(run())
    let names = rows.map(\.name)
    #expect(Set(names).count == names.count)
    for name in ["VERBOSE", "STATS", "QUIET", "MODE", "PREWARM"].map({ "HAKMEM_" + $0 }) {
      #expect(names.contains(name))
    }
    #expect(rows.allSatisfy { !$0.help.isEmpty && !$0.range.isEmpty && $0.name.count > 7 })
  }

  @Test func `is printed by HAKMEM_VERBOSE with value and source, below the version`() throws {
    let outcome = try run(["HAKMEM_VERBOSE": "1"])
    #expect(outcome.errors.range(of: #"\d+\.\d+\.\d+"#, options: .regularExpression) != nil)
    for row in try rows(outcome) {
      let lines = linesNaming(row.name, in: outcome)
      #expect(
        lines.contains { $0.contains("=" + row.value) && $0.contains(row.source) }, "\(outcome)")
    }
    #expect(try row("HAKMEM_VERBOSE", outcome).source == "environment")
  }

  @Test func `HAKMEM_STATS prints a summary at exit`() throws {
    let outcome = try run(["HAKMEM_STATS": "1"])
    #expect(outcome.errors.split(separator: "\n").count >= 3, "\(outcome)")
    #expect(outcome.errors.contains("live"), "\(outcome)")
  }

  @Test func `HAKMEM_SS_MAP_TRACE prints SuperSlabs as they are mapped`() throws {
    let outcome = try run(["HAKMEM_SS_MAP_TRACE": "1"])
    #expect(outcome.errors.contains("hakmem:") && outcome.errors.contains("0x"), "\(outcome)")
  }

  @Test func `HAKMEM_QUIET silences all the others`() throws {
    let outcome = try run([
      "HAKMEM_QUIET": "1", "HAKMEM_VERBOSE": "1", "HAKMEM_STATS": "1", "HAKMEM_NONSENSE": "1",
      "HAKMEM_MODE": "nonsense",
    ])
    #expect(outcome.errors.isEmpty, "\(outcome)")
  }

  @Test(arguments: ["balanced", "speed", "memory", "hardened"])
  func `HAKMEM_MODE takes a mode's name`(
    mode: String
  ) throws {
    let outcome = try run(["HAKMEM_MODE": mode])
    #expect(try row("HAKMEM_MODE", outcome).value == mode)
    #expect(outcome.errors.isEmpty, "\(outcome)")
  }

  @Test func `HAKMEM_MODE changes other options and says so`() throws {
    for mode in ["speed", "memory", "hardened"] {
      let changed = try rows(run(["HAKMEM_MODE": mode])).filter { $0.source == "mode" }
      #expect(!changed.isEmpty, "\(mode) changes nothing")
      #expect(changed.allSatisfy { $0.value != $0.defaultValue })
    }
  }

  @Test func `that is set by name wins over the mode`() throws {
    let outcome = try run(["HAKMEM_MODE": "memory"])
    let changed = try #require(try rows(outcome).first { $0.source == "mode" })
    let both = try run(["HAKMEM_MODE": "memory", changed.name: changed.defaultValue])
    let row = try row(changed.name, both)
    #expect(row.value == changed.defaultValue && row.source == "environment")
  }

  @Test func `with a value that does not parse is named once and keeps its default`() throws {
    // Any text may name a file.
    for option in try rows(run())
    where option.name != "HAKMEM_QUIET" && !option.range.contains("path") {
      for value in ["nonsense!", "-99999999999999999999"] {
        let outcome = try run([option.name: value])
        let lines = linesNaming(option.name, in: outcome)
        let row = try row(option.name, outcome)
        #expect(lines.count == 1, "\(option.name)='\(value)': \(outcome)")
        #expect(lines.allSatisfy { $0.contains("hakmem") && $0.contains(value) }, "\(outcome)")
        #expect(row.value == option.defaultValue && row.source == "default", "\(outcome)")
      }
    }
  }

  @Test func `that does not exist is named`() throws {
    let outcome = try run(["HAKMEM_NONSENSE": "1", "HAKMEM_VERBOS": "1"])
    #expect(linesNaming("HAKMEM_NONSENSE", in: outcome).count == 1, "\(outcome)")
    #expect(linesNaming("HAKMEM_VERBOS", in: outcome).count == 1, "\(outcome)")
  }

  @Test func `of the tests and the benchmarks is not taken for a mistake`() throws {
    let outcome = try run(["HAKMEM_PEERS": "/nowhere", "HAKMEM_LIBRARY": "/nowhere"])
    #expect(outcome.errors.isEmpty, "\(outcome)")
  }

  @Test func `that makes messages does no harm when stderr is closed`() throws {
    let program = try TestProgram.build("interface/hakmem_options.c")
    let options = ["HAKMEM_VERBOSE": "1", "HAKMEM_STATS": "1", "HAKMEM_NONSENSE": "1"]
    let command = Command("/bin/sh", ["-c", "exec \(program) 2>&-"], environment: options)
    let outcome = try command.run()
    #expect(outcome.succeeded, "\(outcome)")
  }
}
