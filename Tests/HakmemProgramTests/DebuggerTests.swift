import Foundation
import HakmemTestSupport
import Testing

/// Debuggers and checkers, around a process that runs on the library.
@Suite struct `A debugger works` {
  private func program() throws -> String {
    try Allocator.underTest.requireExists()
    return try TestProgram.build("real/served.c")
  }

  @Test func `gdb, starting a process and calling malloc in it`() throws {
    let gdb = try System.require("gdb")
    let preload = Allocator.underTest.path ?? ""
    let commands = [
      "set startup-with-shell off", "set environment LD_PRELOAD \(preload)",
      "break hakmem_test_round if number == 3", "run 20", "backtrace",
      "print ((unsigned long (*)(void *))malloc_usable_size)(((void *(*)(unsigned long))malloc)(100))",
      "info sharedlibrary", "delete", "continue",
    ]
    let arguments = ["-nx", "-batch"] + commands.flatMap { ["-ex", $0] } + [try program()]
    let outcome = try Command(gdb, arguments).onSystemAllocator.run()
    #expect(outcome.succeeded, "\(outcome)")
    #expect(outcome.output.contains("#0  hakmem_test_round (number="), "\(outcome)")
    #expect(outcome.output.contains("= 1") && outcome.output.contains("done"), "\(outcome)")
    #expect(preload.isEmpty || outcome.output.contains(RealProgram.libraryName), "\(outcome)")
    #expect(outcome.output.contains("exited normally"), "\(outcome)")
  }

  @Test func `gdb itself on the library`() throws {
    let gdb = try System.require("gdb")
    let commands = ["break hakmem_test_round", "run 1", "info locals", "info functions use_the"]
    let arguments = ["-nx", "-batch"] + commands.flatMap { ["-ex", $0] } + [try program()]
    let outcome = try RealProgram.run(Command(gdb, arguments))
    #expect(outcome.output.contains("use_the_heap"), "\(outcome)")
  }

  @Test func `gdb, attached to a running process that then goes on`() throws {
    let gdb = try System.require("gdb")
    let served = try Command(program()).start()
    defer { served.stop() }
    try RealProgram.expectLoaded(in: served)
    let commands = ["thread apply all backtrace", "info sharedlibrary", "detach"]
    let arguments = ["-nx", "-batch", "-p", "\(served.identifier)"]
    let attach = Command(gdb, arguments + commands.flatMap { ["-ex", $0] })
    let outcome = try attach.onSystemAllocator.run()
    if outcome.errors.contains("ptrace: Operation not permitted") {
      try System.skip("this process may not trace others")
    }
    #expect(outcome.succeeded && outcome.output.contains("main"), "\(outcome)")
    let name = RealProgram.libraryName
    #expect(name.isEmpty || outcome.output.contains(name), "\(outcome)")
    #expect(!served.hasEnded())
  }

  /// Valgrind gives up on debug information that it does not know, so it gets the library as it is
  /// installed, without.
  private func runUnderValgrind(_ options: [String]) throws {
    let valgrind = try System.require("valgrind")
    let folder = try TemporaryDirectory("valgrind")
    var command = Command(valgrind, ["-q"] + options + [try program(), "20"])
    if let library = Allocator.underTest.path {
      let stripped = folder.path + "/" + RealProgram.libraryName
      let strip = Command(
        try System.require("strip"), ["--strip-debug", library, "-o", stripped])
      #expect(try strip.onSystemAllocator.run().succeeded)
      command.preload = [stripped]
    }
    let outcome = try command.run()
    #expect(outcome.succeeded && outcome.output == "done\n", "\(outcome)")
  }

  @Test func `valgrind, with its own malloc in the library's place`() throws {
    try runUnderValgrind(["--error-exitcode=9"])
  }

  @Test func `valgrind, with the library's malloc`() throws {
    try runUnderValgrind(["--tool=none", "--soname-synonyms=somalloc=nouserintercepts"])
  }
}
