import Foundation
import Testing

/// Allocators that do wrong, preloaded: the workloads must find out.
@Suite struct BrokenAllocatorTests {
  /// Compiles a library whose malloc does `statement` for each call number `calls` of a size that
  /// the program's start does not use.
  private func library(_ files: TemporaryDirectory, _ statement: String) throws -> String {
    let source = """
      #include <stddef.h>
      #include <string.h>
      extern void *__libc_malloc(size_t);
      void *malloc(size_t size) {
        static int calls;
        static char *last;
        char *block = __libc_malloc(size);
        if (size == 777) {
          calls++;
          \(statement)
          last = block;
        }
        return block;
      }
      """
    _ = try files.write("broken.c", Array(source.utf8))
    let compiler = Process()
    compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    compiler.arguments = [
      "clang", "-shared", "-fPIC", "-fno-builtin", "-o", files.path("broken.so"),
      files.path("broken.c"),
    ]
    try compiler.run()
    compiler.waitUntilExit()
    try #require(compiler.terminationStatus == 0)
    return files.path("broken.so")
  }

  private func fill(_ library: String) throws -> Finished {
    try runWorkload(
      "fill_free", "operations=2000", "minimum=777", "maximum=777", "settle=0",
      environment: ["LD_PRELOAD": library])
  }

  @Test func changedFirstWordIsFound() throws {
    let files = try TemporaryDirectory()
    let finished = try fill(library(files, "if (calls == 500) last[3] ^= 1;"))
    #expect(finished.status == 3)
    #expect(finished.errors.contains("contents check failed: block 0x"))
  }

  @Test func changedLastByteIsFound() throws {
    let files = try TemporaryDirectory()
    let finished = try fill(library(files, "if (calls == 500) last[776] ^= 1;"))
    #expect(finished.status == 3)
    #expect(finished.errors.contains("offset 776"))
  }

  @Test func nullIsReported() throws {
    let files = try TemporaryDirectory()
    let finished = try fill(library(files, "if (calls == 500) return NULL;"))
    #expect(finished.status == 4)
    #expect(finished.errors.contains("malloc of 777 bytes returned NULL"))
  }

  @Test func soundLibraryPasses() throws {
    let files = try TemporaryDirectory()
    let path = try library(files, "")
    let finished = try fill(path)
    #expect(finished.status == 0)
    #expect(try finished.json()["allocator"] as? String == path)
  }
}
