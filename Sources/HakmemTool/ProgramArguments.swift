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

  /// A program that was found fit to run on HAKMEM.
  struct Prepared {
    var file: ProgramFile
    /// The program's name as the user wrote it, and its arguments.
    var words: [String]
    /// The environment that puts HAKMEM into it.
    var environment: [String: String]
  }

  /// Finds the program and the library, and checks that the one can serve the other.
  ///
  /// - Parameter command: Whose help the user gets who asks for it.
  /// - Throws: `Refusal` that says what stands in the way; `ValidationError` without a program.
  func prepare<Command: ParsableCommand>(for command: Command) throws -> Prepared {
    let words = self.command.first == "--" ? Array(self.command.dropFirst()) : self.command
    guard let name = words.first else {
      throw ValidationError("Name the program after \"--\".")
    }
    if name == "-h" || name == "--help" { throw CleanExit.helpRequest(command) }
    if name.hasPrefix("-") { throw ValidationError("Unknown option '\(name)'.") }
    let path = try library.find()
    let file = try ProgramFile(named: name, searchPath: library.location.environment["PATH"])
    try file.checkPreloadable(library: path)
    var environment = library.location.environment
    environment.merge(try options.variables(library: path)) { $1 }
    environment["LD_PRELOAD"] = try Preload.value(
      library: path, existing: environment["LD_PRELOAD"])
    return Prepared(file: file, words: words, environment: environment)
  }
}
