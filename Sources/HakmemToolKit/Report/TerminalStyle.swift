import Foundation
import Rainbow

/// What the terminal can show.
package enum TerminalStyle {
  /// Whether output on a descriptor may be coloured: a terminal that is not "dumb", and NO_COLOR
  /// unset or empty (https://no-color.org).
  package static func hasColour(
    descriptor: Int32 = 1, environment: [String: String] = ProcessInfo.processInfo.environment
  ) -> Bool {
    isatty(descriptor) == 1 && environment["TERM"] != "dumb"
      && (environment["NO_COLOR"] ?? "").isEmpty
  }

  /// Whether standard output of this process is coloured.
  private static let isColoured = hasColour()

  /// Columns of the terminal; nil when the descriptor is none.
  package static func columns(descriptor: Int32 = 1) -> Int? {
    var size = winsize()
    guard isatty(descriptor) == 1, ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0
    else { return nil }
    return Int(size.ws_col)
  }

  /// The meaning of a colour; the colour itself is the terminal's.
  package enum Meaning: Sendable {
    case heading, good, bad, caution, quiet
  }

  /// The text in the colour of its meaning, or unchanged where there is no colour.
  package static func coloured(_ text: String, _ meaning: Meaning) -> String {
    guard isColoured else { return text }
    return switch meaning {
    case .heading: text.bold
    case .good: text.green
    case .bad: text.red
    case .caution: text.yellow
    case .quiet: text.dim
    }
  }
}
