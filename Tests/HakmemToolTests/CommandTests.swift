import Foundation
import Testing

@testable import HakmemToolKit

@Suite struct CommandTests {
  @Test func everyCommandHasHelpWithExamples() throws {
    for command in [
      [], ["run"], ["env"], ["doctor"], ["options"], ["bench"], ["stats"], ["ledger"], ["map"],
      ["top"], ["record"], ["profile"],
    ] {
      let outcome = try Tool.run(command + ["--help"])
      #expect(outcome.ending == .exited(0), "\(command)")
      #expect(outcome.output.contains("Examples:"), "\(command)")
    }
    #expect(try Tool.run(["--version"]).output == "hakmem \(Version.tool)\n")
    #expect(try Tool.run(["--generate-completion-script", "bash"]).output.contains("_hakmem"))
  }

  @Test func aSelfComparisonOfWorkloadsEndsWithAVerdict() throws {
    let scratch = Scratch()
    let program = FakeWorkloads.write(to: scratch)
    let json = "\(scratch.path)/result.json"
    let arguments = [
      "bench", "steady", "--self", "--allocator", "glibc", "--workloads", program, "--rounds", "3",
      "--seconds", "0.01", "--seed", "5", "--json", json,
    ]
    let outcome = try Tool.run(arguments, environment: ["TERM": "xterm"])
    #expect(outcome.ending == .exited(0), "\(outcome.errors)")
    #expect(outcome.output.contains("no significant difference in 3 of 3 figures"))
    #expect(!outcome.output.contains("\u{1b}"))
    #expect(outcome.errors.isEmpty)
    let result = try BenchResult.load(json)
    #expect(result.method.seed == 5)
    #expect(result.allocators.map(\.name) == ["glibc", "glibc again"])
    #expect(result.allocators[0].version != nil)
    let again = try Tool.run(arguments + ["--baseline", json])
    #expect(again.output.contains("No row moved beyond noise"))
  }

  @Test func wrongInputFailsBeforeAnythingRuns() throws {
    let scratch = Scratch()
    let marker = "\(scratch.path)/ran"
    let program = scratch.write(
      "marking",
      "#!/bin/sh\n[ \"$1\" = --list ] && printf 'steady\\tops\\n' && exit 0\n>\(marker)\n",
      mode: 0o755)
    let base = ["bench", "--workloads", program, "--allocator", "glibc"]
    let cases: [([String], String)] = [
      (["steady", "--json", "/nonexistent/x.json"], "cannot write /nonexistent/x.json"),
      (["steady", "--html", scratch.path], "it is not a regular file"),
      (["steady", "--baseline", "/nonexistent"], "/nonexistent cannot be read"),
      (["stead"], "There are: steady."),
      (["steady", "--allocator", "nope"], "There is no allocator nope"),
      (["steady", "--subject", "nope"], "There is no allocator nope in this run"),
      (["steady", "--rounds", "0"], "--rounds must be"),
      (["steady", "--threads", "1,x"], "1,x"),
      (["steady", "--", "true"], "not both"),
    ]
    for (arguments, text) in cases {
      let outcome = try Tool.run(base + arguments)
      #expect(outcome.ending != .exited(0), "\(arguments)")
      #expect(outcome.errors.contains(text), "\(arguments): \(outcome.errors)")
    }
    #expect(access(marker, F_OK) != 0)
  }

  @Test func aProgramIsMeasuredFromTheCommandLine() throws {
    let outcome = try Tool.run([
      "bench", "--allocator", "glibc", "--rounds", "1", "--", "sh", "-c", "exit 0", "--quick",
    ])
    #expect(outcome.ending == .exited(0), "\(outcome.errors)")
    #expect(outcome.output.contains("sh -c exit 0 --quick: medians"))
  }

  @Test func doctorSpeaksJSON() throws {
    let outcome = try Tool.run(["doctor", "--json", "--", "sh"])
    struct Report: Decodable {
      var format: Int
      var findings: [Finding]
      var serving: [Serving]
    }
    let report = try JSONDecoder().decode(Report.self, from: Data(outcome.output.utf8))
    #expect(report.format == 1)
    #expect(report.serving.contains { $0.functions.contains("malloc") })
    let isProblem = report.findings.contains { $0.severity == .problem }
    #expect(outcome.ending == .exited(isProblem ? 1 : 0))
  }

  @Test(
    .enabled(
      if: Built.library != nil && Built.workloads != nil, "no library or workloads beside the tests"
    ))
  func theRealWorkloadsRunOnHakmemAndGlibc() throws {
    let scratch = Scratch()
    let json = "\(scratch.path)/result.json"
    let outcome = try Tool.run([
      "bench", "tiny_hot", "random_mixed:slots=64", "--allocator", "hakmem", "--allocator", "glibc",
      "--library", Built.library ?? "", "--workloads", Built.workloads ?? "", "--rounds", "3",
      "--seconds", "0.01", "--option", "quiet=1", "--json", json,
    ])
    #expect(outcome.ending == .exited(0), "\(outcome.errors)")
    let result = try BenchResult.load(json)
    #expect(result.rows.map(\.id) == ["tiny_hot", "random_mixed slots=64"])
    #expect(result.method.options["HAKMEM_QUIET"] == "1")
    for row in result.rows {
      #expect(row.floor != nil)
      #expect(row.cells.allSatisfy { $0.failure == nil && $0.runs.count == 3 && $0.latency != nil })
    }
  }

  @Test(.enabled(if: Built.library != nil, "libhakmem.so is not beside the tests"))
  func theLibrarysOwnTableIsShown() throws {
    let outcome = try Tool.run(["options", "--json", "--library", Built.library ?? ""])
    let table = try JSONDecoder().decode(OptionTable.self, from: Data(outcome.output.utf8))
    #expect(!table.options.isEmpty)
    #expect(table.options.allSatisfy { $0.name.hasPrefix("HAKMEM_") && !$0.help.isEmpty })
  }

  @Test(.enabled(if: Built.library != nil, "libhakmem.so is not beside the tests"))
  func aProgramRunsOnHakmemAndTheDoctorSaysSo() throws {
    let outcome = try Tool.run([
      "run", "--library", Built.library ?? "", "--", "sh", "-c",
      "\(Built.tool) doctor --json --library \(Built.library ?? "") --pid $$",
    ])
    #expect(outcome.output.contains("\"kind\" : \"HAKMEM\""), "\(outcome.errors)")
  }

  /// As `make install` leaves it.
  @Test(.enabled(if: Built.library != nil, "libhakmem.so is not beside the tests"))
  func theDoctorKnowsALibraryThatIsPreloadedByALink() throws {
    let scratch = Scratch()
    let file = "\(scratch.path)/libhakmem.so.0.1.0"
    try FileManager.default.copyItem(atPath: Built.library ?? "", toPath: file)
    symlink("libhakmem.so.0.1.0", "\(scratch.path)/libhakmem.so.0")
    symlink("libhakmem.so.0", "\(scratch.path)/libhakmem.so")
    let library = "\(scratch.path)/libhakmem.so"
    let outcome = try Tool.run([
      "run", "--library", library, "--", "sh", "-c",
      "\(Built.tool) doctor --json --library \(library) --pid $$; true",
    ])
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let report = try decoder.decode(DoctorReport.self, from: Data(outcome.output.utf8))
    let server = report.findings.first { $0.topic == "server" }
    let path = try #require(LibraryLocation.absolute(file))
    #expect(server == Finding(.ok, "server", "malloc comes from \(path)."))
  }

  @Test(.enabled(if: Built.library != nil, "libhakmem.so is not beside the tests"))
  func valuesThatTheLibraryWouldRefuseAreRefused() throws {
    let scratch = Scratch()
    let wrong = ["--option", "PURGE_DELAY=-1"]
    let sentence = "hakmem: HAKMEM_PURGE_DELAY cannot be \"-1\": the library takes 0…3600000.\n"
    let marker = "\(scratch.path)/ran"
    for (command, words) in [
      ("run", ["--", "touch", marker]), ("tune", ["--", "touch", marker]),
      ("bench", ["--", "touch", marker]), ("env", []),
      ("record", ["--output", "\(scratch.path)/trace", "--", "touch", marker]),
      ("profile", ["--output", "\(scratch.path)/report", "--", "touch", marker]),
    ] {
      let outcome = try Tool.run(
        [command, "--library", Built.library ?? ""] + wrong + words,
        environment: ["PATH": "/usr/bin:/bin"])
      #expect(outcome.ending == .exited(125), "\(command): \(outcome.errors)")
      #expect(outcome.errors == sentence, "\(command)")
      #expect(outcome.output.isEmpty, "\(command)")
    }
    #expect(access(marker, F_OK) != 0)
    let modes = try Tool.run(["env", "--library", Built.library ?? "", "--mode", "fast"])
    #expect(modes.ending == .exited(125))
    #expect(modes.errors.contains("HAKMEM_MODE cannot be \"fast\""), "\(modes.errors)")
    #expect(modes.errors.contains("balanced|speed|memory|hardened"), "\(modes.errors)")
  }

  /// Judging a value must not do what it asks for, and one option's value must not hide another's.
  @Test(.enabled(if: Built.library != nil, "libhakmem.so is not beside the tests"))
  func valuesThatTheLibraryTakesAreTaken() throws {
    let scratch = Scratch()
    let accepted = [
      "PREWARM=1048576", "LIMIT=soft:512M,hard:1G", "ZERO_ON_FREE=0", "VERIFY_ZERO=1",
      "PROFILE=\(scratch.path)", "RECORD=", "QUIET=1", "THP=auto",
    ]
    let outcome = try Tool.run(
      ["env", "--library", Built.library ?? "", "--mode", "hardened"]
        + accepted.flatMap { ["--option", $0] })
    #expect(outcome.ending == .exited(0), "\(outcome.errors)")
    #expect(outcome.output.contains("HAKMEM_PREWARM=1048576"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path).isEmpty)
    let quiet = try Tool.run(
      ["env", "--library", Built.library ?? "", "-o", "QUIET=1", "-o", "STATS=2"])
    #expect(quiet.ending == .exited(125))
  }

  @Test func theDoctorsStatusIsOneWhereThereIsNothingToExamine() throws {
    let process = try Tool.run(["doctor", "--pid", "2147483647"])
    #expect(process.ending == .exited(1))
    #expect(process.errors == "hakmem: There is no process 2147483647.\n")
    let program = try Tool.run(["doctor", "--", "no-such-program"])
    #expect(program.ending == .exited(1))
    #expect(program.output.contains("There is no program no-such-program in PATH."))
  }

  @Test(arguments: ["run", "record", "profile"])
  func aCommandWithoutItsProgramShowsItsOwnUsage(command: String) throws {
    for words in [[], ["--"], ["--nonsense"]] {
      let outcome = try Tool.run([command] + words)
      #expect(outcome.ending == .exited(64), "\(words)")
      #expect(outcome.errors.contains("Usage: hakmem \(command) "), "\(words): \(outcome.errors)")
    }
    let help = try Tool.run([command, "--", "--help"])
    #expect(help.ending == .exited(0) && help.output.contains("USAGE: hakmem \(command) "))
  }
}
