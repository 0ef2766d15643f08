/// An allocator that takes part in a benchmark.
package struct Allocator: Codable, Equatable, Sendable {
  /// Its name in tables.
  package var name: String
  /// The library that is preloaded; nil: the C library's own allocator.
  package var library: String?
  /// What the library says of itself, or the name of its file.
  package var version: String?
  /// Variables of the environment that it alone is given.
  package var options: [String: String] = [:]

  package init(name: String, library: String?, version: String? = nil) {
    self.name = name
    self.library = library
    self.version = version
  }

  package static let hakmemName = "HAKMEM"
  package static let systemName = "glibc"

  /// The environment of a program that runs on this allocator and no other.
  package func environment(_ base: [String: String]) -> [String: String] {
    var environment = base
    environment["LD_PRELOAD"] = library
    return environment.merging(options) { $1 }
  }
}
