import Foundation

/// A terminal that shows one changing screen until the user presses q. The terminal is as it was
/// afterwards, also when a signal ends the program.
package struct LiveScreen {
  /// Shows what `draw` returns, anew every `interval` seconds and when the window changes, until q,
  /// Control-C or a signal. Lines beyond the window are cut.
  ///
  /// - Throws: What `draw` throws, with the terminal restored.
  package static func run(interval: Double, draw: () throws -> [String]) throws {
    var original = termios()
    guard tcgetattr(0, &original) == 0 else { return try show(draw()) }
    var raw = original
    raw.c_lflag &= ~tcflag_t(ICANON | ECHO)
    tcsetattr(0, TCSANOW, &raw)
    let signals = [SIGINT, SIGTERM, SIGHUP, SIGWINCH]
    Self.received = 0
    for number in signals { signal(number) { LiveScreen.received = $0 } }
    write("\u{1b}[?1049h\u{1b}[?25l")
    defer {
      write("\u{1b}[?25h\u{1b}[?1049l")
      tcsetattr(0, TCSANOW, &original)
      for number in signals { signal(number, SIG_DFL) }
    }
    while true {
      try show(draw())
      if isOver(waiting: interval) { return }
    }
  }

  /// The signal that came last; written by a handler.
  private nonisolated(unsafe) static var received: Int32 = 0

  /// Waits for the next drawing; true when the user has had enough.
  private static func isOver(waiting interval: Double) -> Bool {
    let end = Clock.seconds + interval
    while true {
      let left = end - Clock.seconds
      guard left > 0 else { return false }
      var input = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
      let count = poll(&input, 1, Int32(left * 1000) + 1)
      if received == SIGWINCH {
        received = 0
        return false
      }
      if received != 0 { return true }
      guard count > 0 else { continue }
      var key: UInt8 = 0
      // The terminal is gone.
      guard read(0, &key, 1) == 1 else { return true }
      if key == UInt8(ascii: "q") || key == 4 { return true }
    }
  }

  private static func show(_ lines: [String]) {
    var size = winsize()
    let hasSize = ioctl(1, UInt(TIOCGWINSZ), &size) == 0 && size.ws_row > 1
    let rows = hasSize ? Int(size.ws_row) : lines.count + 1
    let columns = hasSize ? Int(size.ws_col) : .max
    let visible = lines.prefix(rows - 1).map { cut($0, to: columns) + "\u{1b}[K" }
    write(
      "\u{1b}[H" + visible.joined(separator: "\r\n") + "\r\n\u{1b}[J"
        + cut("q quits", to: columns))
  }

  /// The first `columns` characters; escape sequences take none.
  static func cut(_ line: String, to columns: Int) -> String {
    var result = ""
    var width = 0
    var isEscape = false
    for character in line {
      if character == "\u{1b}" { isEscape = true }
      if isEscape {
        result.append(character)
        if character.isLetter { isEscape = false }
      } else if width < columns {
        result.append(character)
        width += 1
      }
    }
    return result
  }

  private static func write(_ text: String) {
    FileHandle.standardOutput.write(Data(text.utf8))
  }
}
