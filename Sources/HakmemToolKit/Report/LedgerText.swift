/// `hakmem ledger` for the terminal.
package enum LedgerText {
  package static func lines(_ found: Inspection) -> [String] {
    var lines = [
      TerminalStyle.coloured("Resident memory of process \(found.pid) (\(found.program))", .heading)
    ]
    if let reason = found.reason { lines += TextWrap.lines(reason, indent: "  ") }
    return lines + body(found.ledger)
  }

  /// The table and what stands below it.
  static func body(_ ledger: Ledger) -> [String] {
    var table = TerminalTable(["resident memory", "MiB", "share", "what would release it"])
    table.leftColumns = [0, 3]
    func add(_ line: Ledger.Line) {
      table.rows.append([
        line.title, mebibytes(line.resident), share(line.resident, of: ledger.resident),
        line.release,
      ])
    }
    let heap = ledger.lines.filter(\.use.isHeap)
    heap.forEach(add)
    let heapBytes = heap.reduce(0) { $0 + $1.resident }
    table.rows.append([
      "HAKMEM", mebibytes(heapBytes), share(heapBytes, of: ledger.resident), "",
    ])
    table.meanings[table.rows.count - 1] = .heading
    ledger.lines.filter { !$0.use.isHeap }.forEach(add)
    table.rows.append([
      "sum", mebibytes(ledger.sum), share(ledger.sum, of: ledger.resident),
      "smaps: \(mebibytes(ledger.resident)) MiB",
    ])
    table.meanings[table.rows.count - 1] = .heading
    var lines = table.lines
    lines += TextWrap.lines(
      "Sizes that the program asked for are not recorded: rounding up to size classes takes "
        + "\(Figures.bytes(ledger.roundingBound)) at most.", indent: "  ")
    if ledger.swapped > 0 { lines.append("  Swapped out: \(Figures.bytes(ledger.swapped)).") }
    return lines + pins(ledger)
  }

  private static func pins(_ ledger: Ledger) -> [String] {
    guard !ledger.pins.isEmpty else { return [] }
    var table = TerminalTable(["SuperSlab", "resident", "live", "held by"])
    table.leftColumns = [0, 3]
    for pin in ledger.pins {
      table.rows.append([
        "0x" + String(pin.start, radix: 16), Figures.bytes(pin.resident), Figures.bytes(pin.live),
        holders(pin.holders),
      ])
    }
    return ["", TerminalStyle.coloured("Who pins this", .heading)] + table.lines + stacks(ledger)
  }

  /// Who allocated the holders' blocks: a call stack on each line, the innermost function first.
  private static func stacks(_ ledger: Ledger) -> [String] {
    var lines: [String] = []
    for pin in ledger.pins {
      for holder in pin.holders {
        for stack in holder.stacks ?? [] {
          let size = holder.blockSize == 0 ? "medium" : "\(holder.blockSize) B"
          let place =
            stack.isOfAnySuperSlab
            ? "samples of \(size) anywhere" : "× \(size) in 0x" + String(pin.start, radix: 16)
          let path = stack.functions.joined(separator: " < ")
          lines.append(cut("  \(stack.blocks) \(place): \(path)"))
        }
      }
    }
    // What is true of the whole heap stands once.
    var seen: Set<String> = []
    return lines.filter { seen.insert($0).inserted }
  }

  private static func cut(_ line: String) -> String {
    let columns = 100
    return line.count > columns ? line.prefix(columns - 1) + "…" : line
  }

  private static func holders(_ holders: [Ledger.Holder]) -> String {
    let most = 3
    var parts = holders.prefix(most).map {
      $0.blockSize == 0
        ? "\($0.blocks) medium" : "\($0.blocks) × \($0.blockSize) B"
    }
    if holders.count > most { parts.append("\(holders.count - most) more sizes") }
    return parts.joined(separator: ", ")
  }

  private static func mebibytes(_ bytes: Int) -> String {
    let hundredths = (abs(bytes) * 100 + 1 << 19) >> 20
    let digits = hundredths % 100
    return (bytes < 0 ? "-" : "") + "\(hundredths / 100).\(digits < 10 ? "0" : "")\(digits)"
  }

  private static func share(_ bytes: Int, of whole: Int) -> String {
    whole == 0 ? "–" : "\((bytes * 100 + whole / 2) / whole) %"
  }
}
