import CHakmemShims
import Synchronization

/// What the process learns once about the machine: pages, processors, limits, huge pages.
package enum ProcessFacts {
  struct State: ~Copyable {
    var systemPageBytes: UInt
    var processors: UInt
    var addressSpaceLimit: UInt
    var addressesEnd: UInt
    /// 0: not asked yet, 1: no, 2: yes. Threads that ask at once find the same.
    let hugePagesAlways: Atomic<UInt>
  }

  private static var state: UnsafeMutablePointer<State> {
    Memory.pointer(at: PlatformStorage.process)
  }

  /// The kernel's page size: 4, 16 or 64 KiB. Tests set another one than the machine's.
  package static var systemPageBytes: UInt {
    get { state.pointee.systemPageBytes }
    set { state.pointee.systemPageBytes = newValue }
  }
  package static var processors: UInt { state.pointee.processors }
  /// RLIMIT_AS at start, `UInt.max` when there is none. Tests set another one.
  package static var addressSpaceLimit: UInt {
    get { state.pointee.addressSpaceLimit }
    set { state.pointee.addressSpaceLimit = newValue }
  }
  /// About where the addresses of programs end, by where the kernel put the first stack: 39 to 48
  /// bits. Tests set another one.
  package static var addressesEnd: UInt {
    get { state.pointee.addressesEnd }
    set { state.pointee.addressesEnd = newValue }
  }
  /// Whether the kernel gives huge pages to memory that did not ask for them. Read from /sys when it
  /// is asked first.
  package static var hugePagesAlways: Bool {
    let known = state.pointee.hugePagesAlways.load(ordering: .relaxed)
    if known != 0 { return known == 2 }
    let isAlways = readHugePagesAlways()
    state.pointee.hugePagesAlways.store(isAlways ? 2 : 1, ordering: .relaxed)
    return isAlways
  }

  private static func readHugePagesAlways() -> Bool {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 64) { bytes in
      let start = bytes.baseAddress.unsafelyUnwrapped
      let count = SystemCalls.readFile(
        "/sys/kernel/mm/transparent_hugepage/enabled", into: start, capacity: 64)
      return count > 0 && start[0] == UInt8(ascii: "[")
    }
  }

  package static func learn() {
    let pageBytes = hakmem_auxiliary_value(UInt(HAKMEM_AT_PAGESZ))
    state.pointee.systemPageBytes = pageBytes == 0 ? Constants.pageBytes : UInt(pageBytes)
    state.pointee.processors = UInt(SystemCalls.availableProcessors())
    state.pointee.addressSpaceLimit = currentAddressSpaceLimit
    state.pointee.addressesEnd = UInt(hakmem_auxiliary_value(UInt(HAKMEM_AT_RANDOM)))
  }

  /// Takes the limits of `HAKMEM_LIMIT` and of the control group; after the options were read.
  package static func learnLimits() {
    let group = ControlGroup.learn()
    state.pointee.processors = min(state.pointee.processors, group.processors)
    MemoryLimit.learn()
    MemoryLimit.setSoft(fromGroup: group.memory)
  }
}

/// Coarse monotonic time in milliseconds: a vDSO read, about a tick of the kernel exact.
package enum Clock {
  package static func milliseconds() -> UInt32 {
    UInt32(truncatingIfNeeded: hakmem_monotonic_nanoseconds() / 1_000_000)
  }
}

extension ProcessFacts {
  /// The page size, also before the allocator has started.
  package static var learnedSystemPageBytes: UInt {
    let known = systemPageBytes
    return known != 0 ? known : UInt(hakmem_auxiliary_value(UInt(HAKMEM_AT_PAGESZ)))
  }
}

/// Features of the kernel, found by trying; only asked for when a user wants to know.
package enum KernelFeatures {
  package static var hasPopulateWrite: Bool {
    tryOnPage { SystemCalls.advise($0, systemPage, .populateWrite) }
  }
  package static var hasNamedMappings: Bool {
    tryOnPage { SystemCalls.nameMapping($0, systemPage, "hakmem") }
  }

  private static var systemPage: UInt { ProcessFacts.systemPageBytes }
  private static func tryOnPage(_ body: (UInt) -> Bool) -> Bool {
    guard let page = SystemCalls.map(byteCount: systemPage, protection: .readWrite) else {
      return false
    }
    defer { SystemCalls.unmap(page, systemPage) }
    return body(page)
  }
}

extension ProcessFacts {
  /// RLIMIT_AS at present, `UInt.max` when there is none.
  package static var currentAddressSpaceLimit: UInt {
    let addressSpace = 9
    return SystemCalls.softLimit(addressSpace)
  }

  /// Whether addresses that nobody uses may be what RLIMIT_AS refuses to somebody.
  package static var isAddressSpaceTight: Bool { currentAddressSpaceLimit < 16 << 30 }

  /// Bytes of address space in use, by /proc/self/statm; 0 when it cannot be read.
  package static var mappedBytes: UInt {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 128) { bytes in
      let start = bytes.baseAddress.unsafelyUnwrapped
      let count = SystemCalls.readFile("/proc/self/statm", into: start, capacity: 127)
      guard count > 0 else { return 0 }
      start[count] = 0
      var index = 0
      return (ByteText.number(in: start, &index) ?? 0) &* systemPageBytes
    }
  }
}
