/// The options that a user gave on the command line, as variables of the environment.
package enum OptionAssignments {
  /// Turns `--mode M` and `--option NAME=VALUE`… into variables.
  ///
  /// - Parameter table: The library's options; names are checked against it.
  /// - Throws: `Refusal` for an entry without "=", and for an unknown name, listing those that
  ///   there are.
  package static func variables(
    mode: String?, options: [String], table: OptionTable
  ) throws -> [String: String] {
    var pairs = try options.map(split)
    if let mode { pairs.insert(("HAKMEM_MODE", mode), at: 0) }
    var variables: [String: String] = [:]
    for (name, value) in pairs {
      guard let option = table.option(named: name) else {
        let names = table.options.map(\.name).joined(separator: ", ")
        throw Refusal(.missingLibrary, "There is no option \(name). There are: \(names).")
      }
      variables[option.name] = value
    }
    return variables
  }

  private static func split(_ text: String) throws -> (String, String) {
    guard let sign = text.firstIndex(of: "="), sign != text.startIndex else {
      throw Refusal(.missingLibrary, "\"\(text)\" is not of the form NAME=VALUE.")
    }
    return (String(text[..<sign]), String(text[text.index(after: sign)...]))
  }
}
