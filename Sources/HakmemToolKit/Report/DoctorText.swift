/// `hakmem doctor`'s report for the terminal.
package enum DoctorText {
  /// The lines of a report, at most 100 columns wide.
  package static func lines(_ report: DoctorReport) -> [String] {
    var lines = [TerminalStyle.coloured(report.subject, .heading)]
    if let library = report.library {
      lines.append(
        "  library: \(library)" + (report.libraryVersion.map { ", version \($0)" } ?? ""))
    }
    if !report.serving.isEmpty {
      lines += ["", TerminalStyle.coloured("Who serves the allocation functions", .heading)]
      for row in report.serving {
        lines.append("  \(row.kind): \(row.object)")
        let names = row.functions.map(AllocationFunctions.name).joined(separator: ", ")
        lines += TextWrap.lines(names, indent: "      ")
      }
    }
    let changed = report.options.filter { $0.source != "default" }
    if !report.options.isEmpty {
      lines += ["", TerminalStyle.coloured("Options", .heading)]
      if changed.isEmpty {
        lines.append("  all \(report.options.count) at their defaults")
      }
      for option in changed {
        lines.append("  \(option.name)=\(option.value), from the \(option.source)")
      }
    }
    lines += ["", TerminalStyle.coloured("Findings", .heading)]
    for finding in report.findings { lines += self.lines(finding) }
    return lines
  }

  private static func lines(_ finding: Finding) -> [String] {
    let mark: String
    let meaning: TerminalStyle.Meaning
    switch finding.severity {
    case .ok: (mark, meaning) = ("ok      ", .good)
    case .note: (mark, meaning) = ("note    ", .quiet)
    case .warning: (mark, meaning) = ("warning ", .caution)
    case .problem: (mark, meaning) = ("problem ", .bad)
    }
    var lines = TextWrap.lines(finding.text, indent: "           ")
    lines[0] = "  " + TerminalStyle.coloured(mark, meaning) + " " + lines[0].dropFirst(11)
    if let remedy = finding.remedy {
      lines += TextWrap.lines("→ " + remedy, indent: "           ")
    }
    return lines
  }
}
