import Foundation

/// Events for the terminal.
package enum EventsText {
  /// A heading and the last events, newest last; nothing when there are none.
  package static func lines(_ events: [HeapEvent], last count: Int) -> [String] {
    guard !events.isEmpty else { return [] }
    let formatter = DateFormatter()
    formatter.dateFormat = "yyyy-MM-dd HH:mm:ss.SSS"
    return ["", TerminalStyle.coloured("Events", .heading)]
      + events.suffix(count).map { event in
        let time = formatter.string(from: Date(timeIntervalSince1970: event.time))
        let line = "  \(time)  thread \(event.thread): \(event.text)"
        return event.kind == .purge ? line : TerminalStyle.coloured(line, .caution)
      }
  }
}
