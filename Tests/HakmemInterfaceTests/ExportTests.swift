import Foundation
import HakmemTestSupport
import Testing

/// What the library shows to the dynamic linker, and what it needs from it.
@Suite(.enabled(if: Allocator.underTest.isHakmem, "only HAKMEM has this list of exports"))
struct `The library file` {
  private static let folder = (#filePath as NSString).deletingLastPathComponent

  private func lines(_ tool: String, _ arguments: [String]) throws -> [String] {
    try Allocator.underTest.requireExists()
    let command = Command(try System.require(tool), arguments + [Allocator.underTest.path ?? ""])
    let outcome = try command.onSystemAllocator.run()
    try #require(outcome.succeeded, "\(outcome)")
    return outcome.output.split(separator: "\n").map(String.init)
  }

  /// The names in a symbol table that `nm` prints, without versions.
  private func symbols(_ arguments: [String]) throws -> Set<String> {
    let names = try lines("nm", ["-D"] + arguments).compactMap {
      $0.split(separator: " ").last?.split(separator: "@").first.map(String.init)
    }
    return Set(names)
  }

  /// The committed list: one name a line, # for comments.
  private func listed() throws -> Set<String> {
    let text = try String(contentsOfFile: Self.folder + "/exports.txt", encoding: .utf8)
    return Set(
      text.split(separator: "\n").map(String.init).filter { !$0.isEmpty && !$0.hasPrefix("#") })
  }

  @Test func `exports the interface and nothing else`() throws {
    let found = try symbols(["--defined-only", "--extern-only"])
    let expected = try listed()
    #expect(expected.subtracting(found).sorted() == [], "missing")
    #expect(found.subtracting(expected).sorted() == [], "not listed in exports.txt")
  }

  @Test func `exports every function that hakmem.h declares`() throws {
    let header = try String(
      contentsOfFile: Self.folder + "/../../Sources/CHakmem/include/hakmem.h", encoding: .utf8)
    let declarations = header.matches(
      of: /^[A-Za-z][A-Za-z_0-9 *]*?[ *](hak[a-z_0-9]+)\(/
        .anchorsMatchLineEndings())
    let declared = Set(declarations.map { String($0.1) })
    let data = try lines("nm", ["-D", "--defined-only"]).filter {
      $0.contains(" D ") || $0.contains(" B ")
    }
    .compactMap { $0.split(separator: " ").last.map(String.init) }
    let own = try listed().filter { $0.hasPrefix("hak") }.subtracting(data)
    #expect(declared.sorted() == own.sorted())
  }

  @Test func `exports no part of the Swift runtime`() throws {
    let found = try symbols(["--defined-only", "--extern-only"])
    #expect(found.filter { $0.hasPrefix("swift_") || $0.hasPrefix("$s") }.sorted() == [])
  }

  @Test func `needs the C library alone`() throws {
    let needed = try lines("readelf", ["-d", "-W"]).filter { $0.contains("(NEEDED)") }
    let libraries = needed.compactMap { $0.split(separator: "[").last?.dropLast() }
    #expect(libraries.contains("libc.so.6"))
    #expect(libraries.allSatisfy { $0.hasPrefix("libc.so.") || $0.hasPrefix("ld-linux-") })
  }

  @Test func `takes neither an allocator nor the Swift runtime from others`() throws {
    let undefined = try symbols(["--undefined-only"])
    let allocation = try listed().filter { !$0.hasPrefix("hak") }
    #expect(undefined.intersection(allocation).sorted() == [])
    #expect(undefined.filter { $0.hasPrefix("swift_") || $0.hasPrefix("$s") }.sorted() == [])
    #expect(!undefined.contains("__libc_malloc"))
  }

  @Test func `holds little thread-local storage, so that dlopen finds room`() throws {
    let segments = try lines("readelf", ["-l", "-W"]).filter { $0.contains(" TLS ") }
    for segment in segments {
      let fields = segment.split(separator: " ")
      let size = try #require(Int(fields[5].dropFirst(2), radix: 16))
      #expect(size <= 24, "\(segment)")
    }
  }

  @Test func `runs no constructor but its own when it is loaded`() throws {
    let sections = try lines("readelf", ["-S", "-W"]).filter { $0.contains(" INIT_ARRAY ") }
    let fields = try #require(sections.first).split { " []".contains($0) }
    let bytes = try #require(Int(fields[5], radix: 16))
    // The C compiler's start file has one, too.
    #expect(sections.count == 1 && bytes <= 16, "\(sections)")
  }

  @Test func `has no writable and executable segment`() throws {
    let segments = try lines("readelf", ["-l", "-W"])
    #expect(!segments.contains { $0.contains(" RWE ") })
    #expect(segments.contains { $0.contains("GNU_STACK") && $0.contains(" RW ") })
  }
}
