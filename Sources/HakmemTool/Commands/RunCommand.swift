import ArgumentParser
import Foundation
import HakmemToolKit

/// `hakmem run`.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Runs a program on HAKMEM.",
    discussion: """
      The program takes this process's place: its exit status, signals, input and output are \
      its own. A program that no library can be preloaded into is not run.

      Examples:
        hakmem run -- python3 server.py
        hakmem run --mode balanced -- ./server --port 8080
        hakmem run --option VERBOSE=1 -- make -j8

      Exit status: that of the program; 125 when the library is missing or an option is wrong, \
      126 when the program cannot be run on HAKMEM, 127 when there is no such program.
      """)

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
      throw ValidationError("Name the program to run after \"--\".")
    }
    if name == "-h" || name == "--help" { throw CleanExit.helpRequest(self) }
    if name.hasPrefix("-") { throw ValidationError("Unknown option '\(name)'.") }
    let path = try library.find()
    let file = try ProgramFile(
      named: name, searchPath: library.location.environment["PATH"])
    try file.checkPreloadable(library: path)
    var environment = library.location.environment
    environment.merge(try options.variables(library: path)) { $1 }
    environment["LD_PRELOAD"] = try Preload.value(
      library: path, existing: environment["LD_PRELOAD"])
    let code = CStringArray.with(words) { arguments in
      CStringArray.with(environment.map { "\($0.key)=\($0.value)" }) { variables -> Int32 in
        // A program that was just linked or written is busy for a moment when its writer forks.
        for _ in 0..<50 {
          execve(file.path, arguments, variables)
          guard errno == ETXTBSY else { break }
          usleep(2000)
        }
        return errno
      }
    }
    throw Refusal(.unsuitable, "\(file.path) cannot be run: \(String(cString: strerror(code))).")
  }
}
