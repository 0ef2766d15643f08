import Foundation
import Testing

/// Allocators that do wrong, preloaded: the workloads must find out.
@Suite struct BrokenAllocatorTests {
  /// Compiles a library whose malloc does `statement` for each call number `calls` of a size that
  /// the program's start does not use.
  private func library(_ files: TemporaryDirectory, _ statement: String) throws -> String {
    try compile(
      files,
      """
      #include <stddef.h>
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
      """)
  }

  /// Compiles a library from C and returns its path.
  private func compile(_ files: TemporaryDirectory, _ source: String) throws -> String {
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

  @Test func nothingElseAllocates() throws {
    let files = try TemporaryDirectory()
    let counting = try compile(
      files,
      """
      #include <stddef.h>
      #include <stdio.h>
      extern void *__libc_malloc(size_t);
      extern void *__libc_calloc(size_t, size_t);
      extern void *__libc_memalign(size_t, size_t);
      static int others;
      void *malloc(size_t size) {
        if (size != 777) others++;
        return __libc_malloc(size);
      }
      void *calloc(size_t count, size_t size) {
        others++;
        return __libc_calloc(count, size);
      }
      int posix_memalign(void **result, size_t alignment, size_t size) {
        others++;
        *result = __libc_memalign(alignment, size);
        return 0;
      }
      __attribute__((destructor)) static void report(void) {
        fprintf(stderr, "others: %d.", others);
      }
      """)
    let finished = try fill(counting)
    #expect(finished.status == 0)
    #expect(finished.errors == "others: 0.")
  }

  @Test func soundLibraryPasses() throws {
    let files = try TemporaryDirectory()
    let path = try library(files, "")
    let finished = try fill(path)
    #expect(finished.status == 0)
    #expect(try finished.json()["allocator"] as? String == path)
  }
}
