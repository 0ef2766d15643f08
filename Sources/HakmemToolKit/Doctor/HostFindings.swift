import Foundation

/// What stands in an allocator's way on this machine, whatever the program.
package enum HostFindings {
  /// The kernel's own default; fewer mappings are a choice that somebody made.
  private static let usualMappings = 65530
  /// Below this programs meet the limit; the library itself needs little of it.
  private static let comfortableAddressSpace = 4 << 30

  /// The findings for a state.
  package static func findings(_ state: HostState) -> [Finding] {
    [
      hugePages(state), overcommit(state), mappings(state), addressSpace(state), memory(state),
      processors(state),
    ].compactMap { $0 }
  }

  private static func hugePages(_ state: HostState) -> Finding? {
    switch state.hugePages {
    case "always":
      Finding(
        .note, "thp",
        "Transparent huge pages are on for every program: sparse heaps look larger than they are.",
        remedy: "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled, where resident "
          + "memory matters more than speed.")
    case "madvise":
      Finding(.ok, "thp", "Transparent huge pages are given to programs that ask for them.")
    case "never":
      Finding(
        .note, "thp", "Transparent huge pages are off: large heaps miss the TLB more often.",
        remedy: "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled, so that HAKMEM may "
          + "ask for them.")
    case let other?:
      Finding(.note, "thp", "Transparent huge pages are set to \"\(other)\".")
    case nil:
      Finding(.note, "thp", "This kernel has no transparent huge pages, or does not show them.")
    }
  }

  private static func overcommit(_ state: HostState) -> Finding? {
    switch state.overcommit {
    case 2:
      Finding(
        .warning, "overcommit",
        "The kernel refuses to overcommit memory (vm.overcommit_memory = 2): address space that "
          + "is only reserved counts against the limit.",
        remedy: "sysctl vm.overcommit_memory=0, or raise vm.overcommit_ratio.")
    case let value?:
      Finding(.ok, "overcommit", "Memory may be overcommitted (vm.overcommit_memory = \(value)).")
    case nil: nil
    }
  }

  private static func mappings(_ state: HostState) -> Finding? {
    guard let count = state.maximumMappings else { return nil }
    if count < usualMappings {
      return Finding(
        .warning, "max_map_count",
        "A process may have only \(count) mappings (vm.max_map_count): when they are used up, "
          + "allocation fails although memory is free.",
        remedy: "sysctl vm.max_map_count=262144")
    }
    return Finding(
      .ok, "max_map_count", "A process may have \(count) mappings (vm.max_map_count).")
  }

  private static func addressSpace(_ state: HostState) -> Finding? {
    guard let limit = state.addressSpaceLimit else {
      return Finding(.ok, "rlimit_as", "Address space is not limited (RLIMIT_AS).")
    }
    return Finding(
      limit < comfortableAddressSpace ? .warning : .note, "rlimit_as",
      "Address space is limited to \(Figures.bytes(limit)) (RLIMIT_AS), reservations included.",
      remedy: "ulimit -v unlimited, and limit resident memory by a control group instead.")
  }

  private static func memory(_ state: HostState) -> Finding? {
    if let limit = state.memoryLimit {
      let high = state.memoryHigh.map { ", slowed down from \(Figures.bytes($0)) on" } ?? ""
      return Finding(
        .note, "cgroup_memory",
        "The control group (version \(state.controlGroupVersion ?? 2)) may hold "
          + "\(Figures.bytes(limit))\(high); beyond it the kernel kills.")
    }
    if let high = state.memoryHigh {
      return Finding(
        .note, "cgroup_memory",
        "The kernel slows the control group down above \(Figures.bytes(high)) (memory.high).")
    }
    guard state.controlGroupVersion != nil else { return nil }
    return Finding(.ok, "cgroup_memory", "The control group has no memory limit.")
  }

  private static func processors(_ state: HostState) -> Finding? {
    guard let quota = state.processorQuota else { return nil }
    return Finding(
      .note, "cgroup_cpu",
      "The control group may use \(String(format: "%.2f", quota)) processors at once: more "
        + "threads than that wait for each other.")
  }
}
