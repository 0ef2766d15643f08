import Foundation

/// Events for the terminal.
package enum EventsText {
  /// A heading and the last events, newest last; nothing when there are none.
  package static func lines(_ events: [HeapEvent], last count: Int) -> [String] {
    guard !events.isEmpty else { return [] }
    return ["", TerminalStyle.coloured("Events", .heading)]
      + events.suffix(count).map { event in
        let line = "  \(time(event))  thread \(event.thread): \(event.text)"
        return event.kind == .purge ? line : TerminalStyle.coloured(line, .caution)
      }
  }

  /// When an event was, in local time.
  static func time(_ event: HeapEvent) -> String {
    formatter.string(from: Date(timeIntervalSince1970: event.time))
  }

  private static let formatter = {
    let formatter = DateFormatter()
    formatter.dateFormat = "yyyy-MM-dd HH:mm:ss.SSS"
    return formatter
  }()
}
