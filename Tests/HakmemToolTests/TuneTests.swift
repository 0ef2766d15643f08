import Foundation
import Testing

@testable import HakmemToolKit

@Suite struct TuneTests {
  private let table = OptionTable(
    version: "1",
    options: [
      ("HAKMEM_THP", "off|auto|on", "off"), ("HAKMEM_SS_PREFAULT", "0…2", "1"),
      ("HAKMEM_PURGE_DELAY", "0…3600000", "200"),
    ].map {
      OptionTable.Option(
        name: $0.0, help: "", range: $0.1, defaultValue: $0.2, value: $0.2, source: "default")
    })

  @Test func theMatrixHoldsEveryPolicyOnceAndTheDefaultsFirst() {
    let policies = TunePolicy.matrix(table)
    #expect(policies.count == 1 + 8 + 3)
    #expect(policies[0] == TunePolicy(name: "defaults", options: [:]))
    #expect(Set(policies.map(\.name)).count == policies.count)
    #expect(!policies.contains { $0.name == "THP=off populate" })
    let on = policies.first { $0.name == "THP=on touch" }
    #expect(on?.options == ["HAKMEM_THP": "on", "HAKMEM_SS_PREFAULT": "2"])
  }

  @Test func optionsGivenForAllAreInEveryPolicy() {
    let policies = TunePolicy.matrix(table, base: ["HAKMEM_THP": "on", "HAKMEM_WARM_MIB": "1"])
    #expect(policies.allSatisfy { $0.options["HAKMEM_WARM_MIB"] == "1" })
    #expect(!policies.contains { $0.name == "THP=on populate" })
    #expect(policies.contains { $0.name == "THP=off populate" })
  }

  /// A workload program whose figures follow the options as the shell lines say.
  private func tune(_ lines: String, rounds: Int = 4) throws -> TuneResult {
    let scratch = Scratch()
    let program = scratch.write(
      "fake",
      #"""
      #!/bin/sh
      for pair in "$@"; do [ "$pair" = floor=1 ] && exit 2; done
      seconds=0.5; peak=2048; settled=1024
      \#(lines)
      echo "{\"workload\":\"fake\",\"unit\":\"operations\",\"operations\":1000,\
      \"seconds\":$seconds,\"peak_rss_kib\":$peak,\"settled_rss_kib\":$settled,\
      \"minor_faults\":10,\"counters\":{\"cycles\":7000,\"dtlb_misses\":2}}"
      """#, mode: 0o755)
    var plan = BenchPlan(
      effort: BenchPlan.Effort(rounds: rounds, seconds: 0.01), seed: 1, allocators: [],
      subject: TunePolicy.defaultsName, environment: ["PATH": "/bin:/usr/bin"], toolVersion: "0")
    plan.allocators = TunePolicy.matrix(table).map {
      var allocator = Allocator(name: $0.name, library: nil)
      allocator.options = $0.options
      return allocator
    }
    let bench = WorkloadBench(
      plan: plan, program: program, requests: [WorkloadRequest(name: "fake")], threads: [],
      measuresLatency: false)
    return TuneResult(
      BenchAnalysis.analysed(
        try bench.run(into: .begin(plan, kind: "time", seconds: 0.01, options: [:]))))
  }

  @Test func withoutADifferenceTheDefaultsAreBest() throws {
    let tune = try tune("")
    #expect(tune.recommendation.policy == nil && tune.recommendation.options.isEmpty)
    #expect(tune.recommendation.sentences.count == 1)
    let text = TuneText.lines(tune).joined(separator: "\n")
    #expect(text.contains("The defaults are best") && text.contains("within noise"))
    #expect(text.contains("dTLB/op") && text.contains("THP=auto touch"))
  }

  @Test(arguments: ["", #"[ "$HAKMEM_THP" = auto ] && seconds=0.1"#])
  func withTooFewRoundsThereIsNoVerdict(lines: String) throws {
    let tune = try tune(lines, rounds: 2)
    #expect(tune.recommendation.policy == nil)
    #expect(
      tune.recommendation.sentences == ["Too few rounds for a verdict; at least 3 are needed."])
  }

  @Test func theFasterPolicyIsRecommendedWithItsOptions() throws {
    let tune = try tune(#"[ "$HAKMEM_THP" = auto ] && seconds=0.4"#)
    #expect(tune.recommendation.options["HAKMEM_THP"] == "auto")
    let text = TuneText.lines(tune).joined(separator: "\n")
    #expect(text.contains("faster") && text.contains("HAKMEM_THP=auto"))
  }

  @Test func speedThatCostsMemoryIsNamedOnly() throws {
    let tune = try tune(#"[ "$HAKMEM_THP" = on ] && seconds=0.4 peak=4096"#)
    #expect(tune.recommendation.policy == nil)
    #expect(tune.recommendation.sentences.contains { $0.contains("2.00× the memory") })
  }

  @Test func lessMemoryIsWorthAnOptionUnlessItIsSlower() throws {
    let saving = try tune(#"[ "$HAKMEM_PURGE_DELAY" = 0 ] && settled=512"#)
    #expect(saving.recommendation.options == ["HAKMEM_PURGE_DELAY": "0"])
    let slow = try tune(#"[ "$HAKMEM_PURGE_DELAY" = 0 ] && settled=512 seconds=0.6"#)
    #expect(slow.recommendation.policy == nil)
  }

  @Test func aPolicyThatFailsIsNotRecommended() throws {
    let tune = try tune(
      #"[ "$HAKMEM_THP" = on ] && seconds=0.4 && [ "$HAKMEM_SS_PREFAULT" != 0 ] && exit 4"#)
    #expect(tune.recommendation.policy == "THP=on faults")
    #expect(TuneText.lines(tune).contains { $0.contains("failed") })
  }

  @Test(.enabled(if: Built.library != nil, "the library was not built"))
  func aProgramIsMeasuredUnderEveryPolicy() throws {
    let scratch = Scratch()
    let file = scratch.path + "/tune.json"
    let outcome = try Tool.run(
      ["tune", "--rounds", "3", "--seed", "7", "--json", file, "--library", Built.library!]
        + ["--", "/bin/true"])
    #expect(outcome.ending == .exited(0), "\(outcome.errors)")
    let text = try #require(TextFile.read(file))
    let json = try #require(
      JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    let result = try #require(json["result"] as? [String: Any])
    #expect((result["allocators"] as? [Any])?.count == 12)
    #expect(json["recommendation"] is [String: Any])
    #expect(outcome.output.contains("defaults") && outcome.output.contains("purge=0 ms"))
  }

  @Test func wrongArgumentsGetASentence() throws {
    let both = try Tool.run(["tune", "tiny_hot", "--", "/bin/true"])
    #expect(both.ending == .exited(64) && both.errors.contains("not both"))
    let none = try Tool.run(["tune", "--rounds", "0"])
    #expect(none.ending == .exited(64) && none.errors.contains("--rounds"))
  }
}
