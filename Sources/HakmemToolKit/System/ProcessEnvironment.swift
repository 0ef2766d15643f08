import Foundation

/// The environment that a process was started with.
package enum ProcessEnvironment {
  /// The variables of a process, or nil when they may not be read.
  package static func read(pid: Int32) -> [String: String]? {
    TextFile.bytes("/proc/\(pid)/environ").map(parse)
  }

  /// Reads NUL-separated "NAME=VALUE" entries. Of one name given twice the first counts, as it
  /// does for getenv.
  static func parse(_ bytes: [UInt8]) -> [String: String] {
    var variables: [String: String] = [:]
    for entry in bytes.split(separator: 0) {
      guard let sign = entry.firstIndex(of: UInt8(ascii: "=")) else { continue }
      let name = String(decoding: entry[..<sign], as: UTF8.self)
      if variables[name] == nil {
        variables[name] = String(decoding: entry[entry.index(after: sign)...], as: UTF8.self)
      }
    }
    return variables
  }

  /// The variables that are HAKMEM's.
  package static func options(_ variables: [String: String]) -> [String: String] {
    variables.filter { $0.key.hasPrefix("HAKMEM_") }
  }

  private static let allocatorPrefixes = [
    "HAKMEM_", "MALLOC_", "_RJEM_", "MIMALLOC_", "TCMALLOC_", "GLIBC_TUNABLES", "RPMALLOC_",
    "SNMALLOC_",
  ]

  /// The variables that allocators read: they change what a benchmark measures.
  package static func allocatorVariables(_ variables: [String: String]) -> [String: String] {
    let own: Set = ["HAKMEM_LIBRARY", "HAKMEM_WORKLOADS", "HAKMEM_PEERS"]
    return variables.filter { name, _ in
      !own.contains(name) && allocatorPrefixes.contains { name.hasPrefix($0) }
    }
  }
}
