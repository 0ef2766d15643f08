/// Whether the library takes the values that a user gives its options. It judges itself, in a
/// process of its own for each value, so that there is one set of rules.
package enum OptionJudge {
  private static let limit = "HAKMEM_LIMIT"
  /// As little as the library lets its heap have: a value is judged, what it asks for is not done.
  private static let leastMemory = "soft:16M,hard:16M"

  /// - Parameters:
  ///   - variables: The options of the environment that the user gave, with their values.
  ///   - table: The library's options.
  /// - Throws: `Refusal` that names the first value that the library would not take.
  package static func check(
    _ variables: [String: String], table: OptionTable, library: String, location: LibraryLocation
  ) throws {
    for (name, value) in variables.sorted(by: { $0.key < $1.key }) {
      guard let option = table.option(named: name), !option.isPath else { continue }
      var environment = location.environment.filter { !$0.key.hasPrefix("HAKMEM_") }
      environment["LD_PRELOAD"] = nil
      environment[limit] = leastMemory
      environment[name] = value
      let judged = try OptionTable.load(
        library: library, environment: environment, tool: location.executable)
      guard judged.option(named: name)?.source == "environment" else {
        throw Refusal(
          .missingLibrary, "\(name) cannot be \"\(value)\": the library takes \(option.range).")
      }
    }
  }
}

extension OptionTable.Option {
  /// Whether the value names a file or folder: any does, and the library may write there at once.
  fileprivate var isPath: Bool { range.hasSuffix("'s path") }
}
