/// Where time goes: layers of the kernel, the allocator and the program.
package enum Layer: String, CaseIterable, Codable, Sendable {
  case faults = "kernel: page faults, zeroing"
  case mapping = "kernel: mmap, munmap, madvise"
  case otherKernel = "kernel: other"
  case profile = "kernel: this profile's own samples"
  case wrappers = "malloc, free and thread cache"
  case refill = "refill and overflow"
  case depot = "depot"
  case slabs = "slabs"
  case pages = "page heap"
  case otherLibrary = "allocator: other"
  case program = "the program and its libraries"

  private static let faultEntries: Set = [
    "asm_exc_page_fault", "exc_page_fault", "do_user_addr_fault", "handle_mm_fault",
    "do_anonymous_page", "clear_page_erms", "clear_page_rep", "clear_page_orig", "clear_huge_page",
    "el0_da", "do_mem_abort", "faultin_page", "clear_page",
  ]
  private static let sampling: Set = [
    "___perf_sw_event", "__perf_sw_event", "perf_swevent_event", "perf_event_mmap",
    "perf_event_task_tick", "perf_event_comm", "perf_event_fork",
  ]
  private static let mapCalls = ["mmap", "munmap", "madvise", "mremap", "mprotect", "brk"]

  /// The layer of a kernel stack, innermost first.
  static func kernel(_ functions: [String]) -> Layer {
    if functions.contains(where: { sampling.contains($0) }) { return .profile }
    for function in functions {
      if faultEntries.contains(function) { return .faults }
      if function.hasPrefix("__x64_sys_") || function.hasPrefix("__arm64_sys_"),
        mapCalls.contains(where: { function.hasSuffix("_\($0)") })
      {
        return .mapping
      }
    }
    return .otherKernel
  }

  /// The layer of one of the library's functions, by the module and type in its name.
  static func library(_ function: String) -> Layer {
    let name = function.lowercased()
    if name.contains("depot") || name.contains("batch") || name.contains("taggedstack") {
      return .depot
    }
    if name.contains("refill") || name.contains("overflow") || name.contains("moveoldest") {
      return .refill
    }
    if name.contains("hakmemslabs") { return .slabs }
    if name.contains("hakmempages") || name.contains("hakmemplatform") { return .pages }
    if name.contains("heap.") || name.contains("slow") || !name.contains("hakmem")
      || name.hasPrefix("hakmem_") || name.hasPrefix("operator")
    {
      return .wrappers
    }
    return .otherLibrary
  }
}
