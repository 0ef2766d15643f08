import Foundation

/// A benchmark's result: what `--json` writes and `--baseline` reads.
package struct BenchResult: Codable, Equatable, Sendable {
  /// Version of this form. A reader refuses a newer one.
  package static let currentFormat = 1

  package var format = BenchResult.currentFormat
  /// The tool's version.
  package var tool: String
  /// When it began, ISO 8601, UTC.
  package var date: String
  package var machine: Machine
  package var method: Method
  package var allocators: [Allocator]
  /// The allocator that the others are compared with.
  package var subject: String
  package var rows: [Row]
  /// What a reader must know: an allocator left out, a counter that is missing.
  package var notes: [String] = []

  /// How it was measured.
  package struct Method: Codable, Equatable, Sendable {
    package var rounds: Int
    /// Length of a run's timed part; nil for a program of the user's.
    package var seconds: Double?
    /// Seed of the order of the runs and of the bootstrap.
    package var seed: UInt64
    /// "time", or "callgrind".
    package var kind: String
    /// Error level of the verdicts on speed: 0.05 where all rows differ, less where few do.
    package var level: Double?
    /// Variables that allocators read and that were set for all of them.
    package var environment: [String: String]
    /// HAKMEM's options, with the values in force.
    package var options: [String: String]
  }

  /// One workload with its parameters.
  package struct Row: Codable, Equatable, Sendable {
    /// The same in two results exactly when the same thing was measured.
    package var id: String
    package var workload: String
    package var unit: String
    package var threads: Int?
    package var parameters: [String: String]
    /// What a run's `value` is.
    package var measure: Measure
    /// The harness's own rate without an allocator, median.
    package var floor: Double?
    package var cells: [Cell]
    /// The subject against each other allocator.
    package var comparisons: [Comparison] = []
  }

  package enum Measure: String, Codable, Sendable {
    /// Units per second: more is better.
    case rate
    /// Seconds of wall time: less is better.
    case time
    /// Instructions per operation: less is better.
    case instructions

    package var isHigherBetter: Bool { self == .rate }
  }

  /// One row on one allocator.
  package struct Cell: Codable, Equatable, Sendable {
    package var allocator: String
    package var runs: [Run] = []
    /// Why there are no more runs: "SIGSEGV", "contents wrong".
    package var failure: String?
    /// Median of the runs' values, with its 95 % interval.
    package var median: Double?
    package var interval: Interval?
    package var best: Double?
    /// Histogram of single calls: lower bound in ns and count.
    package var latency: [[UInt64]]?
    /// Resident memory over a run: ms and KiB.
    package var rssTimeline: [[Double]]?
    /// System calls of one whole run, counted in a run of their own.
    package var systemCalls: Int?
  }

  /// One run.
  package struct Run: Codable, Equatable, Sendable {
    package var round: Int
    package var value: Double
    package var operations: Double?
    package var seconds: Double?
    package var userSeconds: Double?
    package var systemSeconds: Double?
    package var peakRssKib: Double?
    package var settledRssKib: Double?
    package var liveKib: Double?
    package var minorFaults: Double?
    package var majorFaults: Double?
    package var voluntarySwitches: Double?
    package var involuntarySwitches: Double?
    /// Processor counters per operation; those that the machine lacks are absent.
    package var counters: [String: Double]?
  }

  /// The subject against another allocator.
  package struct Comparison: Codable, Equatable, Sendable {
    /// What is compared.
    package enum Quantity: String, Codable, Sendable, CaseIterable {
      case speed
      case peakMemory
      case settledMemory
    }

    package enum Verdict: String, Codable, Sendable {
      case ahead
      case behind
      case noDifference = "no difference"
      /// Too few rounds in common.
      case unknown
    }

    package var quantity: Quantity
    package var peer: String
    /// Whether the peer is the best one of this row.
    package var isBest: Bool
    /// Above 1: the subject is better by this factor.
    package var ratio: Double
    package var interval: Interval?
    package var probability: Double?
    package var verdict: Verdict
  }
}

extension BenchResult {
  static func encoder() -> JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return encoder
  }

  /// The result as JSON text.
  package func json() throws -> String {
    CompactArrays.joined(
      String(decoding: try BenchResult.encoder().encode(self), as: UTF8.self)) + "\n"
  }

  /// Reads a result.
  ///
  /// - Throws: `BenchFailure` when the text is no result, or of a newer format.
  package static func read(_ text: String, name: String) throws -> BenchResult {
    struct Head: Decodable { var format: Int }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    let data = Data(text.utf8)
    guard let head = try? decoder.decode(Head.self, from: data) else {
      throw BenchFailure("\(name) is not a result of hakmem bench.")
    }
    guard head.format <= currentFormat else {
      throw BenchFailure(
        "\(name) has format \(head.format); this version reads up to \(currentFormat).")
    }
    do { return try decoder.decode(BenchResult.self, from: data) } catch {
      throw BenchFailure("\(name) is damaged: \(error)")
    }
  }

  /// Reads a result from a file.
  ///
  /// - Throws: `BenchFailure` when it cannot be read.
  package static func load(_ path: String) throws -> BenchResult {
    guard let text = TextFile.read(path) else { throw BenchFailure("\(path) cannot be read.") }
    return try read(text, name: path)
  }

  /// The medians of something over a cell's runs; NaN when no run has it.
  package static func median(_ cell: Cell, _ figure: (Run) -> Double?) -> Double {
    Descriptive.median(cell.runs.compactMap(figure))
  }
}
