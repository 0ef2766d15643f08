/// Prose for the terminal.
package enum TextWrap {
  /// Breaks text between words so that no line is longer than `width`, if no word is.
  package static func lines(_ text: String, width: Int = 98, indent: String = "") -> [String] {
    var lines: [String] = []
    var line = indent
    for word in text.split(separator: " ") {
      if line.count > indent.count, line.count + 1 + word.count > width {
        lines.append(line)
        line = indent
      }
      if line.count > indent.count { line += " " }
      line += word
    }
    lines.append(line)
    return lines
  }
}
