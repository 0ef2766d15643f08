import HakmemWorkloadsSystem

/// One run of a workload: its options and what was measured, shared by its threads. Written by the
/// main thread before the threads start and after they have stopped; a thread writes only through
/// its own `Worker`, except where a workload says so.
package struct Run {
  package let options: Options
  package let tickScale: TickScale
  package let floorBlocks: FloorBlocks
  package let counters: Counters
  /// Samples of thread 0 in the timed part, of the main thread afterwards.
  package var timeline: Timeline
  package var samplesMemory: Bool
  /// When the timed part began.
  package var startTime: UInt64 = 0
  /// Bytes of blocks that the workload still holds when memory has settled; nil: says nothing.
  package var liveBytes: Int?
  /// Highest sum of live bytes; nil: says nothing.
  package var peakLiveBytes: Int?
  /// All timed calls of all threads.
  package var histogram: Histogram?
  package var measured = Measurement()
  /// The threads that do the work: what the options say, unless the workload knows better.
  package var workerCount = 1

  package init(options: Options, floorBlocks: FloorBlocks, samplesMemory: Bool) {
    self.options = options
    self.floorBlocks = floorBlocks
    self.samplesMemory = samplesMemory
    tickScale = options.latency ? TickScale.measured() : TickScale(multiplier: 0)
    counters = Counters()
    timeline = Timeline()
  }

  /// Begins the timed part.
  @export(interface)
  package mutating func start() {
    measured.startRSSKiB = ProcessMemory.exactKiB()
    measured.before = harness_resources()
    startTime = Clock.now()
    if samplesMemory { timeline.begin(at: startTime) }
    counters.start()
  }

  /// Ends the timed part.
  @export(interface)
  package mutating func stop() {
    counters.stop()
    measured.after = harness_resources()
  }

  /// Samples resident memory if the workload wants it and it is time to.
  @export(interface)
  package mutating func sampleMemory(force: Bool = false) {
    if samplesMemory { timeline.sample(force: force) }
  }

  /// Waits as long as the options say, then measures resident memory.
  @export(interface)
  package mutating func settle() {
    let end = Clock.now() &+ UInt64(options.settleMilliseconds) &* 1_000_000
    let pulse = options.pulseMilliseconds
    let step = pulse == 0 ? 20 : min(pulse, 20)
    var nextPulse = Clock.now()
    sampleMemory(force: true)
    while Clock.now() < end {
      let rest = Int((end &- Clock.now()) / 1_000_000) + 1
      Clock.sleep(milliseconds: min(step, rest))
      if pulse > 0, Clock.now() >= nextPulse {
        Run.allocateAndFree()
        nextPulse = Clock.now() &+ UInt64(pulse) &* 1_000_000
      }
      sampleMemory()
    }
    sampleMemory(force: true)
    measured.settledRSSKiB = ProcessMemory.exactKiB()
    measured.peakRSSKiB = ProcessMemory.peakKiB()
    measured.mappings = ProcessMemory.mappingCount()
  }

  /// Calls that give an allocator without a thread of its own the occasion to tidy up.
  private static func allocateAndFree() {
    let calls = PlainCalls()
    var size = 16
    while size <= 32768 {
      calls.free(calls.allocate(size))
      size *= 2
    }
  }
}

/// What a run measured.
package struct Measurement {
  package var operations = 0
  package var nanoseconds: UInt64 = 0
  package var startRSSKiB = 0
  package var settledRSSKiB = 0
  package var peakRSSKiB = 0
  package var mappings = 0
  package var before = harness_resources_t()
  package var after = harness_resources_t()

  package var minorFaults: Int { Int(after.minor_faults - before.minor_faults) }
  package var majorFaults: Int { Int(after.major_faults - before.major_faults) }
  package var voluntarySwitches: Int {
    Int(after.voluntary_switches - before.voluntary_switches)
  }
  package var involuntarySwitches: Int {
    Int(after.involuntary_switches - before.involuntary_switches)
  }
  package var userMicroseconds: Int { Int(after.user_microseconds - before.user_microseconds) }
  package var systemMicroseconds: Int {
    Int(after.system_microseconds - before.system_microseconds)
  }
}
