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

/// In results the library is its file's name alone: where it stood is nobody's business.
extension Allocator {
  private enum CodingKeys: String, CodingKey {
    case name, file, version, options
  }

  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    name = try container.decode(String.self, forKey: .name)
    library = try container.decodeIfPresent(String.self, forKey: .file)
    version = try container.decodeIfPresent(String.self, forKey: .version)
    options = try container.decodeIfPresent([String: String].self, forKey: .options) ?? [:]
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(name, forKey: .name)
    try container.encodeIfPresent(
      library?.split(separator: "/").last.map(String.init), forKey: .file)
    try container.encodeIfPresent(version, forKey: .version)
    try container.encode(options, forKey: .options)
  }
}
