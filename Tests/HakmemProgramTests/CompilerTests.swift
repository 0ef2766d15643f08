import Foundation
import HakmemTestSupport
import Testing

/// Compilers: what they write is the same byte for byte, and runs.
@Suite struct `A compiler writes the same code` {
  /// Compiles to an object file on both allocators and compares; then links and runs.
  private func compile(_ program: String, _ source: String, _ flags: [String]) throws {
    let compiler = try System.require(program)
    let folder = try TemporaryDirectory("compiler")
    let input = RealProgram.source(source)
    func compile(to object: String) -> Command {
      Command(compiler, flags + ["-c", input, "-o", object]).in(folder.path)
    }
    let object = folder.path + "/object.o"
    let files = FileManager.default
    try RealProgram.run(compile(to: object))
    let ours = files.contents(atPath: object)
    let reference = try compile(to: object).onSystemAllocator.run()
    #expect(reference.succeeded, "\(reference)")
    #expect(ours != nil && ours == files.contents(atPath: object), "the object files differ")

    try RealProgram.run(Command(compiler, flags + [object, "-o", "program"]).in(folder.path))
    try RealProgram.expectSameOutput { Command(folder.path + "/program") }
  }

  @Test func `gcc`() throws {
    try compile("gcc", "compiled.c", ["-O2", "-g"])
  }

  @Test func `g++`() throws {
    try compile("g++", "compiled.cc", ["-std=c++17", "-O1"])
  }

  @Test func `clang`() throws {
    try compile("clang", "compiled.c", ["-O2", "-g"])
  }

  @Test func `make with parallel jobs`() throws {
    let make = try System.require("make")
    _ = try System.require("gcc")
    try RealProgram.expectSameOutput {
      let folder = try TemporaryDirectory("make")
      let numbers = 0..<24
      for number in numbers {
        let text = "int part_\(number)(int x) { return x * \(number) + 1; }\n"
        _ = try folder.write(text, to: "part\(number).c")
      }
      let calls = numbers.map { "x = part_\($0)(x) & 0xFFFF;" }.joined(separator: " ")
      let declarations = numbers.map { "int part_\($0)(int);" }.joined(separator: " ")
      _ = try folder.write(
        "#include <stdio.h>\n\(declarations)\nint main(void) "
          + "{ int x = 1; \(calls) printf(\"%d\\n\", x); return 0; }\n", to: "main.c")
      let objects = numbers.map { "part\($0).o" }.joined(separator: " ")
      _ = try folder.write(
        "all: program\n\t@./program\n\nprogram: main.o \(objects)\n\t@gcc -o $@ $^\n",
        to: "Makefile")
      kept.append(folder)
      return Command(make, ["-s", "-j4"]).in(folder.path)
    }
  }

  /// Folders that commands still need.
  private let kept = Kept()

  @Test(arguments: RealProgram.modes) func `swiftc with Foundation and Dispatch`(
    mode: String
  ) throws {
    let compiler = try System.require("swiftc")
    let folder = try TemporaryDirectory("swiftc")
    let program = folder.path + "/program"
    let arguments = ["-swift-version", "6", RealProgram.source("workload.swift"), "-o", program]
    let environment = ["HAKMEM_MODE": mode]
    let compile = Command(compiler, arguments, environment: environment).in(folder.path)
    try RealProgram.run(compile.with(timeout: 400))
    let outcome = try Command(
      program, RealProgram.libraryArgument, environment: environment
    ).run()
    let reference = try Command(program).onSystemAllocator.run()
    #expect(outcome.succeeded && reference.succeeded, "\(outcome)\non glibc: \(reference)")
    #expect(outcome.output == reference.output && !outcome.output.isEmpty, "\(outcome)")
  }

  @Test func `a C++ program that throws bad_alloc`() throws {
    let program = try TestProgram.build("real/bad_alloc.cc", flags: ["-std=c++17"])
    let outcome = try RealProgram.expectSameOutput { Command(program) }
    #expect(!outcome.output.contains("not thrown"), "\(outcome)")
  }
}
