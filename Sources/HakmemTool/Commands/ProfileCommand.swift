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
      address, by cause, phase and call stack; time by layer and function. Index: index.txt.

      Examples:
        hakmem profile -- python3 job.py
        hakmem profile --output before -- ./server --port 8080

      Call stacks are followed by frame pointers: programs compiled with \
      -fno-omit-frame-pointer show whole ones. Exit status: 0 when the report was written, \
      whatever the program's own; 1 when not.
      """)

  @Option(
    help: ArgumentHelp(
      "The report's folder, new or empty (hakmem-profile-PROGRAM-1, …).", valueName: "folder"),
    completion: .directory)
  var output: String?

  @OptionGroup var library: LibraryArguments
  @OptionGroup var options: OptionArguments

  @Argument(
    parsing: .captureForPassthrough,
    help: ArgumentHelp("The program and its arguments, after \"--\".", valueName: "program"),
    completion: .shellCommand("compgen -c"))
  var command: [String]

  func run() throws {
    let words = command.first == "--" ? Array(command.dropFirst()) : command
    guard let name = words.first else {
      throw ValidationError("Name the program to profile after \"--\".")
    }
    if name == "-h" || name == "--help" { throw CleanExit.helpRequest(self) }
    if name.hasPrefix("-") { throw ValidationError("Unknown option '\(name)'.") }
    let path = try library.find()
    let file = try ProgramFile(named: name, searchPath: library.location.environment["PATH"])
    try file.checkPreloadable(library: path)
    var environment = library.location.environment
    environment.merge(try options.variables(library: path)) { $1 }
    environment["LD_PRELOAD"] = try Preload.value(
      library: path, existing: environment["LD_PRELOAD"])
    let folder = try ReportFolder(path: output ?? ReportFolder.freeName(for: name))
    let outcome = try ProfileRun(folder: folder.path).run(
      ProfileRun.Plan(
        program: file.path, arguments: Array(words.dropFirst()), environment: environment,
        folder: folder.path))
    let failures = folder.write(outcome)
    Terminal.show(ProfileText.lines(outcome.result) + ["", "Written: \(folder.path)"])
    for failure in failures { Terminal.complain(failure) }
    if !failures.isEmpty { throw ExitCode.failure }
  }
}
