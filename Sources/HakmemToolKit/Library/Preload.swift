/// How HAKMEM gets into a program: the loader's variable and the options' variables.
package enum Preload {
  /// The value of LD_PRELOAD with the library in front of what is there.
  ///
  /// - Throws: `Refusal` when the path has a character that separates entries there.
  package static func value(library: String, existing: String?) throws -> String {
    if let character = library.first(where: { $0 == ":" || $0 == " " }) {
      throw Refusal(
        .missingLibrary,
        "LD_PRELOAD cannot name \(library): \"\(character)\" separates its entries. "
          + "Move or link the library to another path.")
    }
    let others = entries(existing).filter { $0 != library }
    return ([library] + others).joined(separator: ":")
  }

  /// The entries of a LD_PRELOAD value: colons and spaces separate them.
  package static func entries(_ value: String?) -> [String] {
    (value ?? "").split { $0 == ":" || $0 == " " || $0 == "\n" }.map(String.init)
  }

  /// The shell commands that do what `hakmem run` does, for the POSIX shells.
  package static func shellLines(library: String, options: [String: String]) throws -> String {
    _ = try value(library: library, existing: nil)
    var lines = ["export LD_PRELOAD=\(quoted(library))\"${LD_PRELOAD:+:$LD_PRELOAD}\""]
    for (name, value) in options.sorted(by: { $0.key < $1.key }) {
      lines.append("export \(name)=\(quoted(value))")
    }
    return lines.joined(separator: "\n")
  }

  /// A word for the POSIX shells; quoted only where it must be.
  package static func quoted(_ text: String) -> String {
    let plain = text.allSatisfy { character in
      character.isASCII
        && (character.isLetter || character.isNumber || "/._-+=:,@%".contains(character))
    }
    if plain && !text.isEmpty { return text }
    return "'" + text.replacing("'", with: "'\\''") + "'"
  }
}
