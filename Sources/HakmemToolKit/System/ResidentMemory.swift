import Foundation

/// Resident memory of a running process, sampled from /proc.
struct ResidentMemory {
  /// Milliseconds since the first sample, and KiB.
  private(set) var timeline: [[Double]] = []
  /// The largest size that the kernel recorded up to the last sample; nil before the first.
  private(set) var peakKiB: Int?
  private let start = Clock.seconds

  /// Takes a sample; a process that is gone gives none.
  mutating func sample(_ pid: pid_t) {
    guard let status = TextFile.read("/proc/\(pid)/status"),
      let resident = ResidentMemory.kibibytes(status, "VmRSS")
    else { return }
    timeline.append([(Clock.seconds - start) * 1000, Double(resident)])
    if let peak = ResidentMemory.kibibytes(status, "VmHWM") { peakKiB = max(peakKiB ?? 0, peak) }
  }

  /// The size at the end of the process's life: the median of the last tenth of the samples.
  var settledKiB: Double? {
    guard !timeline.isEmpty else { return nil }
    return Descriptive.median(timeline.suffix(max(1, timeline.count / 10)).map { $0[1] })
  }

  /// The largest size of this process so far.
  static var ownPeakKiB: Int {
    var usage = rusage()
    getrusage(0 /* RUSAGE_SELF */, &usage)
    return usage.ru_maxrss
  }

  private static func kibibytes(_ status: String, _ name: String) -> Int? {
    Machine.field(status, name).flatMap { $0.split(separator: " ").first }.flatMap { Int($0) }
  }
}
