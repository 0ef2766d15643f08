import ArgumentParser
import HakmemToolKit

/// What the tool asks a copy of itself that runs on an allocator.
struct ProbeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: AllocatorProbe.command,
    abstract: "Says which library serves malloc in this very process, and its version.",
    shouldDisplay: false)

  func run() throws { try Terminal.show(json: AllocatorProbe.ofThisProcess()) }
}
