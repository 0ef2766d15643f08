/// A set of the library's options that `hakmem tune` compares with the defaults.
package struct TunePolicy: Equatable, Sendable {
  /// Its name in tables: "defaults", "THP=on faults" for huge pages and how memory gets its pages.
  package var name: String
  /// Variables of the environment.
  package var options: [String: String]

  package static let defaultsName = "defaults"

  private static let hugePages = ["off", "auto", "on"]
  private static let prefault = [("faults", "0"), ("populate", "1"), ("touch", "2")]
  /// Milliseconds.
  private static let purgeDelays = ["0", "50", "5000"]

  /// The defaults, every other pair of huge pages and prefault, and the purge delays.
  ///
  /// - Parameters:
  ///   - table: The library's options, for their defaults.
  ///   - base: Options that the user gave for all.
  package static func matrix(_ table: OptionTable, base: [String: String] = [:]) -> [TunePolicy] {
    func standard(_ name: String) -> String? {
      base[name] ?? table.option(named: name)?.defaultValue
    }
    var policies = [TunePolicy(name: defaultsName, options: base)]
    func add(_ name: String, _ options: [String: String]) {
      let changed = options.filter { standard($0.key) != $0.value }
      guard !changed.isEmpty else { return }
      policies.append(TunePolicy(name: name, options: base.merging(changed) { $1 }))
    }
    for pages in hugePages {
      for (name, value) in prefault {
        add("THP=\(pages) \(name)", ["HAKMEM_THP": pages, "HAKMEM_SS_PREFAULT": value])
      }
    }
    for delay in purgeDelays { add("purge=\(delay) ms", ["HAKMEM_PURGE_DELAY": delay]) }
    return policies
  }

  /// The library under this policy, as the benchmark's allocators are.
  package func allocator(library: String, version: String?) -> Allocator {
    var allocator = Allocator(name: name, library: library, version: version)
    allocator.options = options
    return allocator
  }
}
