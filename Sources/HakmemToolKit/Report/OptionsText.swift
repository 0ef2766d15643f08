/// The library's options for the terminal.
package enum OptionsText {
  /// The lines of a table; help stands below each option, so that no line is too long.
  package static func lines(_ table: OptionTable) -> [String] {
    var lines = [TerminalStyle.coloured("Options of HAKMEM \(table.version)", .heading)]
    for option in table.options {
      var line = "  \(option.name)  \(option.range), default \(option.defaultValue)"
      if option.source != "default" {
        line += TerminalStyle.coloured(
          "  in force: \(option.value) (\(option.source))", .caution)
      }
      lines.append(line)
      lines += TextWrap.lines(option.help, indent: "      ")
    }
    return lines
  }
}
