import Foundation

/// Looks into a program's heap again and again while it runs. Each look is a process of its own; the
/// program is neither stopped nor asked.
final class HeapTimeline: @unchecked Sendable {
  /// In the order of time.
  private(set) var frames: [HeapFrame] = []
  /// Of the look with the most resident memory.
  private(set) var largest: (seconds: Double, ledger: Ledger)?
  /// Of the last look.
  private(set) var events: [HeapEvent]?
  /// Why the last look that failed did.
  private(set) var failure: String?

  private let lock = NSLock()
  private var isOver = false
  private let stopped = DispatchSemaphore(value: 0)
  private let start = Clock.seconds
  private var interval = 0.1

  private static let firstPause = 0.02
  /// Looks take at most a quarter of the time.
  private static let pauseForEachLook = 3.0
  private static let mostFrames = 60
  private static let mostRows = 1 << 14

  init(process: Int32, inspect: @escaping @Sendable (Int32) throws -> Inspection) {
    Thread.detachNewThread { [self] in
      var pause = HeapTimeline.firstPause
      while rest(pause) {
        let begin = Clock.seconds
        do {
          let found = try inspect(process)
          if found.source == .memory { add(found, seconds: begin - start) }
        } catch { failure = "\(error)" }
        pause = max(interval, HeapTimeline.pauseForEachLook * (Clock.seconds - begin))
      }
      stopped.signal()
    }
  }

  /// Ends looking. The properties may be read from then on.
  func finish() {
    lock.withLock { isOver = true }
    stopped.wait()
  }

  private func rest(_ seconds: Double) -> Bool {
    let end = Clock.seconds + seconds
    while !lock.withLock({ isOver }) {
      if Clock.seconds >= end { return true }
      usleep(5000)
    }
    return false
  }

  private func add(_ found: Inspection, seconds: Double) {
    frames.append(HeapFrame(found, seconds: seconds))
    events = found.events
    if found.ledger.resident > largest?.ledger.resident ?? 0 { largest = (seconds, found.ledger) }
    while frames.count > HeapTimeline.mostFrames
      || frames.count > 2 && frames.reduce(0, { $0 + $1.rows }) > HeapTimeline.mostRows
    {
      frames = frames.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
      interval *= 2
    }
  }
}
