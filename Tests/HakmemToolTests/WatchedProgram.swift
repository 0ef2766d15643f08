import Foundation
import Testing

@testable import HakmemToolKit

/// A program on HAKMEM that runs while a test looks at it.
///
/// Its input and output are its own: a process that outlived the test run would keep whoever reads the
/// run's output waiting.
final class WatchedProgram {
  private let process = Process()
  private let input = Pipe()
  /// What it wrote first.
  let greeting: String
  var pid: Int32 { process.processIdentifier }
  var isRunning: Bool { process.isRunning }

  /// Starts it, and waits until it writes something: it is at work then.
  ///
  /// - Parameter line: What it gets to read.
  init(
    _ program: String, _ arguments: [String] = [], environment: [String: String] = [:],
    reading line: String = ""
  ) throws {
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.environment = environment.merging(["LD_PRELOAD": Built.library ?? ""]) { $1 }
    process.standardInput = input
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    input.fileHandleForWriting.write(Data(line.utf8))
    greeting = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    try #require(!greeting.isEmpty, "\(program) ended")
  }

  /// A program that allocates and frees until it is killed, or the test run ends.
  static func busy(
    in scratch: Scratch, environment: [String: String] = [:]
  ) throws -> WatchedProgram {
    try WatchedProgram(try buildBusy(in: scratch), environment: environment)
  }

  /// It writes a line when it has allocated and freed once.
  static func buildBusy(in scratch: Scratch) throws -> String {
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

  /// Lets a program that waits for the end of its input end.
  func end() {
    try? input.fileHandleForWriting.close()
    process.waitUntilExit()
  }

  /// SIGKILL: Foundation leaves the signals blocked that its caller blocks.
  func kill() {
    guard process.isRunning else { return }
    _ = Glibc.kill(pid, SIGKILL)
    process.waitUntilExit()
  }

  deinit { kill() }
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

  /// Compiles a program of `Tests/Programs`, "real/holding", and returns where it lies.
  static func compile(program name: String, in scratch: Scratch) throws -> String {
    let programs = (#filePath as NSString).deletingLastPathComponent + "/../Programs"
    let output = "\(scratch.path)/\((name as NSString).lastPathComponent)"
    try compile([
      "-g", "-pthread", "-I", "\(programs)/support", "-I",
      "\(programs)/../../Sources/CHakmem/include", "\(programs)/\(name).c", "-o", output,
    ])
    return output
  }
}
