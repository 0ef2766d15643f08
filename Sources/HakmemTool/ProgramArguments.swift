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

  func validate() throws { try PreparedProgram.validate(command) }

  /// Finds the program and the library, and checks that the one can serve the other.
  ///
  /// - Parameter caller: Whose help the user gets who asks for it.
  /// - Throws: `Refusal` that says what stands in the way.
  func prepare(for caller: some ParsableCommand) throws -> PreparedProgram {
    try PreparedProgram(command, library: library, options: options, for: caller)
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

  /// Checks that a command line names a program. It is for the parser to call: an error that comes
  /// later would show the usage of `hakmem` in place of the command's.
  ///
  /// - Throws: `ValidationError`.
  static func validate(_ command: [String]) throws {
    guard let name = words(command).first else {
      throw ValidationError("Name the program after \"--\".")
    }
    if name.hasPrefix("-") && !isHelp(name) { throw ValidationError("Unknown option '\(name)'.") }
  }

  /// What stands after a "--", if that is there.
  private static func words(_ command: [String]) -> [String] {
    command.first == "--" ? Array(command.dropFirst()) : command
  }

  private static func isHelp(_ word: String) -> Bool { word == "-h" || word == "--help" }

  /// - Parameters:
  ///   - command: What `validate` has found in order.
  ///   - caller: Whose help the user gets who asks for it.
  /// - Throws: `Refusal` that says what stands in the way.
  init(
    _ command: [String], library: LibraryArguments, options: OptionArguments,
    for caller: some ParsableCommand
  ) throws {
    words = PreparedProgram.words(command)
    let name = words[0]
    if PreparedProgram.isHelp(name) { throw CleanExit.helpRequest(caller) }
    let path = try library.find()
    file = try ProgramFile(named: name, searchPath: library.location.environment["PATH"])
    try file.checkPreloadable(library: path)
    environment = library.location.environment
    environment.merge(try options.variables(library: path)) { $1 }
    environment["LD_PRELOAD"] = try Preload.value(
      library: path, existing: environment["LD_PRELOAD"])
  }
}
