import CHakmemShims

/// Threads: processors, waiting for one another.
extension SystemCalls {
  package static func yieldProcessor() {
    _ = hakmem_system_call3(HAKMEM_SYS_sched_yield, 0, 0, 0)
  }

  /// Has every thread of the process that runs pass a memory barrier. Linux 4.14; false where the
  /// kernel does not.
  package static func barrierOnAllThreads() -> Bool {
    let privateExpedited = 8
    let registerPrivateExpedited = 16
    if hakmem_system_call3(HAKMEM_SYS_membarrier, privateExpedited, 0, 0) == 0 { return true }
    return hakmem_system_call3(HAKMEM_SYS_membarrier, registerPrivateExpedited, 0, 0) == 0
      && hakmem_system_call3(HAKMEM_SYS_membarrier, privateExpedited, 0, 0) == 0
  }

  /// Processors that this process may run on; 1 when the kernel does not say.
  package static func availableProcessors() -> Int {
    withUnsafeTemporaryAllocation(of: UInt.self, capacity: 128) { mask in
      let byteCount = hakmem_system_call3(
        HAKMEM_SYS_sched_getaffinity, 0, mask.count * 8,
        Int(bitPattern: mask.baseAddress))
      guard byteCount > 0 else { return 1 }
      var count = 0
      for index in 0..<(byteCount / 8) { count += mask[index].nonzeroBitCount }
      return max(count, 1)
    }
  }

  /// Processor that the thread runs on at this moment.
  package static func currentProcessor() -> UInt32 {
    var processor: UInt32 = 0
    withUnsafeMutablePointer(to: &processor) {
      _ = hakmem_system_call3(HAKMEM_SYS_getcpu, Int(bitPattern: $0), 0, 0)
    }
    return processor
  }

  /// Waits while the word holds `value`, or for a wake-up.
  package static func waitOnWord(at address: UInt, while value: UInt32) {
    let futexWaitPrivate = 128
    _ = hakmem_system_call6(
      HAKMEM_SYS_futex, Int(bitPattern: address), futexWaitPrivate, Int(value), 0, 0,
      0)
  }

  /// As above, for `milliseconds` at most.
  package static func waitOnWord(
    at address: UInt, while value: UInt32, milliseconds: UInt32
  ) {
    let futexWaitPrivate = 128
    // Seconds and nanoseconds.
    var timeout = InlineArray<2, Int>(repeating: Int(milliseconds / 1000))
    timeout[1] = Int(milliseconds % 1000) * 1_000_000
    withUnsafeMutablePointer(to: &timeout) {
      _ = hakmem_system_call6(
        HAKMEM_SYS_futex, Int(bitPattern: address), futexWaitPrivate, Int(value),
        Int(bitPattern: $0), 0, 0)
    }
  }

  /// Names the calling thread, in at most 15 bytes, for /proc and debuggers.
  package static func nameThread(_ name: StaticString) {
    let setName = 15
    _ = hakmem_system_call3(HAKMEM_SYS_prctl, setName, Int(bitPattern: name.utf8Start), 0)
  }

  package static func wakeWord(at address: UInt, count: Int) {
    let futexWakePrivate = 129
    _ = hakmem_system_call6(
      HAKMEM_SYS_futex, Int(bitPattern: address), futexWakePrivate, count, 0, 0, 0)
  }
}
