import Foundation
import Testing

@Suite struct TraceTests {
  @Test(arguments: [1, 2, 5]) func generatedTraceIsReplayed(threads: Int) throws {
    let files = try TemporaryDirectory()
    let path = files.path("trace")
    let generated = try runWorkload(
      "--generate-trace", path, "operations=20000", "threads=\(threads)", "blocks=300")
    #expect(generated.status == 0)
    for window in [1, 50, 10000] {
      let finished = try runWorkload("trace", "file=\(path)", "window=\(window)", "settle=0")
      #expect(finished.status == 0)
      #expect(finished.errors == "")
      #expect(try finished.json()["operations"] as? Int == 20000)
    }
  }

  @Test func operationsBoundTheReplay() throws {
    let files = try TemporaryDirectory()
    _ = try runWorkload("--generate-trace", files.path("trace"), "operations=5000")
    let result = try runWorkload(
      "trace", "file=\(files.path("trace"))", "operations=1234", "settle=0"
    ).json()
    #expect(result["operations"] as? Int == 1234)
    let parameters = try #require(result["parameters"] as? [String: Any])
    #expect(parameters["file"] as? String == files.path("trace"))
  }

  private let header: [UInt8] =
    Array("HAKTRACE".utf8) + [1, 0, 0, 0, 32, 0, 0, 0] + [UInt8](repeating: 0, count: 8)
    + [2, 0, 0, 0, 0, 0, 0, 0]

  @Test func exampleOfTheDocumentIsReplayed() throws {
    let files = try TemporaryDirectory()
    let path = try files.write(
      "trace", header + [2, 0, 0x64, 1, 1, 4, 0, 0xAC, 0x02, 6, 0, 0])
    let result = try runWorkload("trace", "file=\(path)", "settle=0").json()
    #expect(result["operations"] as? Int == 3)
    #expect(result["live_kib"] as? Int == 0)
  }

  @Test func blocksThatAreNeverFreedStayLive() throws {
    let files = try TemporaryDirectory()
    // One block of 2 MiB, one of 0 bytes, one of 1 byte.
    let path = try files.write("trace", header + [2, 0, 0x80, 0x80, 0x80, 0x01, 2, 1, 0, 2, 2, 1])
    let result = try runWorkload("trace", "file=\(path)", "settle=0").json()
    #expect(result["operations"] as? Int == 3)
    #expect(result["live_kib"] as? Int == 2048)
  }

  @Test(
    arguments: [
      ([2, 0], "middle of a record"),
      ([2, 0, 0x80], "middle of a record"),
      ([6, 0], "not live"),
      ([4, 0, 8], "not live"),
      ([2, 0, 8, 2, 0, 8], "live"),
      ([2, 0, 8, 4, 0, 0], "realloc to size 0"),
      ([5, 0, 8, 31], "alignment"),
      ([1, 0x80, 0x20], "too many threads"),
      ([2, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 8], "block number"),
      ([2, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F], "too large"),
      ([99], "unknown kind"),
    ] as [([UInt8], String)])
  func unsoundTraceIsRefused(records: [UInt8], reason: String) throws {
    let files = try TemporaryDirectory()
    let path = try files.write("trace", header + records)
    let finished = try runWorkload("trace", "file=\(path)", "settle=0")
    #expect(finished.status == 2)
    #expect(finished.errors.contains(reason))
    #expect(finished.errors.contains(path))
  }

  @Test func anotherVersionIsRefused() throws {
    let files = try TemporaryDirectory()
    var other = header
    other[8] = 2
    let finished = try runWorkload("trace", "file=\(try files.write("trace", other))")
    #expect(finished.status == 2)
    #expect(finished.errors.contains("version"))
  }

  @Test func traceThatCannotBeWrittenIsReported() throws {
    let finished = try runWorkload("--generate-trace", "/nonexistent/trace")
    #expect(finished.status == 1)
    #expect(finished.errors.contains("No such file"))
  }
}
