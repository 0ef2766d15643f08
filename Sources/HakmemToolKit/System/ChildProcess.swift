import Foundation

/// A program run to its end, with what the kernel says it used.
package struct ChildProcess {
  /// How a process ended.
  package enum Ending: Equatable, Sendable {
    case exited(Int32)
    case signalled(Int32)
    /// It ran longer than it was allowed to and was killed.
    case timedOut
  }

  /// What a finished process left behind.
  package struct Outcome: Sendable {
    package var ending: Ending
    package var output: String
    package var errors: String
    /// Seconds from start to end.
    package var wallSeconds: Double
    package var userSeconds: Double
    package var systemSeconds: Double
    /// Largest resident size that the kernel recorded, in KiB. It is never below this process's
    /// own size, for a child begins as a copy of its parent.
    package var maximumResidentKiB: Int
    package var minorFaults: Int
    package var majorFaults: Int
    package var voluntarySwitches: Int
    package var involuntarySwitches: Int
  }

  /// Why a process could not be started.
  package struct Failure: Error, CustomStringConvertible {
    package let description: String
  }

  /// Where the output goes.
  package enum Output: Sendable {
    /// To the outcome.
    case capture
    /// To the null device.
    case discard
  }

  package var program: String
  package var arguments: [String]
  /// The whole environment; nothing is inherited.
  package var environment: [String: String]
  package var output: Output = .capture
  /// Seconds after which the process is killed; nil: never.
  package var timeout: Double?

  /// - Parameters:
  ///   - program: Path of the program; `PATH` is not searched.
  ///   - arguments: Its arguments without the program's own name.
  package init(
    program: String, arguments: [String],
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) {
    self.program = program
    self.arguments = arguments
    self.environment = environment
  }

  /// Runs the program and waits for it.
  ///
  /// - Parameter whileRunning: Called with the process id while it runs: every half millisecond at
  ///   first, every 5 ms when it has run for a while.
  /// - Throws: `Failure` when it cannot be started.
  package func run(whileRunning: ((pid_t) -> Void)? = nil) throws -> Outcome {
    let outputFile = try TemporaryFile()
    let errorFile = try TemporaryFile()
    let start = Clock.seconds
    let pid = try spawn(output: outputFile.descriptor, errors: errorFile.descriptor)
    let end = ProcessEnd(of: pid)
    var timedOut = false
    var samples = 0
    while true {
      whileRunning?(pid)
      samples += 1
      let next = whileRunning == nil ? nil : samples <= 20 ? 0.0005 : 0.005
      let rest = timedOut ? nil : timeout.map { max(0, start + $0 - Clock.seconds) }
      if end.wait(seconds: [next, rest].compactMap { $0 }.min()) { break }
      if rest == 0 {
        timedOut = true
        kill(pid, SIGKILL)
      }
    }
    var status: Int32 = 0
    var usage = rusage()
    while wait4(pid, &status, 0, &usage) != pid {
      if errno == EINTR { continue }
      throw Failure(description: "lost \(program): \(String(cString: strerror(errno)))")
    }
    let wall = end.seconds - start
    return Outcome(
      ending: timedOut ? .timedOut : ChildProcess.ending(status),
      output: outputFile.text, errors: errorFile.text, wallSeconds: wall,
      userSeconds: ChildProcess.seconds(usage.ru_utime),
      systemSeconds: ChildProcess.seconds(usage.ru_stime),
      maximumResidentKiB: usage.ru_maxrss,
      minorFaults: usage.ru_minflt, majorFaults: usage.ru_majflt,
      voluntarySwitches: usage.ru_nvcsw, involuntarySwitches: usage.ru_nivcsw)
  }

  private static let maximumAttempts = 50

  private func spawn(output descriptor: Int32, errors: Int32) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    switch output {
    case .capture:
      posix_spawn_file_actions_adddup2(&actions, descriptor, 1)
      posix_spawn_file_actions_adddup2(&actions, errors, 2)
    case .discard:
      posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
      posix_spawn_file_actions_adddup2(&actions, errors, 2)
    }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    ChildProcess.resetSignals(&attributes)
    var pid: pid_t = 0
    let code = CStringArray.with([program] + arguments) { argv in
      CStringArray.with(environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }) {
        // A program that was just written is busy while another thread's child, between its fork
        // and its exec, still holds the descriptor.
        var code = ETXTBSY
        var attempts = 0
        while code == ETXTBSY && attempts < ChildProcess.maximumAttempts {
          if attempts > 0 { usleep(2000) }
          code = posix_spawn(&pid, program, &actions, &attributes, argv, $0)
          attempts += 1
        }
        return code
      }
    }
    guard code == 0 else {
      throw Failure(description: "cannot run \(program): \(String(cString: strerror(code)))")
    }
    return pid
  }

  /// What this process ignores or blocks, the child shall not.
  private static func resetSignals(_ attributes: inout posix_spawnattr_t) {
    var all = sigset_t()
    sigfillset(&all)
    // Their handling cannot be set, and one refusal would leave the others as they are.
    sigdelset(&all, SIGKILL)
    sigdelset(&all, SIGSTOP)
    posix_spawnattr_setsigdefault(&attributes, &all)
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
  }

  static func ending(_ status: Int32) -> Ending {
    let signal = status & 0x7f
    return signal == 0 ? .exited((status >> 8) & 0xff) : .signalled(signal)
  }

  private static func seconds(_ time: timeval) -> Double {
    Double(time.tv_sec) + Double(time.tv_usec) / 1e6
  }
}

/// The moment at which a child process ends, seen by a thread that waits for nothing else. The child
/// is still to be waited for.
private final class ProcessEnd: @unchecked Sendable {
  private let hasCome = DispatchSemaphore(value: 0)
  /// What `Clock.seconds` was then; set before the semaphore is signalled.
  private(set) var seconds = 0.0

  init(of pid: pid_t) {
    Thread.detachNewThread { [self] in
      var information = siginfo_t()
      while waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
      seconds = Clock.seconds
      hasCome.signal()
    }
  }

  /// Whether the child has ended within so many seconds; nil: waits for as long as it takes.
  func wait(seconds: Double?) -> Bool {
    guard let seconds else {
      hasCome.wait()
      return true
    }
    return hasCome.wait(timeout: .now() + seconds) == .success
  }
}
