import HakmemWorkloadsSystem

/// The processor's counters over the timed part, with all threads and children; nil where the
/// machine or the permissions lack one.
package struct Counters {
  private var descriptors: (Int32, Int32, Int32, Int32, Int32, Int32)
  /// Whether the kernel's share is in the counts; without the permission it is not.
  package private(set) var includesKernel = true

  /// Opens them, stopped. To be called before any thread starts.
  package init() {
    var withoutKernel = false
    descriptors = (
      Counters.open(HARNESS_CYCLES, &withoutKernel),
      Counters.open(HARNESS_INSTRUCTIONS, &withoutKernel),
      Counters.open(HARNESS_BRANCH_MISSES, &withoutKernel),
      Counters.open(HARNESS_L1D_MISSES, &withoutKernel),
      Counters.open(HARNESS_CACHE_MISSES, &withoutKernel),
      Counters.open(HARNESS_DTLB_MISSES, &withoutKernel)
    )
    includesKernel = !withoutKernel
  }

  /// Opens one counter; without the kernel's share from the first one on that may not have it.
  private static func open(_ counter: harness_counter, _ withoutKernel: inout Bool) -> Int32 {
    let descriptor = harness_counter_open(Int32(counter.rawValue), withoutKernel)
    if descriptor >= 0 || withoutKernel { return descriptor }
    let error = harness_error()
    guard error == EACCES || error == EPERM else { return descriptor }
    withoutKernel = true
    return harness_counter_open(Int32(counter.rawValue), true)
  }

  package func start() {
    withEach { if $0 >= 0 { harness_counter_start($0) } }
  }

  package func stop() {
    withEach { if $0 >= 0 { harness_counter_stop($0) } }
  }

  private func withEach(_ body: (Int32) -> Void) {
    body(descriptors.0)
    body(descriptors.1)
    body(descriptors.2)
    body(descriptors.3)
    body(descriptors.4)
    body(descriptors.5)
  }

  private func read(_ descriptor: Int32) -> Int? {
    guard descriptor >= 0 else { return nil }
    let count = harness_counter_read(descriptor)
    return count < 0 ? nil : Int(count)
  }

  package var cycles: Int? { read(descriptors.0) }
  package var instructions: Int? { read(descriptors.1) }
  package var branchMisses: Int? { read(descriptors.2) }
  package var l1dMisses: Int? { read(descriptors.3) }
  package var cacheMisses: Int? { read(descriptors.4) }
  package var dtlbMisses: Int? { read(descriptors.5) }
}
