/// One thing that `hakmem doctor` found.
package struct Finding: Codable, Equatable, Sendable {
  /// How much it matters.
  package enum Severity: String, Codable, Sendable, CaseIterable, Comparable {
    /// As it should be.
    case ok
    /// Worth knowing; nothing needs to be done.
    case note
    /// HAKMEM works, but worse than it could.
    case warning
    /// HAKMEM does not serve the program, or not safely.
    case problem

    package static func < (left: Severity, right: Severity) -> Bool {
      let order = Severity.allCases
      return order.firstIndex(of: left)! < order.firstIndex(of: right)!
    }
  }

  package var severity: Severity
  /// A stable name for programs that read the JSON form: "overcommit", "static".
  package var topic: String
  /// What was found, one sentence.
  package var text: String
  /// What to do about it; nil when nothing needs to be done.
  package var remedy: String?

  package init(_ severity: Severity, _ topic: String, _ text: String, remedy: String? = nil) {
    self.severity = severity
    self.topic = topic
    self.text = text
    self.remedy = remedy
  }
}
