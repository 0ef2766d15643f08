import ArgumentParser
import HakmemToolKit

/// A program to run on HAKMEM, with the library and its options.
struct ProgramArguments: ParsableArguments {
  @OptionGroup var library: LibraryArguments
  @OptionGroup var options: OptionArguments

  @Argument(
    parsing: .captureForPassthrough,
    help: ArgumentHelp("The program and its arguments, after \"--\".", valueName: "program"),
    completion: .shellCommand("compgen -c"))
  var command: [String]

  /// Finds the program and the library, and checks that the one can serve the other.
  ///
  /// - Parameter caller: Whose help the user gets who asks for it.
  /// - Throws: `Refusal` that says what stands in the way; `ValidationError` without a program.
  func prepare(for caller: some ParsableCommand) throws -> PreparedProgram {
    guard
      let prepared = try PreparedProgram(
        command, library: library, options: options, for: caller)
    else { throw ValidationError("Name the program after \"--\".") }
    return prepared
  }
}

/// A program of the user's to measure in place of the workloads.
struct MeasuredProgram: ParsableArguments {
  @Option(
    parsing: .remaining,
    help: ArgumentHelp(
      "A program to measure instead, with its arguments; \"--\" does the same.",
      valueName: "program"))
  var program: [String] = []
}

/// A program that was found fit to run on HAKMEM.
struct PreparedProgram {
  var file: ProgramFile
  /// The program's name as the user wrote it, and its arguments.
  var words: [String]
  /// The environment that puts HAKMEM into it.
  var environment: [String: String]

  /// Nil when `command`, which may begin with "--", names no program.
  ///
  /// - Parameter caller: Whose help the user gets who asks for it.
  /// - Throws: `Refusal` that says what stands in the way.
  init?(
    _ command: [String], library: LibraryArguments, options: OptionArguments,
    for caller: some ParsableCommand
  ) throws {
    words = command.first == "--" ? Array(command.dropFirst()) : command
    guard let name = words.first else { return nil }
    if name == "-h" || name == "--help" { throw CleanExit.helpRequest(caller) }
    if name.hasPrefix("-") { throw ValidationError("Unknown option '\(name)'.") }
    let path = try library.find()
    file = try ProgramFile(named: name, searchPath: library.location.environment["PATH"])
    try file.checkPreloadable(library: path)
    environment = library.location.environment
    environment.merge(try options.variables(library: path)) { $1 }
    environment["LD_PRELOAD"] = try Preload.value(
      library: path, existing: environment["LD_PRELOAD"])
  }
}
