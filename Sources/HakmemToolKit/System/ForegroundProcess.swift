import Foundation

/// A program run to its end with this process's input and output. What ends it is passed on: signals
/// that this process gets go to the program.
package enum ForegroundProcess {
  private static let passed = [SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGCONT, SIGWINCH]
  /// A terminal sends these to both: they are the program's to handle.
  private static let ignored = [SIGINT, SIGQUIT]

  /// The process that gets the signals. Set before their handlers are.
  nonisolated(unsafe) private static var child: pid_t = 0

  /// - Parameters:
  ///   - path: The program's file.
  ///   - words: Its name and arguments.
  /// - Throws: `Refusal` when it cannot be run.
  package static func run(
    path: String, words: [String], environment: [String: String]
  ) throws -> ChildProcess.Ending {
    // Signals wait until there is somebody to pass them to.
    var waiting = sigset_t()
    var before = sigset_t()
    sigemptyset(&waiting)
    for number in passed + ignored { sigaddset(&waiting, number) }
    pthread_sigmask(SIG_BLOCK, &waiting, &before)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    posix_spawnattr_setsigmask(&attributes, &before)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    let code = CStringArray.with(words) { arguments in
      CStringArray.with(environment.map { "\($0.key)=\($0.value)" }) {
        posix_spawn(&child, path, nil, &attributes, arguments, $0)
      }
    }
    if code == 0 {
      for number in passed { signal(number) { kill(ForegroundProcess.child, $0) } }
      for number in ignored { signal(number, SIG_IGN) }
    }
    pthread_sigmask(SIG_SETMASK, &before, nil)
    guard code == 0 else {
      throw Refusal(.unsuitable, "\(path) cannot be run: \(String(cString: strerror(code))).")
    }
    defer { for number in passed + ignored { signal(number, SIG_DFL) } }
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0 && errno == EINTR {}
    return ChildProcess.ending(status)
  }

  /// Ends this process as the program ended: with its exit status, or by its signal.
  package static func end(as ending: ChildProcess.Ending) -> Never {
    switch ending {
    case .exited(let status): exit(status)
    case .signalled(let number):
      // The program left its core; this process has nothing to show.
      var none = rlimit(rlim_cur: 0, rlim_max: 0)
      setrlimit(__rlimit_resource_t(4 /* RLIMIT_CORE */), &none)
      signal(number, SIG_DFL)
      raise(number)
      exit(128 + number)
    case .timedOut: exit(1)
    }
  }
}
