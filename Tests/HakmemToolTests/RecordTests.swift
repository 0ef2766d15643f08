import Foundation
import Testing

@testable import HakmemToolKit

@Suite(.enabled(if: Built.library != nil, "libhakmem.so was not built")) struct RecordTests {
  private let scratch = Scratch()

  private func record(_ words: [String], output: String = "trace") throws -> ChildProcess.Outcome {
    try Tool.run(["record", "--output", "\(scratch.path)/\(output)", "--"] + words)
  }

  @Test(.enabled(if: Built.workloads != nil, "hakmem-workload was not built"))
  func aProgramIsRecordedAndReplayed() throws {
    let outcome = try record(["ls", "-l", "/usr"])
    #expect(outcome.ending == .exited(0), "\(outcome.errors)")
    #expect(outcome.output.contains("bin"))
    let header = try #require(TraceHeader(path: "\(scratch.path)/trace"))
    #expect(header.calls > 100)
    #expect(header.threads == 1)
    #expect(outcome.errors.contains("recorded \(header.calls) calls of 1 thread in"))
    let replay = try ChildProcess(
      program: Built.workloads ?? "",
      arguments: ["trace", "file=\(scratch.path)/trace", "settle=0"]
    ).run()
    #expect(replay.ending == .exited(0), "\(replay.errors)")
    #expect(replay.output.contains("\"operations\":\(header.calls),"))
  }

  @Test func theEndIsTheProgramsOwn() throws {
    #expect(try record(["sh", "-c", "exit 7"]).ending == .exited(7))
    let killed = try record(["sh", "-c", "kill -KILL $$"], output: "killed")
    #expect(killed.ending == .signalled(SIGKILL))
    let header = try #require(TraceHeader(path: "\(scratch.path)/killed"))
    #expect(header.calls > 0)
    // What the mapping had too much is given back.
    #expect(header.byteCount < 8192)
  }

  @Test func signalsReachTheProgram() throws {
    let ready = "\(scratch.path)/ready"
    let script = "trap 'exit 3' TERM; : > \(ready); while :; do sleep 0.05; done"
    let child = ChildProcess(
      program: Built.tool,
      arguments: ["record", "--output", "\(scratch.path)/trace", "--", "sh", "-c", script])
    var sent = false
    let outcome = try child.run { pid in
      if !sent, access(ready, F_OK) == 0 {
        sent = true
        kill(pid, SIGTERM)
      }
    }
    #expect(outcome.ending == .exited(3), "\(outcome.errors)")
  }

  @Test func everyProcessHasItsTraceWhereTheNameSaysSo() throws {
    let outcome = try record(["sh", "-c", "ls / >&2; ls -l / >&2; true"], output: "%p.trace")
    #expect(outcome.ending == .exited(0))
    let files = try FileManager.default.contentsOfDirectory(atPath: scratch.path)
    #expect(files.count == 3, "\(files)")
    for file in files {
      #expect(outcome.errors.contains("/\(file) ("), "\(outcome.errors)")
    }
    let single = try record(["sh", "-c", "ls /; ls -l /; true"])
    #expect(single.errors.split(separator: "\n").count == 2, "\(single.errors)")
  }

  @Test func whatCannotBeWrittenFailsBeforeTheProgramRuns() throws {
    let marker = "\(scratch.path)/ran"
    scratch.write("letter", "dear all")
    for (output, reason) in [
      ("no/such/trace", "No such file or directory"), ("", "it is not a regular file"),
      ("letter", "it exists and is not an allocation trace"),
      ("no/%p", "No such file or directory"),
    ] {
      let outcome = try record(["touch", marker], output: output)
      #expect(outcome.ending == .exited(1), "\(output)")
      #expect(outcome.errors.contains("cannot write"), "\(outcome.errors)")
      #expect(outcome.errors.contains(reason), "\(outcome.errors)")
    }
    #expect(access(marker, F_OK) != 0)
    #expect(TextFile.read("\(scratch.path)/letter") == "dear all")
  }

  @Test func whatCannotBeServedIsNotRun() throws {
    let missing = try record(["no-such-program"])
    #expect(missing.ending == .exited(127))
    #expect(missing.errors.contains("There is no program no-such-program"))
    let setuid = "\(scratch.path)/setuid"
    try FileManager.default.copyItem(atPath: "/bin/true", toPath: setuid)
    chmod(setuid, 0o4755)
    #expect(try record([setuid]).ending == .exited(126))
    #expect(access("\(scratch.path)/trace", F_OK) != 0)
    #expect(try Tool.run(["record"]).ending == .exited(64))
  }

  @Test func namesOfTraces() {
    #expect(TraceName(path: "/x/y", program: "/bin/ls").pattern == "/x/y")
    let own = TraceName(path: nil, program: "/bin/ls").pattern
    #expect(own == FileManager.default.currentDirectoryPath + "/ls.trace")
    #expect(TraceName(path: "/x/%p.t", program: "ls").isNamedByProcess)
  }
}
