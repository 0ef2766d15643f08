import HakmemWorkloadsSystem

/// One thread of a run: its budget and what it did. Only its own thread touches it, until the
/// run's barriers hand it over.
package struct Worker {
  package let index: Int
  package let run: UnsafeMutablePointer<Run>
  /// Calls of this thread when they are timed.
  package var histogram: Histogram
  /// Random numbers of this thread, from the run's seed and the index.
  package var random: Random
  /// Operations begun so far in this part of the run.
  package var operations = 0
  /// When the timed part ended for this thread.
  package var finishTime: UInt64 = 0
  /// Operations of this part over all threads when it is bounded by count, else 0.
  package private(set) var total = 0
  /// Operations left when the run is bounded by count.
  private var remaining = 0
  /// End of this part when it is bounded by time, else 0.
  package private(set) var deadline: UInt64 = 0

  package init(index: Int, run: UnsafeMutablePointer<Run>, histogram: Histogram) {
    self.index = index
    self.run = run
    self.histogram = histogram
    random = Random(seed: 0)
  }

  /// Sets the budget of the warm-up: a percentage of the timed part, with another seed.
  package mutating func beginWarmUp() {
    begin(percent: run.pointee.options.warmUpPercent, startTime: Clock.now(), seed: 0xDEAD_BEEF)
  }

  /// Sets the budget of the timed part.
  package mutating func beginTimedPart() {
    begin(percent: 100, startTime: run.pointee.startTime, seed: 0)
  }

  private mutating func begin(percent: Int, startTime: UInt64, seed: UInt64) {
    let options = run.pointee.options
    operations = 0
    deadline = 0
    remaining = 0
    total = 0
    random = Random(
      seed: options.seed &+ seed &+ UInt64(index) &* 0x9E37_79B9_7F4A_7C15)
    if options.operations > 0 {
      let all =
        percent == 100
        ? options.operations
        : options.operations / 100 * percent
          + options.operations % 100 * percent / 100
      total = all
      remaining = all / options.threads + (index < all % options.threads ? 1 : 0)
    } else {
      deadline = startTime &+ UInt64(options.nanoseconds / 100 * percent)
    }
  }

  package var isTimeBounded: Bool { deadline != 0 }

  /// Replaces this thread's equal share of a run that is bounded by count.
  package mutating func limit(to share: Int) {
    if !isTimeBounded { remaining = share }
  }

  /// How many operations to do next, at most `size`; 0 when the budget is used up. The clock is
  /// read once a chunk, so a chunk should take some microseconds.
  package mutating func nextChunk(of size: Int) -> Int {
    if deadline == 0 {
      let chunk = min(size, remaining)
      remaining &-= chunk
      operations &+= chunk
      return chunk
    }
    if Clock.now() >= deadline { return 0 }
    operations &+= size
    return size
  }
}
