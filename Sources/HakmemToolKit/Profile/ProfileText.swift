/// `hakmem profile`'s report for the terminal and for report.txt.
package enum ProfileText {
  /// The lines of a report, at most 100 columns wide.
  package static func lines(_ result: ProfileResult) -> [String] {
    var lines = [TerminalStyle.coloured(result.command.joined(separator: " "), .heading)]
    lines.append(
      "  \(result.ending) after \(Figures.seconds(result.seconds)), "
        + "\(result.processes) process\(result.processes == 1 ? "" : "es")"
        + (result.isPartial ? "; PARTIAL, see the notes" : ""))
    lines += section("Summary", summary(result))
    if let faults = result.faults { lines += section("Page faults by owner", owners(faults)) }
    if let faults = result.faults, !faults.classes.isEmpty {
      lines += section("Of these in small blocks, by block size", classes(faults))
    }
    if let time = result.time, time.samples > 0 {
      lines += section("Time by layer", layers(time))
      lines += section("Top functions", functions(time))
    }
    if let heap = result.heap { lines += section("Heap", HeapText.lines(heap)) }
    if let ledger = result.ledger {
      lines += section(ledgerTitle(result), LedgerText.body(ledger))
    }
    if let events = result.events, !events.isEmpty {
      lines += EventsText.lines(events, last: 20)
    }
    if !result.notes.isEmpty {
      lines += ["", TerminalStyle.coloured("Notes", .heading)]
      for note in result.notes { lines += TextWrap.lines(note, indent: "  ") }
    }
    return lines
  }

  static func ledgerTitle(_ result: ProfileResult) -> String {
    "Resident memory after \(Figures.seconds(result.ledgerSeconds ?? result.seconds))"
  }

  private static func section(_ title: String, _ body: [String]) -> [String] {
    ["", TerminalStyle.coloured(title, .heading)] + body
  }

  private static func summary(_ result: ProfileResult) -> [String] {
    var table = TerminalTable(["", "value", "target", "status"])
    for (index, figure) in result.summary.enumerated() {
      table.rows.append([figure.name, figure.value, figure.target ?? "", figure.status ?? ""])
      if figure.status == "ok" { table.meanings[index] = .good }
      if figure.status == "missed" { table.meanings[index] = .caution }
    }
    return table.lines
  }

  private static func owners(_ faults: ProfileResult.Faults) -> [String] {
    let causes = FaultCause.allCases.map(\.rawValue).filter { cause in
      faults.owners.contains { $0.causes[cause] != nil }
    }
    let shortNames = [
      "first touch": "first", "again after purge": "refault", "huge page": "huge",
      "copy after fork": "fork", "written after read": "write", "by a system call": "call",
    ]
    var table = TerminalTable(
      ["owner", "faults", "%"] + causes.map { shortNames[$0] ?? $0 }
        + Phase.allCases.map(\.rawValue))
    let all = faults.owners.reduce(0) { $0 + $1.faults }
    for row in faults.owners {
      table.rows.append(
        [row.owner, "\(row.faults)", percent(row.faults, all)]
          + causes.map { number(row.causes[$0]) }
          + Phase.allCases.map { number(row.phases[$0.rawValue]) })
    }
    table.rows.append(["all", "\(all)", percent(all, all)])
    var sentence =
      "The kernel counted \(faults.counted.map(String.init) ?? "?") faults of instructions"
    if faults.lost > 0 { sentence += ", \(faults.lost) of their samples were lost" }
    sentence += "; it charged the processes \(faults.charged), with pages that system calls fill"
    return table.lines + TextWrap.lines(sentence + ".", indent: "  ")
  }

  private static func classes(_ faults: ProfileResult.Faults) -> [String] {
    var table = TerminalTable(["block size", "faults"])
    table.leftColumns = []
    let largest = faults.classes.sorted { $0.faults > $1.faults }.prefix(12)
    for row in largest.sorted(by: { $0.blockBytes < $1.blockBytes }) {
      table.rows.append([Figures.bytes(row.blockBytes), "\(row.faults)"])
    }
    return table.lines
  }

  private static func layers(_ time: ProfileResult.Time) -> [String] {
    var table = TerminalTable(["layer", "samples", "%"])
    for row in time.layers {
      table.rows.append([row.layer, "\(row.samples)", percent(row.samples, time.samples)])
    }
    return table.lines
  }

  private static func functions(_ time: ProfileResult.Time) -> [String] {
    var table = TerminalTable(["own %", "with callees %", "function", "file"])
    table.leftColumns = [2, 3]
    for row in time.functions.prefix(20) {
      table.rows.append([
        percent(row.own, time.samples), percent(row.all, time.samples),
        row.function.count > 52 ? row.function.prefix(51) + "…" : row.function,
        row.object.count > 18 ? row.object.prefix(17) + "…" : row.object,
      ])
    }
    return table.lines
  }

  private static func number(_ value: Int?) -> String { value.map(String.init) ?? "" }

  static func percent(_ part: Int, _ whole: Int) -> String {
    guard whole > 0 else { return "–" }
    let tenths = (part * 1000 + whole / 2) / whole
    return "\(tenths / 10).\(tenths % 10)"
  }
}
