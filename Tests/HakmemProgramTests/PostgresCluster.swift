import Foundation
import Glibc
import HakmemTestSupport
import Testing

/// A database cluster in a temporary folder, run as the user postgres when this process is root,
/// since postgres refuses root.
final class PostgresCluster {
  private let folder: TemporaryDirectory
  private let programs: String
  private let library: String?
  private let mode: String
  private var server: RunningProgram?

  init(programs: String, mode: String) throws {
    self.programs = programs
    self.mode = mode
    let folder = try TemporaryDirectory("postgres")
    self.folder = folder
    if System.isRoot {
      guard let user = getpwnam("postgres") else { try System.skip("there is no user postgres") }
      chown(folder.path, user.pointee.pw_uid, user.pointee.pw_gid)
    }
    // The user may have no right to enter the folder that the library was built in.
    library = try Allocator.underTest.path.map { original in
      let copy = folder.path + "/" + RealProgram.libraryName
      try FileManager.default.copyItem(atPath: original, toPath: copy)
      chmod(copy, 0o755)
      return copy
    }
  }

  /// A program of postgres, on the library, as the right user.
  private func command(_ program: String, _ arguments: [String]) throws -> Command {
    var command: Command
    if System.isRoot {
      let user = ["--reuid=postgres", "--regid=postgres", "--clear-groups", programs + program]
      command = Command(try System.require("setpriv"), user + arguments)
    } else {
      command = Command(programs + program, arguments)
    }
    command.preload = library.map { [$0] } ?? []
    return command.in(folder.path).with(
      environment: ["HOME": folder.path, "HAKMEM_MODE": mode])
  }

  func run(_ program: String, _ arguments: [String]) throws -> Outcome {
    try command(program, ["-h", folder.path] + arguments).run()
  }

  func start() throws {
    let data = folder.path + "/data"
    let options = ["-D", data, "-U", "test", "-A", "trust", "--no-sync", "--locale=C.UTF-8"]
    let initialised = try command("initdb", options).with(timeout: 300).run()
    try #require(initialised.succeeded, "\(initialised)")
    let settings = ["listen_addresses=", "unix_socket_directories=\(folder.path)", "fsync=off"]
    let server = try command("postgres", ["-D", data] + settings.flatMap { ["-c", $0] }).start()
    self.server = server
    let isUp = try System.wait {
      try server.hasEnded() || run("pg_isready", ["-U", "test", "-d", "postgres"]).succeeded
    }
    try #require(isUp && !server.hasEnded(), "\(server.errors)")
    try RealProgram.expectLoaded(in: server)
  }

  /// A fast shutdown; backends that it leaves, in sessions of their own, end with it.
  func stop() {
    guard let server else { return }
    kill(server.identifier, SIGINT)
    _ = try? server.wait(seconds: 60)
    self.server = nil
  }

  deinit {
    stop()
  }
}
