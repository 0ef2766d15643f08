import Foundation

/// What a benchmark will run.
package struct BenchPlan: Sendable {
  /// Rounds, seconds a run and latency rounds of a kind of benchmark.
  package struct Effort: Equatable, Sendable {
    package var rounds: Int
    package var seconds: Double

    // Many short runs tell more than few long ones: what disturbs a machine comes in bursts.
    package static let full = Effort(rounds: 12, seconds: 0.4)
    package static let quick = Effort(rounds: 8, seconds: 0.1)
  }

  package var effort: Effort
  package var seed: UInt64
  package var allocators: [Allocator]
  /// The name of the allocator that is compared with the others.
  package var subject: String
  /// Variables of HAKMEM's options.
  package var options: [String: String] = [:]
  /// The environment of every run, without preloads.
  package var environment: [String: String]
  package var toolVersion: String

  package init(
    effort: Effort, seed: UInt64, allocators: [Allocator], subject: String,
    environment: [String: String], toolVersion: String
  ) {
    self.effort = effort
    self.seed = seed
    self.allocators = allocators
    self.subject = subject
    self.environment = environment
    self.environment["LD_PRELOAD"] = nil
    self.toolVersion = toolVersion
  }

  /// Seconds after which a run is taken for hanging.
  var timeout: Double { 120 + 20 * effort.seconds }

  /// The allocator that is compared unless the user says otherwise: HAKMEM, else the first.
  package static func subject(
    of allocators: [Allocator], requested: String? = nil
  ) throws -> String {
    guard let requested else {
      guard let first = allocators.first else {
        throw BenchFailure("There is no allocator to run.")
      }
      return allocators.contains { $0.name == Allocator.hakmemName }
        ? Allocator.hakmemName : first.name
    }
    guard let match = allocators.first(where: { $0.name.lowercased() == requested.lowercased() })
    else {
      throw BenchFailure(
        "There is no allocator \(requested) in this run. There are: "
          + allocators.map(\.name).joined(separator: ", ") + ".")
    }
    return match.name
  }

  /// The subject twice, under two names: what differs between them is noise.
  package static func selfComparison(_ allocator: Allocator) -> [Allocator] {
    var again = allocator
    again.name += " again"
    return [allocator, again]
  }
}

extension BenchResult {
  /// An empty result of a plan, begun now.
  ///
  /// - Parameters:
  ///   - kind: "time" or "callgrind".
  ///   - seconds: Length of a run's timed part; nil where runs end by themselves.
  ///   - options: HAKMEM's options, with the values in force.
  package static func begin(
    _ plan: BenchPlan, kind: String, seconds: Double?, options: [String: String]
  ) -> BenchResult {
    BenchResult(
      tool: plan.toolVersion, date: Date.now.formatted(.iso8601), machine: .current(),
      method: Method(
        rounds: plan.effort.rounds, seconds: seconds, seed: plan.seed, kind: kind,
        environment: ProcessEnvironment.allocatorVariables(plan.environment), options: options),
      allocators: plan.allocators, subject: plan.subject, rows: [])
  }
}
