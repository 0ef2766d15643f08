import Foundation

/// A line on stderr that shows how far long work is; nothing where stderr is no terminal.
package final class ProgressBar {
  private let total: Int
  private let isShown: Bool
  private let start = Clock.seconds
  private var done = 0

  /// - Parameter total: The number of steps.
  package init(total: Int) {
    self.total = max(1, total)
    isShown = isatty(2) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"
  }

  /// Shows what is being done now.
  package func show(_ text: String) {
    guard isShown else { return }
    let columns = min(100, TerminalStyle.columns(descriptor: 2) ?? 80)
    write(
      "\r\u{1b}[K"
        + ProgressBar.line(
          done: done, total: total, elapsed: Clock.seconds - start, text: text, columns: columns))
  }

  /// Counts one step as done.
  package func advance() { done += 1 }

  /// Removes the line.
  package func finish() {
    if isShown { write("\r\u{1b}[K") }
  }

  /// The line's text: a bar of 20 cells, the share done, the time left once it can be told.
  static func line(
    done: Int, total: Int, elapsed: Double, text: String, columns: Int
  ) -> String {
    let share = min(1, Double(done) / Double(total))
    let filled = Int(share * 20)
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 20 - filled)
    var line = "\(bar) \(String(format: "%3.0f", share * 100)) %"
    if share > 0.02 {
      let left = Int(elapsed / share - elapsed)
      line += String(format: "  %d:%02d left", left / 60, left % 60)
    }
    line += "  \(text)"
    return String(line.prefix(max(1, columns - 1)))
  }

  private func write(_ text: String) {
    FileHandle.standardError.write(Data(text.utf8))
  }
}
