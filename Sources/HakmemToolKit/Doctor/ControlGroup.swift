/// The limits of a process's control group, of either version.
enum ControlGroup {
  /// A version 1 group without a limit shows a number near 2^63.
  private static let unlimited = 1 << 60

  /// Fills the group's limits in.
  ///
  /// - Parameters:
  ///   - groups: The text of /proc/PID/cgroup.
  ///   - root: Where the control group file system is mounted.
  static func read(_ groups: String, root: String, into state: inout HostState) {
    for line in groups.split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let path = String(fields[2])
      let controllers = fields[1].split(separator: ",")
      if fields[0] == "0" && controllers.isEmpty {
        if state.controlGroupVersion == nil { state.controlGroupVersion = 2 }
        readUnified(path, root: root, into: &state)
      } else if controllers.contains("memory") {
        state.controlGroupVersion = 1
        for folder in folders(path, root: "\(root)/memory") {
          narrow(&state.memoryLimit, number("\(folder)/memory.limit_in_bytes"))
        }
      } else if controllers.contains("cpu") {
        for folder in folders(path, root: "\(root)/cpu") {
          guard let quota = number("\(folder)/cpu.cfs_quota_us"), quota > 0,
            let period = number("\(folder)/cpu.cfs_period_us"), period > 0
          else { continue }
          narrow(&state.processorQuota, Double(quota) / Double(period))
        }
      }
    }
  }

  private static func readUnified(_ path: String, root: String, into state: inout HostState) {
    for folder in folders(path, root: root) {
      narrow(&state.memoryLimit, number("\(folder)/memory.max"))
      narrow(&state.memoryHigh, number("\(folder)/memory.high"))
      let words = (TextFile.value("\(folder)/cpu.max") ?? "").split(separator: " ")
      if words.count == 2, let quota = Double(words[0]), let period = Double(words[1]), period > 0 {
        narrow(&state.processorQuota, quota / period)
      }
    }
  }

  /// The group's folder and those above it: every one of them limits the process.
  private static func folders(_ path: String, root: String) -> [String] {
    var folders = [root]
    for part in path.split(separator: "/") where part != ".." {
      folders.append("\(folders.last!)/\(part)")
    }
    return folders
  }

  private static func number(_ path: String) -> Int? {
    TextFile.value(path).flatMap { Int($0) }.flatMap { $0 < unlimited ? $0 : nil }
  }

  private static func narrow<Value: Comparable>(_ limit: inout Value?, _ other: Value?) {
    guard let other else { return }
    limit = limit.map { min($0, other) } ?? other
  }
}
