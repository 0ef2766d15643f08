import CHakmem
import Foundation

/// The library's options, read from the library itself, so that there is one table.
package struct OptionTable: Codable, Equatable, Sendable {
  /// One option of the environment.
  package struct Option: Codable, Equatable, Sendable {
    /// The variable, "HAKMEM_VERBOSE".
    package var name: String
    package var help: String
    /// Accepted values, "0…1".
    package var range: String
    package var defaultValue: String
    /// The value in force.
    package var value: String
    /// Where the value comes from: "default", "environment" or "mode".
    package var source: String

    enum CodingKeys: String, CodingKey {
      case name, help, range, value, source
      case defaultValue = "default"
    }
  }

  /// The library's version, "1.2.3".
  package var version: String
  package var options: [Option]

  package init(version: String, options: [Option]) {
    self.version = version
    self.options = options
  }

  private typealias Describe =
    @convention(c) (Int32, UnsafeMutablePointer<hakmem_option>) -> Bool
  private typealias Version = @convention(c) () -> UnsafePointer<CChar>?

  /// Loads the library into this process and asks it. The values are those of this process's
  /// environment at its start.
  ///
  /// - Throws: `Refusal` when it cannot be loaded or has no table.
  package static func load(library: String) throws -> OptionTable {
    guard let handle = dlopen(library, RTLD_NOW | RTLD_LOCAL) else {
      throw Refusal(.missingLibrary, "\(library) cannot be loaded: \(String(cString: dlerror())).")
    }
    // The handle stays open: an allocator that is unloaded takes its threads' caches along.
    guard let describe = dlsym(handle, "hakmem_option") else {
      throw Refusal(.missingLibrary, "\(library) is not HAKMEM: it has no hakmem_option.")
    }
    let option = unsafeBitCast(describe, to: Describe.self)
    let version = dlsym(handle, "hakmem_version").flatMap {
      unsafeBitCast($0, to: Version.self)().map { String(cString: $0) }
    }
    var options: [Option] = []
    var row = hakmem_option()
    while options.count < 1000, option(Int32(options.count), &row) { options.append(Option(row)) }
    return OptionTable(version: version ?? "unknown", options: options)
  }

  /// As `load(library:)`, as a process with another environment sees it: asked in a process of
  /// its own.
  ///
  /// - Parameter environment: The variables that matter, those that begin with "HAKMEM_".
  package static func load(
    library: String, environment: [String: String], tool: String
  ) throws -> OptionTable {
    let outcome = try ChildProcess(
      program: tool, arguments: ["options", "--json", "--library", library],
      environment: environment
    ).run()
    guard outcome.ending == .exited(0) else {
      throw Refusal(
        .missingLibrary, outcome.errors.trimmingCharacters(in: .whitespacesAndNewlines))
    }
    return try JSONDecoder().decode(OptionTable.self, from: Data(outcome.output.utf8))
  }

  /// The option that a user means by "verbose", "VERBOSE" or "HAKMEM_VERBOSE"; nil when there is
  /// none.
  package func option(named text: String) -> Option? {
    let name = OptionTable.variable(text)
    return options.first { $0.name == name }
  }

  /// The variable that a user means by "purge-delay" or "HAKMEM_PURGE_DELAY".
  package static func variable(_ text: String) -> String {
    let upper = text.uppercased().replacing("-", with: "_")
    return upper.hasPrefix("HAKMEM_") ? upper : "HAKMEM_" + upper
  }
}

extension OptionTable.Option {
  fileprivate init(_ row: hakmem_option) {
    func text(_ pointer: UnsafePointer<CChar>?) -> String {
      pointer.map { String(cString: $0) } ?? ""
    }
    let value = withUnsafeBytes(of: row.value) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    self.init(
      name: text(row.name), help: text(row.help), range: text(row.range),
      defaultValue: text(row.default_value), value: value, source: text(row.source))
  }
}
