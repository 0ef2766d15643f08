import Testing

@Suite struct ArgumentTests {
  /// Arguments, and what the message on stderr must contain.
  @Test(arguments: [
    (["nonsense"], ["'nonsense'", "random_mixed", "trace"]),
    (["random_mixed", "slot=1"], ["'slot=1'", "slots=256", "operations=0"]),
    (["random_mixed", "slots"], ["'slots'"]),
    (["random_mixed", "slots="], ["slots="]),
    (["random_mixed", "slots=12x"], ["slots=12x", "whole number"]),
    (["random_mixed", "slots=-1"], ["slots=-1"]),
    (["random_mixed", "slots=0"], ["slots=0", "1 … "]),
    (["random_mixed", "slots=99999999999999999999"], ["slots=99999999999999999999"]),
    (["random_mixed", "slots=1", "slots=2"], ["slots=2", "before"]),
    (["random_mixed", "seconds=soon"], ["seconds=soon"]),
    (["random_mixed", "seconds=0"], ["seconds=0", "0.001 … 86400"]),
    (["random_mixed", "seconds=0.0000000001"], ["seconds="]),
    (["random_mixed", "threads=0"], ["threads=0"]),
    (["random_mixed", "latency=2"], ["latency=2", "0 … 1"]),
    (["fragment", "settle=1", "wait=2"], ["settle=1"]),
    (["producer_consumer", "threads=3"], ["threads", "even"]),
    (["pipeline", "threads=1"], ["threads"]),
    (["calloc", "minimum=100", "maximum=99"], ["maximum", "minimum"]),
    (["realloc_growth", "maximum=4096"], ["maximum"]),
    (["aligned", "alignment=48"], ["alignment", "power of two"]),
    (["borders", "size=16", "spread=16"], ["spread"]),
    (["larson", "floor=1"], ["floor"]),
    (["tiny_hot", "floor=1", "latency=1"], ["latency"]),
    (["trace"], ["file"]),
    (["trace", "file="], ["file="]),
    (["trace", "file=/nonexistent"], ["/nonexistent", "No such file"]),
    (["trace", "file=/proc/self/exe"], ["not an allocation trace"]),
  ])
  func badArgumentIsNamed(arguments: [String], fragments: [String]) throws {
    let finished = try run("hakmem-workload", arguments)
    #expect(finished.status == 2)
    #expect(finished.output == "")
    for fragment in fragments { #expect(finished.errors.contains(fragment)) }
    #expect(finished.errors.hasSuffix("\n"))
  }

  @Test func nothingGivesUsage() throws {
    let finished = try run("hakmem-workload")
    #expect(finished.status == 2)
    #expect(finished.errors.contains("usage:"))
    #expect(try runWorkload("--help").status == 0)
  }

  @Test(arguments: [
    ("bench_random_mixed", ["many"], "ITERS 'many'"),
    ("bench_random_mixed", ["1000", "0"], "WS '0'"),
    ("bench_random_mixed", ["1000", "16", "-1"], "SEED '-1'"),
    ("bench_random_mixed", ["1", "2", "3", "4"], "too many"),
    ("bench_tiny_hot", ["1000", "4"], "SIZE '4'"),
    ("bench_allocators", ["0"], "ROUNDS '0'"),
  ])
  func badPositionalArgumentIsNamed(program: String, arguments: [String], message: String) throws {
    let finished = try run(program, arguments)
    #expect(finished.status == 2)
    #expect(finished.errors.contains(message))
    #expect(finished.errors.contains("usage:"))
  }
}
