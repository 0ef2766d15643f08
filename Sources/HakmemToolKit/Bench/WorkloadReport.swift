import Foundation

/// What a workload prints about one run, the last line of its output.
struct WorkloadReport: Decodable {
  /// A parameter's value, of whatever JSON type.
  enum Value: Decodable {
    case text(String)

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let value = try? container.decode(Bool.self) {
        self = .text(value ? "1" : "0")
      } else if let value = try? container.decode(Int.self) {
        self = .text(String(value))
      } else if let value = try? container.decode(Double.self) {
        self = .text(String(value))
      } else {
        self = .text(try container.decode(String.self))
      }
    }
  }

  struct Latency: Decodable {
    var unit: String
    var counts: [[UInt64]]
  }

  var workload: String
  var unit: String?
  var operations: Double
  var seconds: Double
  var threads: Int?
  var parameters: [String: Value?]?
  var peakRssKib: Double?
  var settledRssKib: Double?
  var liveKib: Double?
  var minorFaults: Double?
  var majorFaults: Double?
  var voluntarySwitches: Double?
  var involuntarySwitches: Double?
  var userSeconds: Double?
  var systemSeconds: Double?
  var counters: [String: Double?]?
  var rssTimeline: [[Double]]?
  var latency: Latency?

  /// Reads the last line that is not empty.
  ///
  /// - Throws: When it is not such a report.
  static func parse(_ output: String) throws -> WorkloadReport {
    guard let line = output.split(separator: "\n").last(where: { !$0.allSatisfy(\.isWhitespace) })
    else { throw BenchFailure("The workload printed no report.") }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let report: WorkloadReport
    do { report = try decoder.decode(WorkloadReport.self, from: Data(line.utf8)) } catch {
      throw BenchFailure("The workload's report cannot be read: \(line.prefix(200))")
    }
    guard report.seconds > 0, report.operations >= 0 else {
      throw BenchFailure("The workload's report makes no sense: \(line.prefix(200))")
    }
    return report
  }

  /// The parameters as text.
  var parameterTexts: [String: String] {
    (parameters ?? [:]).compactMapValues {
      if case .text(let text)? = $0 { return text }
      return nil
    }
  }

  /// The counters that the machine has, per operation.
  var countersPerOperation: [String: Double]? {
    let present = (counters ?? [:]).compactMapValues { $0 }
    guard operations > 0, !present.isEmpty else { return nil }
    return present.mapValues { $0 / operations }
  }
}
