import Foundation
import Testing

/// Runs real programs on the allocator under test and on the C library's, and compares.
public enum RealProgram {
  /// The name under which the preloaded library shows in /proc/PID/maps; empty on glibc.
  public static var libraryName: String {
    Allocator.underTest.path.map { ($0 as NSString).lastPathComponent } ?? ""
  }

  /// The modes that programs run in whose every call deserves a look in both.
  public static let modes = ["balanced", "hardened"]

  /// Arguments for a workload that checks itself that the library is loaded.
  public static var libraryArgument: [String] {
    libraryName.isEmpty ? [] : [libraryName]
  }

  /// A file of Tests/Programs/real.
  public static func source(_ name: String) -> String {
    TestProgram.sources + "/real/" + name
  }

  /// Runs a command on the allocator under test, confirms that the library was loaded, by what
  /// HAKMEM_VERBOSE prints to stderr, and expects that it exits with 0.
  @discardableResult
  public static func run(
    _ command: Command, sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> Outcome {
    try Allocator.underTest.requireExists()
    let outcome = try command.with(environment: ["HAKMEM_VERBOSE": "1"]).run()
    #expect(outcome.succeeded, "\(outcome)", sourceLocation: sourceLocation)
    if Allocator.underTest.isHakmem {
      let isLoaded = outcome.errors.contains("HAKMEM_VERBOSE")
      #expect(isLoaded, "not loaded: \(outcome)", sourceLocation: sourceLocation)
    }
    return outcome
  }

  /// As `run`, and expects that it prints what it prints on glibc. A command that changes files is
  /// made afresh for each run.
  @discardableResult
  public static func expectSameOutput(
    sourceLocation: SourceLocation = #_sourceLocation, of command: () throws -> Command
  ) throws -> Outcome {
    let outcome = try run(command(), sourceLocation: sourceLocation)
    let reference = try command().onSystemAllocator.run()
    #expect(reference.succeeded, "on glibc: \(reference)", sourceLocation: sourceLocation)
    #expect(outcome.output == reference.output, "\(outcome)", sourceLocation: sourceLocation)
    #expect(!outcome.output.isEmpty, "\(outcome)", sourceLocation: sourceLocation)
    return outcome
  }

  /// Expects that a running program has the library mapped, or soon will.
  public static func expectLoaded(
    in program: RunningProgram, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let isLoaded = System.wait(seconds: 20) {
      libraryName.isEmpty || program.memoryMap.contains(libraryName) || program.hasEnded()
    }
    let isAlive = isLoaded && !program.hasEnded()
    let map = program.memoryMap
    #expect(isAlive, "\(libraryName) is not in \(map)", sourceLocation: sourceLocation)
  }
}
