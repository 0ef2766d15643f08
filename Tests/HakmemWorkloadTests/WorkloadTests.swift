import Foundation
import Testing

/// Every workload with parameters that make it short; counted, never timed.
private let shortRuns: [(name: String, parameters: [String])] = [
  ("random_mixed", ["operations=5000"]),
  ("tiny_hot", ["operations=5000"]),
  ("exchange", ["operations=5000"]),
  ("producer_consumer", ["operations=5000"]),
  ("larson", ["operations=5000", "handover=500"]),
  ("pipeline", ["operations=5000"]),
  ("false_sharing_active", ["operations=1000"]),
  ("false_sharing_passive", ["operations=1000"]),
  ("thread_churn", ["operations=30"]),
  ("medium_churn", ["operations=200"]),
  ("large_churn", ["operations=20", "maximum=4194304"]),
  ("calloc", ["operations=5000"]),
  ("aligned", ["operations=5000", "alignment=0"]),
  ("borders", ["operations=5000", "size=4096"]),
  ("realloc_growth", ["operations=30", "maximum=4194304"]),
  ("fragment", ["operations=5000", "settle=0"]),
  ("fill_free", ["operations=5000", "wait=0"]),
  ("ageing", ["operations=5000", "mib=1", "settle=0"]),
  ("burst_idle", ["operations=2", "mib=1", "period=1", "settle=0"]),
  ("sleeping_threads", ["operations=20", "settle=0"]),
  ("fork_heavy", ["operations=3", "mib=1"]),
  ("process_start", ["operations=3"]),
]

/// Members of the result that every workload has.
private let members: Set = [
  "workload", "unit", "allocator", "operations", "seconds", "floor_seconds", "threads",
  "parameters", "start_rss_kib", "peak_rss_kib", "settled_rss_kib", "live_kib", "peak_live_kib",
  "harness_kib", "mappings", "rss_timeline", "minor_faults", "major_faults", "voluntary_switches",
  "involuntary_switches", "user_seconds", "system_seconds", "counters",
  "counters_include_kernel", "latency",
]

private let counters: Set = [
  "cycles", "instructions", "branch_misses", "l1d_misses", "cache_misses", "dtlb_misses",
]

@Suite struct WorkloadTests {
  @Test(arguments: shortRuns) func runsAndReports(name: String, parameters: [String]) throws {
    let finished = try run("hakmem-workload", [name] + parameters)
    #expect(finished.status == 0)
    #expect(finished.errors == "")
    let result = try finished.json()
    #expect(Set(result.keys) == members)
    #expect(result["workload"] as? String == name)
    #expect(try #require(result["operations"] as? Int) > 0)
    #expect(try #require(result["seconds"] as? Double) > 0)
    #expect(try #require(result["peak_rss_kib"] as? Int) > 0)
    #expect(try #require(result["settled_rss_kib"] as? Int) > 0)
    let counted = try #require(result["counters"] as? [String: Any])
    #expect(Set(counted.keys) == counters)
    let used = try #require(result["parameters"] as? [String: Any])
    #expect(used["seed"] as? Int == 42)
  }

  @Test func listNamesEveryWorkload() throws {
    let finished = try runWorkload("--list")
    #expect(finished.status == 0)
    let lines = finished.output.split(separator: "\n")
    let names = lines.map { String($0.prefix { $0 != "\t" }) }
    #expect(Set(names) == Set(shortRuns.map(\.name) + ["trace"]))
    for line in lines {
      let columns = line.split(separator: "\t", omittingEmptySubsequences: false)
      #expect(columns.count == 4)
      #expect(columns[3].contains("operations=0"))
      for parameter in columns[3].split(separator: " ") { #expect(parameter.contains("=")) }
    }
  }

  @Test func defaultsOfTheListAreAccepted() throws {
    let list = try runWorkload("--list").output
    let line = try #require(list.split(separator: "\n").first { $0.hasPrefix("random_mixed") })
    let defaults =
      line.split(separator: "\t")[3].split(separator: " ").map(String.init)
      .filter { !$0.hasPrefix("seconds") } + ["seconds=0.01"]
    #expect(try run("hakmem-workload", ["random_mixed"] + defaults).status == 0)
  }

  @Test(arguments: ["random_mixed", "tiny_hot", "borders", "calloc", "aligned"])
  func countedRunsAreEqual(name: String) throws {
    // Timed calls are counted one by one.
    let results = try (0..<2).map { _ in
      try runWorkload(name, "operations=3000", "latency=1", "warmup=0").json()
    }
    for result in results {
      #expect(result["operations"] as? Int == 3000)
      let latency = try #require(result["latency"] as? [String: Any])
      #expect(latency["unit"] as? String == "ns")
      let counts = try #require(latency["counts"] as? [[Int]])
      #expect(counts.map { $0[1] }.reduce(0, +) == 3000)
      #expect(counts.map { $0[0] } == counts.map { $0[0] }.sorted())
    }
  }

  @Test func seedChangesTheRun() throws {
    // Nine blocks in ten are freed at random: which ones decides how much stays live.
    let live = try ["seed=1", "seed=1", "seed=2"].map {
      try #require(
        try runWorkload("fragment", "operations=100000", "settle=0", $0).json()["live_kib"] as? Int)
    }
    #expect(live[0] == live[1])
    #expect(live[0] != live[2])
  }

  @Test func floorIsMeasuredWithoutAnAllocator() throws {
    let result = try runWorkload("random_mixed", "operations=10000", "floor=1").json()
    #expect(result["floor_seconds"] as? Double == result["seconds"] as? Double)
  }

  @Test func fragmentKeepsTheShareThatItShould() throws {
    let result = try runWorkload("fragment", "mib=8", "percent=75", "settle=30").json()
    let live = try #require(result["live_kib"] as? Int)
    let peak = try #require(result["peak_live_kib"] as? Int)
    #expect((8192...8200).contains(peak))
    #expect((1900...2200).contains(live))
    let timeline = try #require(result["rss_timeline"] as? [[Int]])
    #expect(timeline.count >= 2)
    #expect(timeline.allSatisfy { $0.count == 2 })
    #expect(timeline.map { $0[0] } == timeline.map { $0[0] }.sorted())
  }

  @Test func timeBoundedRunsEnd() throws {
    for name in ["random_mixed", "exchange", "producer_consumer", "pipeline", "larson", "ageing"] {
      let result = try runWorkload(name, "seconds=0.02", "settle=0").json()
      #expect(try #require(result["operations"] as? Int) > 0)
    }
  }
}
