import ArgumentParser
import HakmemToolKit

/// `hakmem doctor`.
struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Shows which library serves a program's memory, and what stands in the way.",
    discussion: """
      Without a program or process the machine alone is examined. A program is examined as \
      "hakmem run" would start it, without running it.

      Examples:
        hakmem doctor
        hakmem doctor -- python3
        hakmem doctor --pid 4711 --json

      Exit status: 0, or 1 when there is a problem or nothing to examine.
      """)

  @Option(help: ArgumentHelp("A running process.", valueName: "pid"))
  var pid: Int32?

  @Flag(help: "Write JSON.")
  var json = false

  @OptionGroup var library: LibraryArguments

  @Argument(
    help: ArgumentHelp("A program, after \"--\".", valueName: "program"),
    completion: .shellCommand("compgen -c"))
  var program: [String] = []

  func validate() throws {
    if pid != nil && !program.isEmpty {
      throw ValidationError("Give a program or --pid, not both.")
    }
    if let pid, pid <= 0 { throw ValidationError("--pid takes the number of a process.") }
  }

  func run() throws {
    let doctor = Doctor(location: library.location, library: library.library)
    let report =
      if let pid {
        try doctor.process(pid)
      } else if let name = program.first {
        doctor.program(name)
      } else {
        doctor.machine()
      }
    if json { try Terminal.show(json: report) } else { Terminal.show(DoctorText.lines(report)) }
    if report.worst == .problem { throw ExitCode.failure }
  }
}
