import TextTable

/// A table of text for the terminal: the first column left, the others right unless named.
package struct TerminalTable {
  package var headings: [String]
  package var rows: [[String]] = []
  /// Columns that are set left.
  package var leftColumns: Set<Int> = [0]
  /// The meaning of a row, shown by colour.
  package var meanings: [Int: TerminalStyle.Meaning] = [:]

  package init(_ headings: [String]) { self.headings = headings }

  /// The table's lines. Colour is laid over whole lines, so that it does not count as width.
  package var lines: [String] {
    guard !rows.isEmpty else { return [] }
    let headings = headings
    let leftColumns = leftColumns
    let table = TextTable<[String]> { row in
      headings.indices.map {
        Column(
          title: headings[$0], value: $0 < row.count ? row[$0] : "",
          align: leftColumns.contains($0) ? .left : .right)
      }
    }
    var lines = (table.string(for: rows, style: TwoSpaces.self) ?? "").split(separator: "\n").map {
      String($0).trimmingEnd
    }
    for (row, meaning) in meanings where row + 2 < lines.count {
      lines[row + 2] = TerminalStyle.coloured(lines[row + 2], meaning)
    }
    return lines.map { "  " + $0 }
  }

  /// The widest line in characters, without colours.
  package var width: Int {
    var plain = self
    plain.meanings = [:]
    return plain.lines.map(\.count).max() ?? 0
  }
}

/// The library's simple style with two spaces between columns.
private enum TwoSpaces: TextTableStyle {
  static func prepare(_ text: String, for column: Column) -> String {
    Simple.prepare(text, for: column)
  }

  static func escape(_ text: String) -> String { text }

  static func begin(_ table: inout String, index: Int, columns: [Column]) {}

  static func end(_ table: inout String, index: Int, columns: [Column]) {}

  static func header(_ table: inout String, index: Int, columns: [Column]) {
    table += columns.map { $0.headerString(for: self) }.joined(separator: "  ") + "\n"
    table += columns.map { $0.repeated("─") }.joined(separator: "──") + "\n"
  }

  static func row(_ table: inout String, index: Int, columns: [Column]) {
    table += columns.map { $0.string(for: self) }.joined(separator: "  ") + "\n"
  }
}

extension String {
  fileprivate var trimmingEnd: String {
    var text = self
    while text.last == " " { text.removeLast() }
    return text
  }
}
