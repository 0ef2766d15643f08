import ArgumentParser
import Glibc
import HakmemToolKit

/// The command line.
@main
struct HakmemCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hakmem",
    abstract: "Runs programs on the HAKMEM allocator, checks what serves them, and measures it.",
    discussion: """
      Examples:
        hakmem run -- python3 server.py   run a program on HAKMEM
        hakmem doctor --pid 4711          which allocator serves a process
        hakmem stats --pid 4711           what its heap holds
        hakmem top 4711                   the same, live
        hakmem ledger --pid 4711          where its resident memory is
        hakmem options                    the options and their defaults
        hakmem bench                      measure HAKMEM beside every other
        hakmem bench -- sort big.txt      the same for your own program
        hakmem tune -- sort big.txt       which options serve it best
        hakmem record -- sort big.txt     its allocations, for bench --trace
        hakmem profile -- ./server        whose memory faults, where time and bytes go

      Shell completion (bash, zsh or fish):
        hakmem --generate-completion-script bash > /etc/bash_completion.d/hakmem
      """,
    version: "hakmem \(Version.tool)",
    subcommands: [
      RunCommand.self, EnvCommand.self, DoctorCommand.self, OptionsCommand.self,
      BenchCommand.self, TuneCommand.self, RecordCommand.self, ProfileCommand.self,
      StatsCommand.self, LedgerCommand.self, TopCommand.self, MapCommand.self,
      ProbeCommand.self, InspectCommand.self,
    ])

  /// The arguments as the parser takes them: what stands after "--" of `bench` or `tune` is a program, which
  /// a list of workloads before it would swallow.
  static func arguments(_ given: [String]) -> [String] {
    guard given.first == "bench" || given.first == "tune",
      let terminator = given.firstIndex(of: "--")
    else { return given }
    return given[..<terminator] + ["--program"] + given[(terminator + 1)...]
  }

  /// Runs the command; a refusal ends the process with its own status.
  static func main() {
    // Ignored by the parent, as some services leave it, it would take the children's status away.
    signal(SIGCHLD, SIG_DFL)
    do {
      var command = try parseAsRoot(arguments(Array(CommandLine.arguments.dropFirst())))
      try command.run()
    } catch let refusal as Refusal {
      Terminal.complain(refusal.description)
      exit(withError: ExitCode(refusal.kind.rawValue))
    } catch let failure as BenchFailure {
      Terminal.complain(failure.description)
      exit(withError: ExitCode.failure)
    } catch let failure as ProfileRun.Failure {
      Terminal.complain(failure.description)
      exit(withError: ExitCode.failure)
    } catch let failure as InspectionFailure {
      Terminal.complain(failure.description)
      exit(withError: ExitCode.failure)
    } catch let failure as OutputFile.Failure {
      Terminal.complain(failure.description)
      exit(withError: ExitCode.failure)
    } catch let failure as ChildProcess.Failure {
      Terminal.complain(failure.description)
      exit(withError: ExitCode.failure)
    } catch {
      exit(withError: error)
    }
  }
}
