import Foundation

/// Resident memory of a process, sampled from /proc while it runs. Made before the process is.
struct ResidentMemory {
  /// Milliseconds since the first sample, and KiB.
  private(set) var timeline: [[Double]] = []
  /// The largest size since the last exec, as the kernel recorded it; nil before the first sample.
  private var sampledPeakKiB: Int?
  /// The largest size of this process, which starts the other.
  private let ownPeakKiB = {
    var usage = rusage()
    getrusage(0 /* RUSAGE_SELF */, &usage)
    return usage.ru_maxrss
  }()
  private let start = Clock.seconds

  /// Takes a sample; a process that is gone gives none.
  mutating func sample(_ pid: pid_t) {
    guard let status = TextFile.read("/proc/\(pid)/status"),
      let resident = ResidentMemory.kibibytes(status, "VmRSS")
    else { return }
    timeline.append([(Clock.seconds - start) * 1000, Double(resident)])
    if let peak = ResidentMemory.kibibytes(status, "VmHWM") { sampledPeakKiB = peak }
  }

  /// The size at the end of the process's life: the median of the last tenth of the samples.
  var settledKiB: Double? {
    guard isLongEnough else { return nil }
    return Descriptive.median(timeline.suffix(max(1, timeline.count / 10)).map { $0[1] })
  }

  /// The largest size in the process's life; nil when it was too short for samples.
  ///
  /// - Parameter charged: `ru_maxrss` of the process, exact but never below the size of the process
  ///   that started it, whose memory it had until it called `exec`.
  func peakKiB(charged: Int) -> Int? {
    charged > ownPeakKiB ? charged : isLongEnough ? sampledPeakKiB : nil
  }

  /// The first samples may be of the process before it has called `exec`, or before it has done much.
  private var isLongEnough: Bool { timeline.count >= 6 }

  /// A figure of /proc/PID/status.
  static func kibibytes(_ status: String, _ name: String) -> Int? {
    Machine.field(status, name).flatMap { $0.split(separator: " ").first }.flatMap { Int($0) }
  }
}
