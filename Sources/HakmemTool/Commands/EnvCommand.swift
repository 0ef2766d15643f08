import ArgumentParser
import HakmemToolKit

/// `hakmem env`.
struct EnvCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "env", abstract: "Prints the shell lines that put programs on HAKMEM.",
    discussion: """
      Examples:
        eval "$(hakmem env)"        every program of this shell from now on
        hakmem env --mode balanced >> ~/.profile

      Exit status: 0; 125 when the library is missing or an option is wrong, and nothing is printed.
      """)

  @OptionGroup var library: LibraryArguments
  @OptionGroup var options: OptionArguments

  func run() throws {
    let path = try library.find()
    Terminal.show([
      try Preload.shellLines(library: path, options: options.variables(library: path))
    ])
  }
}
