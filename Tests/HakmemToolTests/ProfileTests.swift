import Foundation
import Testing

@testable import HakmemToolKit

/// `hakmem profile` on programs whose behaviour is known.
@Suite(.serialized, .enabled(if: Built.library != nil && Built.compiler != nil))
struct ProfileTests {
  /// The kernel lets this user sample page faults, those inside system calls included.
  static let mayProfile = PerfSession(threads: [getpid()], onExec: false).seesAll

  /// Compiles a program of Tests/Programs, with frame pointers.
  private func compile(_ name: String, in scratch: Scratch) throws -> String {
    let programs = (#filePath as NSString).deletingLastPathComponent + "/../Programs"
    let output = "\(scratch.path)/\((name as NSString).lastPathComponent)"
    let outcome = try ChildProcess(
      program: Built.compiler!,
      arguments: [
        "-O1", "-g", "-pthread", "-fno-builtin", "-fno-omit-frame-pointer",
        "-fno-optimize-sibling-calls", "-I", "\(programs)/support", "\(programs)/\(name).c", "-o",
        output,
      ], environment: ProcessInfo.processInfo.environment
    ).run()
    try #require(outcome.ending == .exited(0), "\(outcome.errors)")
    return output
  }

  private func report(_ folder: String) throws -> ProfileResult {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(
      ProfileResult.self, from: Data(contentsOf: URL(fileURLWithPath: "\(folder)/report.json")))
  }

  @Test(.enabled(if: mayProfile, "the kernel lets this user sample no page faults"))
  func everyFaultHasItsOwner() throws {
    let scratch = Scratch()
    let program = try compile("profile/known_faults", in: scratch)
    let folder = "\(scratch.path)/report"
    let outcome = try Tool.run([
      "profile", "--output", folder, "--library", Built.library!, "--", program,
      "\(scratch.path)/file",
    ])
    #expect(outcome.ending == .exited(0), "\(outcome.errors)")
    let result = try report(folder)
    let faults = try #require(result.faults)
    #expect(faults.owners.reduce(0) { $0 + $1.faults } == faults.counted)
    #expect(faults.charged >= faults.sampled && faults.charged - faults.sampled < 200)
    let expected = [
      "small blocks": 4000, "medium blocks": 4000, "large blocks": 8000, "other mappings": 4000,
      "thread-local storage": 4000, "stacks": 1200, "the program's file": 4000,
      "mapped files": 4000,
    ]
    for (owner, count) in expected {
      let row = try #require(faults.owners.first { $0.owner == owner }, "\(owner)")
      #expect(abs(row.faults - count) <= count / 100, "\(owner): \(row.faults)")
    }
    let large = faults.owners.first { $0.owner == "large blocks" }
    #expect(large?.causes == ["first touch": 4000, "copy after fork": 4000])
    #expect(faults.classes.filter { $0.faults > 100 }.map(\.blockBytes) == [2048])
    let threadLocal = faults.owners.first { $0.owner == "thread-local storage" }
    #expect(threadLocal?.phases["start"] ?? 0 >= 3990)
    let stacks = TextFile.read("\(folder)/page-faults.folded") ?? ""
    #expect(
      stacks.split(separator: "\n").contains {
        $0.contains("main;") && $0.contains("touch_pages") && $0.hasSuffix("[small blocks] 4000")
      } || stacks.contains("main;[small blocks] 4000"))
  }

  @Test func whatTheKernelRefusesIsSaidAndTheRestIsKept() throws {
    try #require(getuid() == 0)
    let scratch = Scratch()
    chmod(scratch.path, 0o777)
    // As somebody who may not look into the kernel.
    let outcome = try ChildProcess(
      program: "/usr/bin/setpriv",
      arguments: [
        "--reuid=65534", "--regid=65534", "--clear-groups", Built.tool, "profile", "--output",
        "\(scratch.path)/report", "--library", Built.library!, "--", "/bin/true",
      ], environment: ["PATH": "/usr/bin:/bin"]
    ).run()
    #expect(outcome.ending == .exited(0), "\(outcome.errors)")
    let result = try report("\(scratch.path)/report")
    #expect(result.isPartial)
    #expect(result.notes.contains { $0.contains("perf_event_paranoid") }, "\(result.notes)")
  }
}
