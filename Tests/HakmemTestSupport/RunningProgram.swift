import Foundation
import Glibc
import Synchronization

/// A started program in a process group of its own, its output going to files.
///
/// Files rather than pipes: a background process that outlives the program cannot keep the reader
/// waiting, and nothing blocks when much is written.
public final class RunningProgram: Sendable {
  public let identifier: pid_t
  private let outputPath: String
  private let errorsPath: String
  private let command: String
  private let reaped = Mutex<Outcome.Ending?>(nil)
  private static let serial = Atomic<Int>(0)

  init(_ command: Command) throws {
    let number = Self.serial.wrappingAdd(1, ordering: .relaxed).newValue
    let base = try TemporaryDirectory.ofTestRun.path + "/run-\(number)"
    outputPath = base + ".out"
    errorsPath = base + ".err"
    let inputPath = command.input == nil ? "/dev/null" : base + ".in"
    try command.input?.write(toFile: inputPath, atomically: false, encoding: .utf8)
    self.command = Self.describe(command)
    identifier = try Self.spawn(command, input: inputPath, output: outputPath, errors: errorsPath)
  }

  deinit {
    stop()
  }

  /// The command as one would type it.
  private static func describe(_ command: Command) -> String {
    var words: [String] = []
    if !command.preload.isEmpty {
      words.append("LD_PRELOAD=" + command.preload.joined(separator: ":"))
    }
    words += command.environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    words += [command.executable] + command.arguments
    let line = words.joined(separator: " ")
    return command.directory.map { "cd \($0) && \(line)" } ?? line
  }

  private static func spawn(
    _ command: Command, input: String, output: String, errors: String
  ) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&attributes)
    }
    posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    if let directory = command.directory {
      _ = posix_spawn_file_actions_addchdir_np(&actions, directory)
    }
    var defaults = sigset_t()
    var none = sigset_t()
    sigfillset(&defaults)
    sigemptyset(&none)
    posix_spawnattr_setsigdefault(&attributes, &defaults)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setpgroup(&attributes, 0)
    let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
    posix_spawnattr_setflags(&attributes, Int16(flags))

    let arguments = ([command.executable] + command.arguments).map { strdup($0) } + [nil]
    let environment = command.fullEnvironment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { (arguments + environment).forEach { free($0) } }
    var identifier = pid_t()
    // A program that was just written is busy until the children that tests beside this one fork at
    // that moment have called exec.
    var status = ETXTBSY
    for _ in 0..<1000 where status == ETXTBSY {
      status = posix_spawn(
        &identifier, command.executable, &actions, &attributes, arguments, environment)
      if status == ETXTBSY { usleep(10000) }
    }
    guard status == 0 else {
      throw HarnessError("cannot start \(command.executable): \(String(cString: strerror(status)))")
    }
    return identifier
  }

  /// Waits for the end; after `seconds` kills the group. Whatever the program left running in its
  /// group is killed too.
  public func wait(seconds: Double) throws -> Outcome {
    let deadline = Date(timeIntervalSinceNow: seconds)
    var interval: UInt32 = 1000
    while !hasEnded() {
      if Date() > deadline {
        stop()
        return outcome(.timedOut)
      }
      usleep(interval)
      interval = min(interval * 2, 20000)
    }
    return outcome(reap())
  }

  /// Ends the program and its group for sure: SIGTERM first if `gently`, then SIGKILL.
  @discardableResult
  public func stop(gently: Bool = false) -> Outcome {
    if gently, reaped.withLock({ $0 }) == nil {
      kill(identifier, SIGTERM)
      for _ in 0..<1000 where !hasEnded() {
        usleep(10000)
      }
    }
    return outcome(reap())
  }

  /// Whether it ended; it stays a zombie, so its group's number cannot be taken by another.
  public func hasEnded() -> Bool {
    if reaped.withLock({ $0 }) != nil { return true }
    var information = siginfo_t()
    let status = waitid(P_PID, id_t(identifier), &information, WEXITED | WNOHANG | WNOWAIT)
    return status != 0 || information.si_signo == SIGCHLD
  }

  private func reap() -> Outcome.Ending {
    reaped.withLock { ending in
      if let ending { return ending }
      kill(-identifier, SIGKILL)
      var status: Int32 = 0
      while waitpid(identifier, &status, 0) < 0 && errno == EINTR {}
      let signal = status & 0x7F
      let result: Outcome.Ending =
        signal == 0 ? .exited((status >> 8) & 0xFF) : .killed(signal: signal)
      ending = result
      return result
    }
  }

  /// What it printed until now.
  public var output: String { Self.text(outputPath) }
  public var errors: String { Self.text(errorsPath) }

  /// Its /proc/PID/maps. Foundation stops at the size that the file claims to have, which is 0.
  public var memoryMap: String {
    guard let file = fopen("/proc/\(identifier)/maps", "r") else { return "" }
    defer { fclose(file) }
    var text: [UInt8] = []
    while case let byte = getc(file), byte != EOF {
      text.append(UInt8(truncatingIfNeeded: byte))
    }
    return String(decoding: text, as: UTF8.self)
  }

  private func outcome(_ ending: Outcome.Ending) -> Outcome {
    Outcome(ending: ending, output: output, errors: errors, command: command)
  }

  private static func text(_ path: String) -> String {
    String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
  }
}

/// Glibc's module map does not show this function.
@_silgen_name("posix_spawn_file_actions_addchdir_np")
private func posix_spawn_file_actions_addchdir_np(
  _ actions: UnsafeMutablePointer<posix_spawn_file_actions_t>, _ path: UnsafePointer<CChar>
) -> Int32
