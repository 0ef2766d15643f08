import Foundation

/// What the kernel grants a process and how it is set up, as far as an allocator feels it.
package struct HostState: Equatable, Sendable {
  /// The selected word of transparent_hugepage/enabled: "always", "madvise", "never".
  package var hugePages: String?
  /// vm.overcommit_memory: 0 heuristic, 1 always, 2 never.
  package var overcommit: Int?
  /// vm.max_map_count: mappings that a process may have.
  package var maximumMappings: Int?
  /// RLIMIT_AS in bytes; nil: unlimited or unknown.
  package var addressSpaceLimit: Int?
  /// Memory limit of the control group in bytes, the tightest up to the root; nil: none.
  package var memoryLimit: Int?
  /// "memory.high", above which the kernel slows the group down; nil: none.
  package var memoryHigh: Int?
  /// Processors that the control group may use at once; nil: no quota.
  package var processorQuota: Double?
  /// 1 or 2; nil: no control groups.
  package var controlGroupVersion: Int?

  package init() {}

  /// Reads the state that holds for a process.
  ///
  /// - Parameters:
  ///   - process: The name of its directory in /proc: a number or "self".
  ///   - root: The directory that stands for "/".
  package static func read(process: String = "self", root: String = "") -> HostState {
    var state = HostState()
    state.hugePages = TextFile.read("\(root)/sys/kernel/mm/transparent_hugepage/enabled")
      .flatMap(selected)
    state.overcommit = TextFile.value("\(root)/proc/sys/vm/overcommit_memory").flatMap { Int($0) }
    state.maximumMappings = TextFile.value("\(root)/proc/sys/vm/max_map_count").flatMap { Int($0) }
    state.addressSpaceLimit = TextFile.read("\(root)/proc/\(process)/limits")
      .flatMap(addressSpaceLimit)
    if let groups = TextFile.read("\(root)/proc/\(process)/cgroup") {
      ControlGroup.read(groups, root: "\(root)/sys/fs/cgroup", into: &state)
    }
    return state
  }

  /// The word in brackets of "always [madvise] never".
  static func selected(_ text: String) -> String? {
    guard let open = text.firstIndex(of: "["), let close = text[open...].firstIndex(of: "]") else {
      return nil
    }
    return String(text[text.index(after: open)..<close])
  }

  /// The soft limit of "Max address space" in /proc/PID/limits.
  static func addressSpaceLimit(_ limits: String) -> Int? {
    for line in limits.split(separator: "\n") where line.hasPrefix("Max address space") {
      return line.dropFirst("Max address space".count).split(separator: " ").first
        .flatMap { Int($0) }
    }
    return nil
  }
}
