import Foundation
import Testing

@testable import HakmemToolKit

/// A program on HAKMEM that allocates and frees until it is stopped, or the test run ends.
///
/// Its output is its own: a process that outlives the test run would keep whoever reads the run's
/// output waiting.
final class BusyProgram {
  private let process = Process()
  var pid: Int32 { process.processIdentifier }

  /// Builds the program; it writes a line when it has allocated and freed once.
  static func build(in scratch: Scratch) throws -> String {
    let source = scratch.write(
      "busy.c",
      """
      #include <stdlib.h>
      #include <unistd.h>
      enum { count = 20000 };
      void *volatile blocks[count];
      __attribute__((noinline)) void *take(int index) { return malloc(100 + index % 1000); }
      int main(void) {
        const pid_t parent = getppid();
        for (long round = 0; getppid() == parent; round++, usleep(500)) {
          for (int index = 0; index < count; index++) blocks[index] = take(index);
          for (int index = 0; index < count; index++) free(blocks[index]);
          if (round == 0 && write(STDOUT_FILENO, "\\n", 1) != 1) return 1;
        }
        return 0;
      }
      """)
    let program = "\(scratch.path)/busy"
    try ChildProcess.compile([source, "-o", program])
    return program
  }

  /// Starts it, and waits until it is at work.
  init(in scratch: Scratch, environment: [String: String] = [:]) throws {
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: try Self.build(in: scratch))
    process.environment = environment.merging(["LD_PRELOAD": Built.library ?? ""]) { $1 }
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    try #require(!output.fileHandleForReading.availableData.isEmpty, "it ended")
  }

  func stop() {
    guard process.isRunning else { return }
    kill(pid, SIGKILL)
    process.waitUntilExit()
  }

  deinit { stop() }
}

extension ChildProcess {
  /// Compiles C so that the stacks of its calls are as they are written.
  static func compile(_ arguments: [String]) throws {
    let outcome = try ChildProcess(
      program: Built.compiler!,
      arguments: ["-O1", "-fno-builtin", "-fno-omit-frame-pointer", "-fno-optimize-sibling-calls"]
        + arguments
    ).run()
    try #require(outcome.ending == .exited(0), "\(outcome.errors)")
  }
}
