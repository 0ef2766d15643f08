/// Variables that look like options and are none, or have no effect.
package enum OptionFindings {
  /// The findings for a process's variables.
  ///
  /// - Parameters:
  ///   - variables: Those that begin with "HAKMEM_".
  ///   - table: The options that the library knows, with the values it took.
  package static func findings(variables: [String: String], table: OptionTable) -> [Finding] {
    // These two are the tool's own.
    let own: Set = ["HAKMEM_LIBRARY", "HAKMEM_WORKLOADS", "HAKMEM_PEERS"]
    var findings: [Finding] = []
    for (name, value) in variables.sorted(by: { $0.key < $1.key }) where !own.contains(name) {
      guard let option = table.option(named: name) else {
        let near = table.options.map(\.name).filter { distance($0, name) <= 3 }
          .min { distance($0, name) < distance($1, name) }
        findings.append(
          Finding(
            .warning, "option", "\(name) is set, but there is no such option.",
            remedy: near.map { "Did you mean \($0)?" } ?? "hakmem options lists them."))
        continue
      }
      if option.source == "default" && option.value != value {
        findings.append(
          Finding(
            .warning, "option",
            "\(name)=\(value) was not accepted: the value in force is \(option.value).",
            remedy: "Accepted: \(option.range)."))
      }
    }
    return findings
  }

  /// The edits that turn one text into the other (Levenshtein).
  static func distance(_ left: String, _ right: String) -> Int {
    let right = Array(right.utf8)
    var row = Array(0...right.count)
    for (index, byte) in left.utf8.enumerated() {
      var diagonal = row[0]
      row[0] = index + 1
      for column in right.indices {
        let change = diagonal + (byte == right[column] ? 0 : 1)
        diagonal = row[column + 1]
        row[column + 1] = min(change, row[column] + 1, diagonal + 1)
      }
    }
    return row[right.count]
  }
}
