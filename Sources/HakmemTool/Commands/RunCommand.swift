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

  @OptionGroup var program: ProgramArguments

  func run() throws {
    let program = try program.prepare(for: self)
    let code = CStringArray.with(program.words) { arguments in
      CStringArray.with(program.environment.map { "\($0.key)=\($0.value)" }) { variables -> Int32 in
        // A program that was just linked or written is busy for a moment when its writer forks.
        for _ in 0..<50 {
          execve(program.file.path, arguments, variables)
          guard errno == ETXTBSY else { break }
          usleep(2000)
        }
        return errno
      }
    }
    throw Refusal(
      .unsuitable, "\(program.file.path) cannot be run: \(String(cString: strerror(code))).")
  }
}
