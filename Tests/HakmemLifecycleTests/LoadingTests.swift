import Foundation
import Glibc
import HakmemTestSupport
import Testing

/// The ways in which the library comes into a process, and other libraries around it.
@Suite struct `The library` {
  private func library() throws -> String {
    try Allocator.underTest.requireExists()
    guard let path = Allocator.underTest.path, Allocator.underTest.isHakmem else {
      try System.skip("the allocator under test is not HAKMEM")
    }
    return path
  }

  /// Builds a program that is linked to the library rather than preloaded.
  private func buildLinked(_ name: String, to path: String) throws -> String {
    let folder = (path as NSString).deletingLastPathComponent
    return try TestProgram.build(
      name, flags: [path, "-Wl,-rpath,\(folder)", "-Wl,-rpath,$ORIGIN"], suffix: "-linked")
  }

  @Test(arguments: ["local", "global"]) func `is loaded into a running process by dlopen`(
    scope: String
  ) throws {
    let program = try TestProgram.build("lifecycle/dlopen_library.c")
    let command = Command(program, [try library(), scope]).onSystemAllocator
    let outcome = try command.run()
    #expect(outcome.succeeded, "\(outcome)")
  }

  @Test(arguments: ["interface/malloc.c", "interface/operators.cc", "lifecycle/fork_busy.c"])
  func `is linked to a program`(name: String) throws {
    let program = try buildLinked(name, to: library())
    let arguments = name.hasSuffix("fork_busy.c") ? ["10"] : []
    let command = Command(program, arguments).onSystemAllocator
    let outcome = try command.run()
    #expect(outcome.succeeded, "\(outcome)")
  }

  @Test func `is found by pkg-config where it is installed`() throws {
    let finder = try System.require("pkg-config")
    let library = try library()
    let prefix = try TemporaryDirectory("prefix")
    let package = TestProgram.sources + "/../../Sources/CHakmem"
    let files = FileManager.default
    try files.createDirectory(
      atPath: prefix.path + "/lib/pkgconfig", withIntermediateDirectories: true)
    try files.copyItem(atPath: library, toPath: prefix.path + "/lib/libhakmem.so")
    try files.copyItem(atPath: package + "/include", toPath: prefix.path + "/include")
    let template = try String(contentsOfFile: package + "/hakmem.pc.in", encoding: .utf8)
    try template.replacing("@PREFIX@", with: prefix.path).replacing("@VERSION@", with: "0.1.0")
      .write(toFile: prefix.path + "/lib/pkgconfig/hakmem.pc", atomically: true, encoding: .utf8)
    let found = try Command(
      finder, ["--cflags", "--libs", "hakmem"],
      environment: ["PKG_CONFIG_PATH": prefix.path + "/lib/pkgconfig"]
    ).onSystemAllocator.run()
    let flags = found.output.split(whereSeparator: \.isWhitespace).map(String.init)
    try #require(found.succeeded && !flags.isEmpty, "\(found)")
    let program = try TestProgram.build(
      "interface/malloc.c", flags: flags + ["-Wl,-rpath,\(prefix.path)/lib"], suffix: "-found")
    let outcome = try Command(program, environment: ["HAKMEM_VERBOSE": "1"]).onSystemAllocator.run()
    #expect(outcome.succeeded && outcome.errors.contains("HAKMEM"), "\(outcome)")
  }

  @Test func `serves a program at a fixed address in silence`() throws {
    let program = try TestProgram.build(
      "lifecycle/fixed_address.c", flags: ["-fno-pie", "-no-pie"])
    let outcome = try Command(program).run()
    #expect(outcome.succeeded && outcome.errors.isEmpty, "\(outcome)")
  }

  @Test func `takes no option from the environment of a setuid program`() throws {
    guard System.isRoot else { try System.skip("only root can make a setuid program of another") }
    guard let nobody = getpwnam("nobody") else { try System.skip("there is no user nobody") }
    let library = try library()
    let folder = try TemporaryDirectory("setuid")
    let program = folder.path + "/secure"
    let files = FileManager.default
    try files.copyItem(atPath: buildLinked("lifecycle/secure.c", to: library), toPath: program)
    try files.copyItem(atPath: library, toPath: folder.path + "/libhakmem.so")
    #expect(chown(program, nobody.pointee.pw_uid, nobody.pointee.pw_gid) == 0)
    #expect(chmod(program, 0o4755) == 0 && chmod(folder.path + "/libhakmem.so", 0o755) == 0)
    let options = ["HAKMEM_VERBOSE": "1", "HAKMEM_STATS": "1", "HAKMEM_MODE": "nonsense"]
    let outcome = try Command(program, environment: options).onSystemAllocator.run()
    if outcome.output.contains("secure 0") {
      try System.skip("setuid has no effect in \(folder.path)")
    }
    #expect(outcome.output == "secure 1, options from the environment 0\n", "\(outcome)")
    #expect(outcome.succeeded && outcome.errors.isEmpty, "\(outcome)")
  }

  @Test func `outlives other libraries that are unloaded with destructors pending`() throws {
    let plugin = try TestProgram.build("lifecycle/plugin.cc", as: .sharedLibrary)
    try expectSuccess(of: "lifecycle/dlclose_library.c", [plugin])
  }

  /// Runs a program with another library preloaded before and after the allocator.
  private func runBeside(_ name: String, before: Bool, after: Bool) throws {
    try Allocator.underTest.requireExists()
    let other = try TestProgram.build(name, as: .sharedLibrary)
    var command = Command(try TestProgram.build("lifecycle/storm.c"))
    let own = command.preload
    for order in (before ? [[other] + own] : []) + (after ? [own + [other]] : []) {
      command.preload = order
      let outcome = try command.run()
      #expect(outcome.succeeded, "\(outcome)")
    }
  }

  @Test func `serves the first constructors and last destructors of others`() throws {
    try runBeside("lifecycle/early.c", before: true, after: true)
  }

  @Test func `serves a dlsym that allocates`() throws {
    try runBeside("lifecycle/dlsym_interposer.c", before: true, after: true)
  }

  @Test func `is found by wrappers through RTLD_NEXT`() throws {
    try runBeside("lifecycle/malloc_wrapper.c", before: true, after: false)
  }
}
