import ArgumentParser
import HakmemToolKit

/// `hakmem options`.
struct OptionsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "options", abstract: "Lists the library's options.",
    discussion: """
      The table is the library's own; "in force" is what it takes from this environment.

      Examples:
        hakmem options
        HAKMEM_MODE=balanced hakmem options
        hakmem options --json
      """)

  @Flag(help: "Write JSON.")
  var json = false

  @OptionGroup var library: LibraryArguments

  func run() throws {
    let table = try OptionTable.load(library: library.find())
    if json { return try Terminal.show(json: table) }
    Terminal.show(OptionsText.lines(table))
  }
}
