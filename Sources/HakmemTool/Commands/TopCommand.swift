import ArgumentParser
import Foundation
import HakmemToolKit

/// `hakmem top`.
struct TopCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "top",
    abstract: "Watches the heap of a running process, or lists the processes on HAKMEM.",
    discussion: """
      On a terminal the view is drawn anew until you press q; elsewhere it is printed once, after \
      one interval.

      Examples:
        hakmem top
        hakmem top 4711
        hakmem top 4711 --interval 0.5
      """)

  @Argument(help: ArgumentHelp("The process to watch.", valueName: "pid"))
  var pid: Int32?

  @Option(help: ArgumentHelp("Seconds between two looks.", valueName: "seconds"))
  var interval = 2.0

  @OptionGroup var library: LibraryArguments

  func validate() throws {
    if let pid, pid <= 0 { throw ValidationError("The argument is the number of a process.") }
    guard interval >= 0.1, interval <= 3600 else {
      throw ValidationError("--interval must be from 0.1 to 3600 seconds.")
    }
  }

  func run() throws {
    guard let pid else { return list() }
    var previous: TopText.Sample?
    func lines() throws -> [String] {
      let now = try look(pid)
      defer { previous = now }
      return TopText.lines(now, previous: previous)
    }
    if isatty(0) == 1, isatty(1) == 1 { return try LiveScreen.run(interval: interval, draw: lines) }
    _ = try lines()
    Thread.sleep(forTimeInterval: interval)
    Terminal.show(try lines())
  }

  private func look(_ pid: Int32) throws -> TopText.Sample {
    let found = try Inspection.take(pid: pid, location: library.location, library: library.library)
    return TopText.Sample(
      found: found, counters: ProcessCounters(pid: pid) ?? ProcessCounters(), time: Clock.seconds)
  }

  private func list() {
    PublishedPage.removeAbandoned()
    let processes = ServedProcess.all()
    let running = Set(processes.compactMap { PublishedPage.find(pid: $0.pid)?.started })
    let ended = PublishedPage.all().filter { !$0.tellsNothing && !running.contains($0.started) }
    Terminal.show(TopText.lines(processes, ended: ended))
  }
}
