import Foundation
import FoundationXML
import HakmemTestSupport
import Testing

/// The functions that describe the heap or return its memory.
@Suite struct `The introspection functions` {
  @Test func `malloc_trim returns free pages`() throws {
    try expectSuccess(of: "interface/malloc_trim.c")
  }

  @Test func `mallinfo and mallinfo2 count the live bytes`() throws {
    try expectSuccess(of: "interface/mallinfo.c")
  }

  @Test func `malloc_info writes well-formed XML`() throws {
    let outcome = try expectSuccess(of: "interface/malloc_info.c")
    let parser = XMLParser(data: Data(outcome.output.utf8))
    let root = RootElement()
    parser.delegate = root
    #expect(parser.parse(), "\(String(describing: parser.parserError)) in \(outcome.output)")
    #expect(root.name == "malloc")
    #expect(root.attributes["version"] != nil)
    #expect(outcome.errors.isEmpty, "\(outcome)")
  }

  @Test func `malloc_stats writes to stderr alone`() throws {
    let outcome = try expectSuccess(of: "interface/malloc_stats.c")
    #expect(outcome.output.isEmpty, "\(outcome)")
    guard Allocator.underTest.isHakmem else { return }
    // Twice, while the block of 3 MiB lives and after it, as glibc ends its text.
    let most = "max mmap regions = 1\nmax mmap bytes   = 3145728\n"
    #expect(outcome.errors.components(separatedBy: most).count == 3, "\(outcome)")
    #expect(!outcome.errors.contains("at exit"), "\(outcome)")
  }

  @Test func `mallopt accepts every parameter of glibc`() throws {
    try expectSuccess(of: "interface/mallopt.c")
  }

  @Test func `malloc_iterate reports every live block once while other threads wait`() throws {
    try expectSuccess(of: "interface/malloc_iterate.c")
  }

  @Test func `statistics are exact in a process of one thread`() throws {
    try expectSuccess(of: "interface/hakmem_statistics.c")
  }

  @Test func `a walk shows all memory of the heap once and agrees with the statistics`() throws {
    try expectSuccess(of: "interface/hakmem_walk.c")
  }

  @Test func `events are kept in a ring, and thread caches count their traffic`() throws {
    // Nothing is purged but what the program asks for.
    let environment = ["HAKMEM_PURGE_DELAY": "3600000"]
    try expectSuccess(of: "interface/hakmem_events.c", environment: environment)
    try expectSuccess(
      of: "interface/hakmem_events.c",
      environment: environment.merging(["HAKMEM_STATS_PAGE": "1"]) { $1 })
  }

  @Test func `the statistics page shows figures and events, and each process has its own`() throws {
    try expectSuccess(of: "interface/hakmem_page.c", environment: ["HAKMEM_STATS_PAGE": "1"])
  }

  @Test func `statistics as JSON are well-formed and cut to the capacity`() throws {
    let outcome = try expectSuccess(of: "interface/hakmem_json.c")
    guard outcome.skipped.isEmpty else { return }
    let json = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
    let fields = try #require(json as? [String: Any])
    let total = try #require(fields["total"] as? [String: Any], "\(outcome.output)")
    #expect(total["live_bytes"] is NSNumber, "\(outcome.output)")
  }

  @Test func `size classes ascend, and prewarm and purge do what they say`() throws {
    try expectSuccess(of: "interface/hakmem_classes.c")
  }
}

/// The document's root element: its name and attributes.
private final class RootElement: NSObject, XMLParserDelegate {
  var name: String?
  var attributes: [String: String] = [:]

  func parser(
    _ parser: XMLParser, didStartElement element: String, namespaceURI: String?,
    qualifiedName: String?, attributes: [String: String]
  ) {
    guard name == nil else { return }
    name = element
    self.attributes = attributes
  }
}
