/// What a program of the user's took on each allocator.
enum ProgramText {
  static func lines(_ row: BenchResult.Row) -> [String] {
    var table = TerminalTable([
      "allocator", "wall", "user", "system", "peak MiB", "settled", "faults", "switches",
      "sys calls",
    ])
    for cell in row.cells {
      guard cell.failure == nil else {
        table.rows.append([cell.allocator, "failed"])
        continue
      }
      func seconds(_ figure: (BenchResult.Run) -> Double?) -> String {
        Figures.seconds(BenchResult.median(cell, figure))
      }
      func count(_ figure: (BenchResult.Run) -> Double?) -> String {
        Figures.scaled(BenchResult.median(cell, figure))
      }
      func mebibytes(_ figure: (BenchResult.Run) -> Double?) -> String {
        Figures.mebibytes(kibibytes: BenchResult.median(cell, figure))
      }
      table.rows.append([
        cell.allocator, seconds { $0.value }, seconds { $0.userSeconds },
        seconds { $0.systemSeconds }, mebibytes { $0.peakRssKib },
        mebibytes { $0.settledRssKib }, count { $0.faults }, count { $0.switches },
        cell.systemCalls.map { Figures.scaled(Double($0)) } ?? "not meas.",
      ])
    }
    return ["", TerminalStyle.coloured("\(row.id): medians", .heading)] + table.lines
  }
}

extension BenchResult.Run {
  /// Page faults, minor and major; nil when they were not measured.
  package var faults: Double? { minorFaults.map { $0 + (majorFaults ?? 0) } }

  /// Context switches of both kinds; nil when they were not measured.
  package var switches: Double? { voluntarySwitches.map { $0 + (involuntarySwitches ?? 0) } }
}
