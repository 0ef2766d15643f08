import Testing

@Suite struct BenchTests {
  @Test func randomMixedSaysWhatItMeasured() throws {
    let finished = try run("bench_random_mixed", ["10000", "64", "7"])
    #expect(finished.status == 0)
    for text in [
      "bench_random_mixed 10000 64 7", "malloc from ", "libc.so", "M ops/s (10000 operations",
      "per million operations", "kernel share", "cycles", "instructions",
    ] { #expect(finished.output.contains(text)) }
  }

  @Test func tinyHotCountsEachCall() throws {
    let finished = try run("bench_tiny_hot", ["1000", "48"])
    #expect(finished.status == 0)
    #expect(finished.output.contains("bench_tiny_hot 1000 48"))
    #expect(finished.output.contains("(2000 operations"))
  }

  @Test func quietLeavesTheResultLine() throws {
    let finished = try run(
      "bench_random_mixed", ["1000"], environment: ["HAKMEM_QUIET": "1"])
    let lines = finished.output.split(separator: "\n")
    #expect(lines.count == 1)
    #expect(try #require(lines.first).hasPrefix("random_mixed: "))
  }

  @Test func optionsInTheEnvironmentAreShown() throws {
    let finished = try run(
      "bench_tiny_hot", ["1000"], environment: ["HAKMEM_MODE": "balanced"])
    #expect(finished.output.contains("HAKMEM_MODE=balanced"))
  }

  @Test func allocatorsStandSideBySide() throws {
    let finished = try run("bench_allocators", ["1", "1"])
    #expect(finished.status == 0)
    let lines = finished.output.split(separator: "\n")
    let glibc = try #require(lines.first { $0.hasPrefix("glibc ") })
    #expect(!glibc.contains("failed"))
    #expect(lines.allSatisfy { $0.count <= 100 })
    #expect(finished.output.contains("random_mixed 8192"))
  }

  @Test func libraryThatIsNoneIsSaidSo() throws {
    let files = try TemporaryDirectory()
    _ = try files.write("libnone.so", Array("not a library".utf8))
    let finished = try run(
      "bench_allocators", ["1", "1"], environment: ["HAKMEM_PEERS": files.path("")])
    #expect(finished.status == 0)
    let line = finished.output.split(separator: "\n").first { $0.hasPrefix("none ") }
    #expect(try #require(line).contains("not preloaded"))
  }
}
