/// Resident memory over time, for the memory workloads: pairs of milliseconds since the start of
/// the timed part and KiB. When the table is full, every second pair goes and the interval doubles.
package struct Timeline {
  package struct Sample {
    package var milliseconds: Int
    package var residentKiB: Int
  }

  private static let capacity = 512
  private let samples: UnsafeMutablePointer<Sample>
  package private(set) var count = 0
  private var interval: UInt64 = 10_000_000
  private var next: UInt64 = 0
  private var start: UInt64 = 0

  package init() {
    samples = Mapping.table(of: Sample.self, count: Timeline.capacity)
  }

  package subscript(index: Int) -> Sample { samples[index] }

  package mutating func begin(at time: UInt64) {
    start = time
    count = 0
    sample(force: true)
  }

  /// Records a sample when the interval has passed, or at once.
  @export(interface)
  package mutating func sample(force: Bool = false) {
    let now = Clock.now()
    guard force || now >= next else { return }
    if count == Timeline.capacity { thin() }
    samples[count] = Sample(
      milliseconds: Int((now &- start) / 1_000_000), residentKiB: ProcessMemory.quickKiB())
    count += 1
    next = now &+ interval
  }

  private mutating func thin() {
    for index in 0..<(count / 2) { samples[index] = samples[index * 2] }
    count /= 2
    interval *= 2
  }
}
