import Foundation
import HakmemTestSupport
import Testing

/// HAKMEM_LIMIT, the control group's limits, and a kernel that refuses memory.
@Suite struct `At a limit` {
  @Test func `that is hard, every size fails with ENOMEM and succeeds again after frees`() throws {
    try expectSuccess(
      of: "limits/hard.c", environment: ["HAKMEM_LIMIT": "64M", "HAKMEM_PURGE_DELAY": "3600000"])
  }

  @Test func `everything free goes back, and then the callback is told`() throws {
    try expectSuccess(
      of: "limits/callback.c",
      environment: ["HAKMEM_LIMIT": "soft:48M,hard:64M", "HAKMEM_PURGE_DELAY": "3600000"])
  }

  @Test(arguments: ["calls", "mappings", "data"])
  func `of the kernel's, allocation fails with ENOMEM and the heap stays whole`(
    kind: String
  ) throws {
    try expectSuccess(of: "limits/refused.c", [kind])
  }

  @Test(.enabled(if: Allocator.underTest.isHakmem))
  func `of address space, a request fails only when no kind of memory is left`() throws {
    try expectSuccess(of: "limits/everything.c")
  }

  @Test func `of what the machine has, a block beyond it is refused with ENOMEM`() throws {
    try expectSuccess(of: "limits/machine.c")
  }
}

/// A process whose /sys/fs/cgroup is a folder of the test's, in a mount namespace of its own.
@Suite(.enabled(if: Allocator.underTest.isHakmem && System.isRoot, "only HAKMEM, only root"))
struct `A control group` {
  private let folder: TemporaryDirectory
  private let unshare: String

  init() throws {
    folder = try TemporaryDirectory()
    unshare = try System.require("unshare")
    try write("cgroup.controllers", "cpu memory")
  }

  private func write(_ name: String, _ text: String) throws {
    _ = try folder.write(text + "\n", to: name)
  }

  private func command(
    _ arguments: String = "", environment: [String: String] = [:]
  ) throws -> Command {
    let program = try TestProgram.build("limits/control_group.c")
    let script = "mount --bind \(folder.path) /sys/fs/cgroup && exec \(program) \(arguments)"
    return Command(unshare, ["-m", "/bin/sh", "-c", script], environment: environment)
  }

  private func softLimits(_ environment: [String: String] = [:]) throws -> [String] {
    let outcome = try command(environment: environment).run()
    #expect(outcome.succeeded, "\(outcome)")
    return outcome.output.split(separator: "\n").map(String.init)
  }

  @Test func `limits softly: at memory.high, or below memory.max`() throws {
    try write("memory.max", "max")
    #expect(try softLimits() == ["0", "0"])
    try write("memory.max", "\(1 << 30)")
    #expect(try softLimits().first == "\((1 << 30) / 16 * 15)")
    try write("memory.high", "\(256 << 20)")
    #expect(try softLimits().first == "\(256 << 20)")
    #expect(try softLimits(["HAKMEM_LIMIT": "soft:100M"]).first == "\(100 << 20)")
    #expect(try softLimits(["HAKMEM_CGROUP": "0"]).first == "0")
  }

  @Test func `is followed while the process runs`() throws {
    try write("memory.high", "\(256 << 20)")
    let program = try command("follow").start()
    #expect(System.wait { program.output.contains("\(256 << 20)\n") })
    try write("memory.high", "\(128 << 20)")
    let outcome = try program.wait(seconds: 60)
    #expect(outcome.output == "\(256 << 20)\n\(128 << 20)\n", "\(outcome)")
  }

  @Test func `bounds the processors that the depot is made for`() throws {
    try write("cpu.max", "50000 100000")
    let one = try command(environment: ["HAKMEM_VERBOSE": "1"]).run()
    #expect(one.errors.contains("processors 1,"), "\(one)")
    try write("cpu.max", "max 100000")
    let all = try command(environment: ["HAKMEM_VERBOSE": "1"]).run()
    #expect(all.errors.contains("processors \(ProcessInfo.processInfo.activeProcessorCount),"))
  }

  @Test func `costs a process a few system calls at its start, one where there is none`() throws {
    let strace = try System.require("strace")
    func calls(_ environment: [String: String]) throws -> Int {
      let trace = folder.path + "/trace"
      let variables = environment.merging(["LD_PRELOAD": Allocator.underTest.path ?? ""]) { $1 }
      let settings = variables.map { "-E \($0.key)=\($0.value)" }.joined(separator: " ")
      let script =
        "mount --bind \(folder.path) /sys/fs/cgroup && exec \(strace) -o \(trace) \(settings) /bin/true"
      var command = Command(unshare, ["-m", "/bin/sh", "-c", script])
      command.preload = []
      let outcome = try command.run()
      try #require(outcome.succeeded, "\(outcome)")
      return try String(contentsOfFile: trace, encoding: .utf8).split(separator: "\n").count
    }
    let without = try calls(["HAKMEM_CGROUP": "0"])
    let with = try calls([:])
    #expect(with > without + 1 && with <= without + 12 * 8, "\(with), \(without) without")
    try FileManager.default.removeItem(atPath: folder.path + "/cgroup.controllers")
    #expect(try calls([:]) == without + 1)
  }

}
