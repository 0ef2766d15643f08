import Foundation

/// What the kernel counts for a process.
package struct ProcessCounters: Equatable, Sendable {
  package var minorFaults = 0
  package var majorFaults = 0
  /// Processor time in seconds.
  package var processorSeconds = 0.0
  /// Bytes.
  package var resident = 0

  package init() {}

  /// Nil when the process is gone.
  package init?(pid: Int32) {
    guard let stat = TextFile.read("/proc/\(pid)/stat") else { return nil }
    self.init(stat: stat)
    let pages = TextFile.read("/proc/\(pid)/statm")?.split(separator: " ").dropFirst().first
    resident = (pages.flatMap { Int($0) } ?? 0) * sysconf(Int32(_SC_PAGESIZE))
  }

  /// Reads the text of /proc/PID/stat; the program's name may hold spaces and parentheses.
  init?(stat: String) {
    guard let end = stat.lastIndex(of: ")") else { return nil }
    let fields = stat[end...].split(separator: " ").map { Int($0) }
    // Behind the name: state is field 1, minflt 8, majflt 10, utime 12, stime 13.
    guard fields.count > 13, let minor = fields[8], let major = fields[10], let user = fields[12],
      let system = fields[13]
    else { return nil }
    minorFaults = minor
    majorFaults = major
    processorSeconds = Double(user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }
}
