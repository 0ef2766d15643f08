import Foundation
import HakmemTestSupport
import Testing

/// The instructions of `malloc` and `free` when the thread's cache serves them: those of the
/// library's own code up to the first return, which a hit executes all. A change of the golden file
/// is to be explained where it is committed.
@Suite(.enabled(if: FastPath.isMeaningful, "counts are those of the release build for x86-64"))
struct `The fast paths` {
  @Test func `take no more instructions than the golden file says`() throws {
    let bodies = try FastPath.bodies()
    for (name, limit) in try FastPath.golden() {
      let body = try #require(bodies[name], "no code for \(name)")
      #expect(
        body.count <= limit,
        "\(name): \(body.count) instructions (built with --omit-frame-pointers?)\n\(body)")
    }
  }

  @Test func `make no call, take no lock and write to no shared memory`() throws {
    let bodies = try FastPath.bodies()
    for (name, _) in try FastPath.golden() {
      let body = try #require(bodies[name])
      for instruction in body {
        let isForbidden = ["call", "lock", "xchg", "cmpxchg"].contains {
          instruction.hasPrefix($0)
        }
        #expect(!isForbidden, "\(name): \(instruction)")
        // What is written to by name, and not through a register, is the library's own data.
        #expect(
          !(instruction.contains("(%rip)") && instruction.hasSuffix("(%rip)")),
          "\(name) writes to a global: \(instruction)")
      }
    }
  }

  @Test func `begin on a cache line`() throws {
    let listing = try FastPath.output(of: "nm", ["-D", "--defined-only"])
    var found = 0
    for line in listing.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count == 3, words[2] == "malloc" || words[2] == "free" else { continue }
      let address = try #require(UInt(words[0], radix: 16))
      #expect(address % 64 == 0, "\(words[2]) begins at \(words[0])")
      found += 1
    }
    #expect(found == 2)
  }

  /// A program's memory is smaller so by the pages of all others. `make order` writes the list anew.
  @Test func `lie together with all that ordinary programs execute`() throws {
    let listing = try FastPath.output(of: "nm", ["--defined-only"])
    var addresses: [Substring: UInt] = [:]
    for line in listing.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count == 3, words[1].lowercased() == "t" {
        addresses[words[2]] = UInt(words[0], radix: 16)
      }
    }
    let names = try FastPath.lines(of: "../../Sources/HakmemMalloc/hot.order")
    let found = names.compactMap { addresses[$0[...]] }.sorted()
    #expect(
      found.count * 10 >= names.count * 9, "\(names.count - found.count) functions have other names"
    )
    let first = try #require(found.first), last = try #require(found.last)
    let between = Set(addresses.values.filter { (first...last).contains($0) })
    #expect(between.count <= found.count * 11 / 10, "others lie between them")
  }
}

/// Reads the library's code.
private enum FastPath {
  static var isMeaningful: Bool {
    #if arch(x86_64)
      return !Allocator.isDebug && Allocator.underTest.isHakmem
    #else
      return false
    #endif
  }

  /// Function names and the most instructions that each may take.
  static func golden() throws -> [(String, Int)] {
    try lines(of: "fast-paths.txt").filter { !$0.hasPrefix("#") }.map { line in
      let words = line.split(separator: " ")
      return (String(words[0]), try #require(Int(words[1])))
    }
  }

  static func lines(of file: String) throws -> [String] {
    let folder = (#filePath as NSString).deletingLastPathComponent
    let text = try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8)
    return text.split(separator: "\n").map(String.init)
  }

  static func output(of tool: String, _ arguments: [String]) throws -> String {
    try Allocator.underTest.requireExists()
    let command = Command(try System.require(tool), arguments + [Allocator.underTest.path ?? ""])
    let outcome = try command.onSystemAllocator.run()
    try #require(outcome.succeeded, "\(outcome)")
    return outcome.output
  }

  /// The instructions of each function of the C interface, up to its first return.
  static func bodies() throws -> [String: [String]] {
    let listing = try output(of: "objdump", ["-d", "--no-show-raw-insn", "--no-addresses"])
    var bodies: [String: [String]] = [:]
    var current: String?
    for line in listing.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("<hakmem_"), let end = line.firstIndex(of: ">") {
        current = String(line[line.index(line.startIndex, offsetBy: 8)..<end])
      } else if let name = current {
        let instruction = line.trimmingCharacters(in: .whitespaces)
        if instruction.isEmpty { continue }
        bodies[name, default: []].append(instruction)
        if instruction.hasPrefix("ret") { current = nil }
      }
    }
    return bodies
  }
}
