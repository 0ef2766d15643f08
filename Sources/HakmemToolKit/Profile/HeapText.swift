/// The heap's part of the text report.
enum HeapText {
  static func lines(_ heap: HeapResult) -> [String] {
    let how =
      heap.sampleBytes <= 1
      ? "Every allocation was seen."
      : "Estimated from \(heap.samples) samples, one for each \(Figures.bytes(heap.sampleBytes)) on "
        + "average."
    var lines = TextWrap.lines(
      "\(how) Allocated \(Figures.bytes(heap.totalBytes)) in \(heap.totalCount) blocks; at the "
        + "peak \(Figures.bytes(heap.peakBytes)) were live, at the end "
        + "\(Figures.bytes(heap.liveBytes)) in \(heap.liveCount) blocks; \(heap.temporaryCount) "
        + "blocks were freed before their thread allocated the next.", indent: "  ")
    for (title, moment, order) in orders {
      let rows = heap.stacks.sorted { order($0) > order($1) }.prefix(5).filter { order($0) > 0 }
      if rows.isEmpty { continue }
      lines += ["", "  " + title]
      for row in rows {
        lines.append(
          "    \(moment(row)), \(Figures.bytes(row.totalBytes)) in \(row.totalCount) in all, "
            + "\(row.temporaryCount) temporary")
        for frame in row.stack.prefix(8) {
          lines.append("      " + (frame.count > 90 ? frame.prefix(89) + "…" : frame))
        }
      }
    }
    return lines
  }

  private typealias Row = HeapResult.StackRow

  /// Title, what a row tells first, and by what rows are sorted.
  private static var orders: [(String, (Row) -> String, (Row) -> Int)] {
    let atTheEnd = { (row: Row) in "\(Figures.bytes(row.liveBytes)) live in \(row.liveCount)" }
    let atThePeak = { (row: Row) in "\(Figures.bytes(row.peakBytes)) live then" }
    return [
      ("Live at the end, by call stack", atTheEnd, \.liveBytes),
      ("At the peak, by call stack", atThePeak, \.peakBytes),
      ("Temporary allocations, by call stack", atTheEnd, \.temporaryCount),
    ]
  }
}
