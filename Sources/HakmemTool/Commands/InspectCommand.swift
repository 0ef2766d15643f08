import ArgumentParser
import HakmemToolKit

/// What the tool asks a copy of itself that looks into another process.
struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: Inspection.command,
    abstract: "Looks into a process and writes what it finds as JSON.", shouldDisplay: false)

  @Argument var pid: Int32
  @Argument var library: String

  func run() throws { try Inspection.answer(pid: pid, library: library) }
}

/// The arguments of the commands that look into a process.
struct ProcessArguments: ParsableArguments {
  @Option(help: ArgumentHelp("The running process.", valueName: "pid"))
  var pid: Int32

  @OptionGroup var library: LibraryArguments

  func validate() throws {
    if pid <= 0 { throw ValidationError("--pid takes the number of a process.") }
  }

  /// - Throws: `InspectionFailure` or `Refusal`.
  func inspect() throws -> Inspection {
    try Inspection.take(pid: pid, location: library.location, library: library.library)
  }
}
