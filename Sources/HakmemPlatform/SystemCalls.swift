import CHakmemShims

/// The system calls that the allocator makes. They keep `errno` and report failure as a value.
package enum SystemCalls {
  package struct Protection: Equatable {
    let bits: Int
    package static let none = Protection(bits: 0)
    package static let read = Protection(bits: 1)
    package static let readWrite = Protection(bits: 3)
  }

  /// Advice of madvise(2).
  package enum Advice: Int {
    case dontNeed = 4
    case free = 8
    case hugePage = 14
    case noHugePage = 15
    case dontDump = 16
    case wipeOnFork = 18
    case populateWrite = 23
    case collapse = 25
    /// Linux 6.13: pages that fault at any access, without a mapping of their own.
    case guardInstall = 102
    case guardRemove = 103
  }

  /// Maps anonymous private memory. `hint` 0: anywhere. Nil when refused.
  ///
  /// Not with MAP_NORESERVE: then the kernel would promise more than memory and swap can ever hold.
  package static func map(
    hint: UInt = 0, byteCount: UInt, protection: Protection
  ) -> UInt? {
    let privateAnonymous = 0x22
    return map(hint, byteCount, protection, privateAnonymous)
  }

  /// Maps huge pages of 2 MiB from the kernel's pool; nil when it has none to reserve.
  package static func mapHuge(byteCount: UInt) -> UInt? {
    let privateAnonymousHuge2MiB = 0x22 | 0x40000 | 21 << 26
    return map(0, byteCount, .readWrite, privateAnonymousHuge2MiB)
  }

  /// Replaces whatever is mapped at `address`, which the caller owns.
  package static func remapFixed(
    at address: UInt, byteCount: UInt, protection: Protection
  ) -> Bool {
    let privateAnonymousFixed = 0x32
    return map(address, byteCount, protection, privateAnonymousFixed) != nil
  }

  /// Maps at `address` unless something is mapped there. Linux 4.17; older kernels take the address
  /// as a hint, and their answer is checked.
  package static func mapNew(
    at address: UInt, byteCount: UInt, protection: Protection
  ) -> Placement {
    let privateAnonymousFixedNew = 0x100022
    let fileExists = -17
    let result = hakmem_system_call6(
      HAKMEM_SYS_mmap, Int(bitPattern: address), Int(bitPattern: byteCount),
      protection.bits, privateAnonymousFixedNew, -1, 0)
    if isError(result) { return result == fileExists ? .occupied : .refused }
    if UInt(bitPattern: result) == address { return .mapped }
    unmap(UInt(bitPattern: result), byteCount)
    return .occupied
  }

  /// How an attempt to map at an address ended: something else lies there, or the kernel gives no
  /// more memory at all.
  package enum Placement { case mapped, occupied, refused }

  private static func map(
    _ address: UInt, _ byteCount: UInt, _ protection: Protection, _ flags: Int
  ) -> UInt? {
    let result = hakmem_system_call6(
      HAKMEM_SYS_mmap, Int(bitPattern: address), Int(bitPattern: byteCount),
      protection.bits, flags, -1, 0)
    return isError(result) ? nil : UInt(bitPattern: result)
  }

  @discardableResult
  package static func unmap(_ address: UInt, _ byteCount: UInt) -> Bool {
    hakmem_system_call3(
      HAKMEM_SYS_munmap, Int(bitPattern: address), Int(bitPattern: byteCount), 0) == 0
  }

  package static func protect(
    _ address: UInt, _ byteCount: UInt, _ protection: Protection
  ) -> Bool {
    hakmem_system_call3(
      HAKMEM_SYS_mprotect, Int(bitPattern: address), Int(bitPattern: byteCount),
      protection.bits) == 0
  }

  @discardableResult
  package static func advise(_ address: UInt, _ byteCount: UInt, _ advice: Advice) -> Bool {
    hakmem_system_call3(
      HAKMEM_SYS_madvise, Int(bitPattern: address), Int(bitPattern: byteCount),
      advice.rawValue) == 0
  }

  /// Page faults that the kernel charged this thread with so far; 0 when it does not say.
  static func threadFaults() -> UInt {
    let callingThread = 1
    let usageWords = 18
    let minorFaults = 8
    let majorFaults = 9
    return withUnsafeTemporaryAllocation(of: UInt.self, capacity: usageWords) { usage in
      let result = hakmem_system_call3(
        HAKMEM_SYS_getrusage, callingThread, Int(bitPattern: usage.baseAddress), 0)
      return result == 0 ? usage[minorFaults] &+ usage[majorFaults] : 0
    }
  }

  /// A kernel that refused once to take several ranges at once is not asked again.
  private static var isListRefused: Bool {
    get { Memory.loadWord(at: PlatformStorage.lists) != 0 }
    set { Memory.storeWord(newValue ? 1 : 0, at: PlatformStorage.lists) }
  }

  /// Advice for several ranges, an address and a length each, of `byteCount` bytes together. False
  /// when the kernel did not take it for all of them: before Linux 6.13 none takes any.
  package static func adviseAll(
    _ ranges: UnsafeMutableBufferPointer<UInt>, count: Int, byteCount: UInt, _ advice: Advice
  ) -> Bool {
    let callingThread = -10000
    guard !isListRefused else { return false }
    let result = hakmem_system_call6(
      HAKMEM_SYS_process_madvise, callingThread, Int(bitPattern: ranges.baseAddress), count,
      advice.rawValue, 0, 0)
    if isError(result) { isListRefused = true }
    return result == Int(bitPattern: byteCount)
  }

  /// Resizes a mapping where it stands. False when something is in the way.
  package static func resizeInPlace(_ address: UInt, from old: UInt, to new: UInt) -> Bool {
    let result = hakmem_system_call6(
      HAKMEM_SYS_mremap, Int(bitPattern: address), Int(bitPattern: old),
      Int(bitPattern: new), 0, 0, 0)
    return !isError(result)
  }

  /// Moves a mapping, page tables and not bytes, onto `destination`, which the caller owns.
  package static func moveMapping(
    from source: UInt, _ old: UInt, to destination: UInt, _ new: UInt
  ) -> Bool {
    let mayMoveFixed = 3
    let result = hakmem_system_call6(
      HAKMEM_SYS_mremap, Int(bitPattern: source), Int(bitPattern: old),
      Int(bitPattern: new), mayMoveFixed, Int(bitPattern: destination), 0)
    return !isError(result)
  }

  /// A kernel that refused to name one mapping names none.
  private static var isNamingRefused: Bool {
    get { Memory.loadWord(at: PlatformStorage.naming) != 0 }
    set { Memory.storeWord(newValue ? 1 : 0, at: PlatformStorage.naming) }
  }

  /// Shows `name` for the mapping in /proc/PID/maps. Linux 5.17; elsewhere nothing happens.
  @discardableResult
  package static func nameMapping(
    _ address: UInt, _ byteCount: UInt, _ name: StaticString
  ) -> Bool {
    let setVMA = 0x5356_4d41
    guard !isNamingRefused else { return false }
    let isNamed =
      hakmem_system_call6(
        HAKMEM_SYS_prctl, setVMA, 0, Int(bitPattern: address),
        Int(bitPattern: byteCount), Int(bitPattern: name.utf8Start), 0) == 0
    if !isNamed { isNamingRefused = true }
    return isNamed
  }

  /// Whether the first byte of each page from `first` on can be read; 32 pages at most.
  package static func canRead(_ first: UInt, pages: Int, of pageBytes: UInt) -> Bool {
    // For each page the address and length of a byte.
    var vectors = InlineArray<64, UInt>(repeating: 1)
    for page in 0..<pages { vectors[2 * page] = first &+ UInt(page) &* pageBytes }
    var bytes = InlineArray<4, UInt64>(repeating: 0)
    var destination = InlineArray<2, UInt>(repeating: UInt(pages))
    destination[0] = Memory.address(of: &bytes)
    let count = hakmem_system_call6(
      HAKMEM_SYS_process_vm_readv, Int(processID()),
      Int(bitPattern: Memory.address(of: &destination)),
      1, Int(bitPattern: Memory.address(of: &vectors)), pages, 0)
    return count == pages
  }

  /// Copies memory of this process that may not be mapped; returns how many bytes from the start on
  /// could be read.
  package static func readMemory(_ source: UInt, into destination: UInt, _ byteCount: UInt) -> UInt
  {
    // Two vectors of one element: address, length.
    var vectors = InlineArray<4, UInt>(repeating: byteCount)
    vectors[0] = destination
    vectors[2] = source
    let processID = hakmem_system_call3(HAKMEM_SYS_getpid, 0, 0, 0)
    let count = withUnsafeMutablePointer(to: &vectors) {
      let local = Int(bitPattern: $0)
      return hakmem_system_call6(
        HAKMEM_SYS_process_vm_readv, processID, local, 1, local + 16, 1, 0)
    }
    return UInt(max(count, 0))
  }

  /// Fills `byteCount` bytes, at most 256, with random ones of the kernel's. False when it has none.
  package static func randomBytes(_ start: UInt, _ byteCount: UInt) -> Bool {
    let withoutWaiting = 1
    return hakmem_system_call3(
      HAKMEM_SYS_getrandom, Int(bitPattern: start), Int(bitPattern: byteCount), withoutWaiting)
      == Int(bitPattern: byteCount)
  }

  package static func threadID() -> UInt32 {
    UInt32(truncatingIfNeeded: hakmem_system_call3(HAKMEM_SYS_gettid, 0, 0, 0))
  }

  package static func processID() -> UInt32 {
    UInt32(truncatingIfNeeded: hakmem_system_call3(HAKMEM_SYS_getpid, 0, 0, 0))
  }

  package static func parentProcessID() -> UInt32 {
    UInt32(truncatingIfNeeded: hakmem_system_call3(HAKMEM_SYS_getppid, 0, 0, 0))
  }

  /// The current directory as a C string; false when the kernel does not say or it does not fit.
  package static func currentDirectory(
    into buffer: UnsafeMutablePointer<UInt8>, capacity: Int
  ) -> Bool {
    // Outside the root of the process the answer begins with «(unreachable)».
    hakmem_system_call3(HAKMEM_SYS_getcwd, Int(bitPattern: buffer), capacity, 0) > 0
      && buffer[0] == UInt8(ascii: "/")
  }

  /// Soft limit number `resource` of getrlimit(2); `UInt.max` when there is none.
  package static func softLimit(_ resource: Int) -> UInt {
    withUnsafeTemporaryAllocation(of: UInt.self, capacity: 2) { limits in
      limits[0] = UInt.max
      let result = hakmem_system_call6(
        HAKMEM_SYS_prlimit64, 0, resource, 0,
        Int(bitPattern: limits.baseAddress), 0, 0)
      return result == 0 ? limits[0] : UInt.max
    }
  }

  package static func userID() -> UInt32 {
    UInt32(truncatingIfNeeded: hakmem_system_call3(HAKMEM_SYS_geteuid, 0, 0, 0))
  }

  @inline(__always)
  static func isError(_ result: Int) -> Bool { result < 0 && result >= -4095 }
}
