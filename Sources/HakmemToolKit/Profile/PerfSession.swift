import CHakmemToolSystem
import Foundation

/// The perf events of one profiled program: page faults, each one a sample; the processor's clock;
/// and whatever hardware counters there are.
final class PerfSession {
  /// What the session could not have, each a sentence.
  private(set) var notes: [String] = []
  /// Whether faults are sampled, and whether those inside the kernel are among them.
  private(set) var hasFaults = false
  private(set) var hasClock = false
  private(set) var seesKernel = true
  private(set) var lost: UInt64 = 0
  var seesAll: Bool { hasFaults && seesKernel }

  private struct Ring {
    let memory: UnsafeMutableRawPointer
    let order: Int32
  }
  private struct Counter {
    let name: String
    let events: [Int32]
  }

  private var rings: [Ring] = []
  private var events: [Int32] = []
  private var faultEvents: [Int32] = []
  private var counters: [Counter] = []
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 22, alignment: 16)

  static let clockFrequency: UInt64 = 1999
  static let counted: [(name: String, event: hakmem_tool_event)] = [
    ("cycles", HAKMEM_EVENT_CYCLES), ("instructions", HAKMEM_EVENT_INSTRUCTIONS),
    ("branch misses", HAKMEM_EVENT_BRANCH_MISSES), ("L1d misses", HAKMEM_EVENT_L1D_MISSES),
    ("cache misses", HAKMEM_EVENT_CACHE_MISSES), ("dTLB misses", HAKMEM_EVENT_DTLB_MISSES),
  ]

  /// Opens what can be opened, for threads that run or for one that is about to run a program.
  init(threads: [Int32], onExec: Bool) {
    let fault = openSampled(HAKMEM_EVENT_PAGE_FAULTS, frequency: 0, threads, onExec)
    hasFaults = fault == 0
    if !hasFaults { notes.append(PerfSession.refusal("page faults", fault)) }
    let clock = openSampled(
      HAKMEM_EVENT_CPU_CLOCK, frequency: PerfSession.clockFrequency, threads, onExec)
    hasClock = clock == 0
    if !hasClock { notes.append(PerfSession.refusal("the processor's clock", clock)) }
    if !seesKernel {
      notes.append(
        "This user may not look into the kernel (kernel.perf_event_paranoid "
          + "\(PerfSession.paranoia)): faults and time inside system calls are missing below.")
    }
    for (name, event) in PerfSession.counted {
      var options = hakmem_tool_event_options(
        event: event, is_sampled: false, frequency: 0, on_exec: onExec, without_kernel: !seesKernel)
      let opened = threads.map { hakmem_tool_event_open(&options, $0, -1) }
      if opened.allSatisfy({ $0 >= 0 }) {
        counters.append(Counter(name: name, events: opened))
      } else {
        for event in opened where event >= 0 { close(event) }
      }
    }
  }

  deinit {
    for ring in rings { hakmem_tool_ring_unmap(ring.memory, ring.order) }
    for event in events { close(event) }
    for counter in counters { for event in counter.events { close(event) } }
    buffer.deallocate()
  }

  private static var paranoia: String {
    (TextFile.read("/proc/sys/kernel/perf_event_paranoid") ?? "?")
      .trimmingCharacters(in: .whitespacesAndNewlines)
  }

  private static func refusal(_ what: String, _ code: Int32) -> String {
    if code == EACCES || code == EPERM {
      return "The kernel lets this user sample no \(what) "
        + "(kernel.perf_event_paranoid is \(paranoia)): run it as root, or set it to 1 or less."
    }
    return "The kernel samples no \(what) here: \(String(cString: strerror(code)))."
  }

  /// One event for each thread and processor; the threads of a processor share its ring. Returns 0
  /// or an error number.
  private func openSampled(
    _ event: hakmem_tool_event, frequency: UInt64, _ threads: [Int32], _ onExec: Bool
  ) -> Int32 {
    var opened: [Int32] = []
    var mapped: [Ring] = []
    func undo() {
      for ring in mapped { hakmem_tool_ring_unmap(ring.memory, ring.order) }
      for event in opened { close(event) }
    }
    let processors = Int32(sysconf(Int32(_SC_NPROCESSORS_CONF)))
    for processor in 0..<processors {
      var first: Int32 = -1
      for thread in threads {
        var options = hakmem_tool_event_options(
          event: event, is_sampled: true, frequency: frequency, on_exec: onExec,
          without_kernel: !seesKernel)
        var descriptor = hakmem_tool_event_open(&options, thread, processor)
        if (descriptor == -EACCES || descriptor == -EPERM) && seesKernel && opened.isEmpty {
          options.without_kernel = true
          descriptor = hakmem_tool_event_open(&options, thread, processor)
          if descriptor >= 0 { seesKernel = false }
        }
        // A thread that ended meanwhile, a processor that is off.
        if descriptor == -ESRCH || descriptor == -ENODEV { continue }
        guard descriptor >= 0 else {
          undo()
          return -descriptor
        }
        opened.append(descriptor)
        if first >= 0, hakmem_tool_ring_share(descriptor, first) == 0 { continue }
        guard let ring = map(descriptor) else {
          let code = errno
          undo()
          return code
        }
        mapped.append(ring)
        first = descriptor
      }
    }
    guard !opened.isEmpty else { return ESRCH }
    rings += mapped
    events += opened
    if event == HAKMEM_EVENT_PAGE_FAULTS { faultEvents = opened }
    return 0
  }

  /// The largest ring that the limit of locked memory allows.
  private func map(_ event: Int32) -> Ring? {
    for order in stride(from: Int32(11), through: 3, by: -1) {
      if let memory = hakmem_tool_ring_map(event, order) {
        return Ring(memory: memory, order: order)
      }
      guard errno == EPERM || errno == ENOMEM else { return nil }
    }
    return nil
  }

  /// Hands over what came in since the last time.
  func drain(_ body: (PerfRecord) -> Void) {
    for ring in rings {
      while true {
        let count = hakmem_tool_ring_read(
          ring.memory, ring.order, buffer.baseAddress, buffer.count)
        if count == 0 { break }
        PerfRecord.forEach(in: UnsafeRawBufferPointer(rebasing: buffer[..<count])) { record in
          if case .lost(let number) = record { lost += number }
          body(record)
        }
      }
    }
  }

  /// Page faults as the kernel counted them for this event.
  private(set) var faultCount: UInt64?
  /// The hardware counters that the machine has.
  private(set) var hardwareCounts: [String: UInt64] = [:]

  /// Ends the sampling, reads the counters and hands over what came in since the last time.
  func finish(_ body: (PerfRecord) -> Void) {
    for event in events { hakmem_tool_event_stop(event) }
    drain(body)
    if hasFaults { faultCount = PerfSession.sum(faultEvents) }
    for counter in counters {
      if let sum = PerfSession.sum(counter.events), sum > 0 { hardwareCounts[counter.name] = sum }
    }
  }

  private static func sum(_ events: [Int32]) -> UInt64? {
    var total: UInt64 = 0
    for event in events {
      var count: UInt64 = 0
      guard hakmem_tool_event_count(event, &count) else { return nil }
      total += count
    }
    return total
  }
}
