import ArgumentParser
import HakmemToolKit

/// The arguments by which every command finds the library.
struct LibraryArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The library to use instead of the one found (also $HAKMEM_LIBRARY).", valueName: "path"),
    completion: .file(extensions: ["so"]))
  var library: String?

  var location: LibraryLocation { LibraryLocation() }

  /// - Throws: `Refusal` when there is no library.
  func find() throws -> String { try location.library(given: library) }
}

/// The arguments that set options of the library.
struct OptionArguments: ParsableArguments {
  @Option(help: ArgumentHelp("The mode: a set of defaults (HAKMEM_MODE).", valueName: "mode"))
  var mode: String?

  @Option(
    name: [.customShort("o"), .long],
    help: ArgumentHelp(
      "An option, as often as needed: \"hakmem options\" lists them.", valueName: "name=value"))
  var option: [String] = []

  /// The options as variables of the environment.
  ///
  /// - Throws: `Refusal` for an unknown one, and for a value that the library would not take.
  func variables(library: String) throws -> [String: String] {
    guard mode != nil || !option.isEmpty else { return [:] }
    let table = try OptionTable.load(library: library)
    let variables = try OptionAssignments.variables(mode: mode, options: option, table: table)
    try OptionJudge.check(
      variables, table: table, library: library, location: LibraryLocation())
    return variables
  }
}
