import ArgumentParser
import HakmemToolKit

/// `hakmem stats`.
struct StatsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stats",
    abstract: "Shows what the heap of a running process holds.",
    discussion: """
      The process is neither stopped nor slowed: its memory is read while it runs, by the code of \
      its own library. It must belong to you. Where that is forbidden, and for a process that crashed, \
      the page is shown that HAKMEM_STATS_PAGE=1 publishes.

      Examples:
        hakmem stats --pid 4711
        hakmem stats --pid 4711 --json
        hakmem stats --pid 4711 --openmetrics
      """)

  @OptionGroup var process: ProcessArguments

  @Flag(help: "Write JSON.")
  var json = false

  @Flag(
    name: .customLong("openmetrics"), help: "Write OpenMetrics text, for Prometheus and others.")
  var openMetrics = false

  func validate() throws {
    if json && openMetrics { throw ValidationError("Give --json or --openmetrics, not both.") }
  }

  func run() throws {
    let found = try process.inspect()
    if json {
      try Terminal.show(json: found)
    } else {
      Terminal.show(openMetrics ? OpenMetricsText.lines(found) : StatsText.lines(found))
    }
  }
}

/// `hakmem ledger`.
struct LedgerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ledger",
    abstract: "Shows where a process's resident memory is, and what would release it.",
    discussion: """
      The lines sum to the resident memory that the kernel counts (smaps).

      Examples:
        hakmem ledger --pid 4711
        hakmem ledger --pid 4711 --json
      """)

  @OptionGroup var process: ProcessArguments

  @Flag(help: "Write JSON.")
  var json = false

  func run() throws {
    var found = try process.inspect()
    guard found.isRunning else { throw InspectionFailure.ended(process.pid) }
    found.namePinningStacks()
    if json { return try Terminal.show(json: found.ledger) }
    Terminal.show(LedgerText.lines(found))
  }
}

/// `hakmem map`.
struct MapCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "map",
    abstract: "Draws the heap of a running process: address × size class and occupancy.",
    discussion: """
      Examples:
        hakmem map --pid 4711
        hakmem map --pid 4711 --json
      """)

  @OptionGroup var process: ProcessArguments

  @Flag(help: "Write JSON.")
  var json = false

  func run() throws {
    let found = try process.inspect()
    if let reason = found.reason { throw InspectionFailure(reason) }
    if json { return try Terminal.show(json: found.map) }
    Terminal.show(MapText.lines(found))
  }
}
