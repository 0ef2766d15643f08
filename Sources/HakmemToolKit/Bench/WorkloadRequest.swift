/// A workload with parameters, as a user writes it: "random_mixed:slots=8192,seed=7".
package struct WorkloadRequest: Equatable, Sendable {
  package var name: String
  /// "key=value" in the order given.
  package var parameters: [String]

  package init(name: String, parameters: [String] = []) {
    self.name = name
    self.parameters = parameters
  }

  /// - Throws: `BenchFailure` for a parameter without "=".
  package init(parsing text: String) throws {
    let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
    name = parts.first ?? ""
    parameters = parts.count > 1 ? parts[1].split(separator: ",").map(String.init) : []
    for parameter in parameters where parameter.split(separator: "=").count != 2 {
      throw BenchFailure("\(text): \"\(parameter)\" is not of the form KEY=VALUE.")
    }
  }

  /// How tables name it: "random_mixed slots=8192".
  /// A file is its name alone.
  package var label: String {
    let texts = parameters.map { parameter -> String in
      guard let slash = parameter.lastIndex(of: "/"), let sign = parameter.firstIndex(of: "=")
      else {
        return parameter
      }
      return String(parameter[...sign] + parameter[parameter.index(after: slash)...])
    }
    return ([name] + texts).joined(separator: " ")
  }

  /// The workload that replays a recorded trace.
  package static func trace(file: String) -> WorkloadRequest {
    WorkloadRequest(name: "trace", parameters: ["file=\(file)"])
  }

  /// Every workload with every number of threads; one that names its own keeps it.
  static func rows(
    _ requests: [WorkloadRequest], threads: [Int]
  ) -> [(request: WorkloadRequest, threads: Int?)] {
    requests.flatMap { request -> [(request: WorkloadRequest, threads: Int?)] in
      let isFixed = request.parameters.contains { $0.hasPrefix("threads=") }
      return threads.isEmpty || isFixed ? [(request, nil)] : threads.map { (request, $0) }
    }
  }

  /// Checks names against the program's list.
  ///
  /// - Throws: `BenchFailure` that lists the valid ones.
  package static func check(_ requests: [WorkloadRequest], against workloads: [Workload]) throws {
    for request in requests where !workloads.contains(where: { $0.name == request.name }) {
      throw BenchFailure(
        "There is no workload \(request.name). There are: "
          + workloads.map(\.name).joined(separator: ", ") + ".")
    }
  }

  /// The rows of a benchmark for which nobody named any: the headline ones.
  package static let headline = [
    WorkloadRequest(name: "random_mixed"),
    WorkloadRequest(name: "random_mixed", parameters: ["slots=8192"]),
    WorkloadRequest(name: "tiny_hot"),
    WorkloadRequest(name: "exchange"),
    WorkloadRequest(name: "exchange", parameters: ["threads=8"]),
    WorkloadRequest(name: "producer_consumer"),
    WorkloadRequest(name: "realloc_growth", parameters: ["maximum=67108864"]),
  ]
}
