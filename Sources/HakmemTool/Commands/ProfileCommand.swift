import ArgumentParser
import Foundation
import HakmemToolKit

/// `hakmem profile`.
struct ProfileCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "profile",
    abstract: "Tells whose memory faults and where a program's time goes.",
    discussion: """
      Runs a program on HAKMEM and writes a folder with the report: page faults by the owner of the \
      address, by cause, phase and call stack; time by layer and function; live, peak and temporary \
      bytes by call stack; where the resident memory was, and the heap's map over time. Index: \
      index.txt.

      Examples:
        hakmem profile -- python3 job.py
        hakmem profile --output before -- ./server --port 8080
        hakmem profile --pid 4711 --seconds 30
        hakmem profile --heap 1 -- ./short     every allocation, not samples
        go tool pprof -top hakmem-profile-python3-1/heap.pb.gz

      Call stacks are followed by frame pointers: programs compiled with \
      -fno-omit-frame-pointer show whole ones. Exit status: 0 when the report was written, \
      whatever the program's own; 1 when not; 125 to 127 as of "hakmem run".
      """)

  @Option(
    help: ArgumentHelp(
      "The report's folder, new or empty (hakmem-profile-PROGRAM-1, …).", valueName: "folder"),
    completion: .directory)
  var output: String?

  @Option(
    help: ArgumentHelp(
      "Bytes between two samples of the heap, on average; 1: every allocation, 0: none.",
      valueName: "bytes"))
  var heap = 1 << 20

  @Option(
    help: ArgumentHelp(
      "Watch this process, which runs on HAKMEM, instead of running a program.",
      valueName: "number"))
  var pid: Int32?

  @Option(help: "How many seconds to watch it.")
  var seconds = 10.0

  @OptionGroup var library: LibraryArguments
  @OptionGroup var options: OptionArguments

  @Argument(
    parsing: .captureForPassthrough,
    help: ArgumentHelp("The program and its arguments, after \"--\".", valueName: "program"),
    completion: .shellCommand("compgen -c"))
  var command: [String] = []

  func validate() throws {
    if pid != nil && !command.isEmpty {
      throw ValidationError("Give --pid or a program, not both.")
    }
    if pid == nil { try PreparedProgram.validate(command) }
    if heap < 0 { throw ValidationError("--heap must not be negative.") }
    if !(seconds > 0 && seconds <= 86400) {
      throw ValidationError("--seconds must be above 0 and at most a day.")
    }
  }

  func run() throws {
    let location = library.location
    let given = library.library
    let inspect: @Sendable (Int32) throws -> Inspection = {
      try Inspection.take(pid: $0, location: location, library: given)
    }
    if let pid {
      try ProfileRun.check(process: pid)
      let folder = try ReportFolder(path: output ?? ReportFolder.freeName(for: "\(pid)"))
      let outcome = try ProfileRun(folder: folder.path).watch(
        process: pid, seconds: seconds, heapDistance: heap, inspect: inspect)
      return try show(outcome, in: folder)
    }
    let program = try PreparedProgram(command, library: library, options: options, for: self)
    let folder = try ReportFolder(
      path: output ?? ReportFolder.freeName(for: program.words[0]))
    let outcome = try ProfileRun(folder: folder.path).run(
      ProfileRun.Plan(
        program: program.file.path, arguments: Array(program.words.dropFirst()),
        environment: program.environment,
        heapDistance: heap), inspect: inspect)
    try show(outcome, in: folder)
  }

  private func show(_ outcome: ProfileRun.Outcome, in folder: ReportFolder) throws {
    let failures = folder.write(outcome)
    Terminal.show(ProfileText.lines(outcome.result) + ["", "Written: \(folder.path)"])
    for failure in failures { Terminal.complain(failure) }
    if !failures.isEmpty { throw ExitCode.failure }
  }
}
