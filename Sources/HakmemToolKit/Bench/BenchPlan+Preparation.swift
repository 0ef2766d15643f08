/// What is found out before the first run.
extension BenchPlan {
  /// Asks every allocator for its version, checks that it loads, and leaves out those that do not.
  ///
  /// - Parameter tool: The tool's own executable.
  /// - Returns: A sentence for each that was left out.
  /// - Throws: `BenchFailure` when the subject is among them.
  package mutating func probeAllocators(tool: String) throws -> [String] {
    var notes: [String] = []
    var usable: [Allocator] = []
    for var allocator in allocators {
      do {
        let probe = try AllocatorProbe.ask(allocator, tool: tool, environment: environment)
        allocator.version =
          probe.version ?? allocator.library?.split(separator: "/").last.map(String.init)
        usable.append(allocator)
      } catch {
        guard allocator.name != subject else { throw error }
        notes.append("Left out: \(error)")
      }
    }
    allocators = usable
    return notes
  }

  /// Gives HAKMEM's options to HAKMEM, and reads which are in force.
  ///
  /// - Returns: Every option with its value; empty without HAKMEM.
  package mutating func applyOptions(tool: String) throws -> [String: String] {
    var inForce: [String: String] = [:]
    for index in allocators.indices where allocators[index].isHakmem {
      allocators[index].options = options
      guard let library = allocators[index].library, inForce.isEmpty else { continue }
      let variables = ProcessEnvironment.options(environment).merging(options) { $1 }
      let table = try OptionTable.load(library: library, environment: variables, tool: tool)
      inForce = Dictionary(table.options.map { ($0.name, $0.value) }) { $1 }
    }
    return inForce
  }
}

extension Allocator {
  /// Whether this is a build of HAKMEM, by its name.
  package var isHakmem: Bool {
    name.hasPrefix(Allocator.hakmemName)
      || (library?.split(separator: "/").last?.hasPrefix("libhakmem") ?? false)
  }
}
