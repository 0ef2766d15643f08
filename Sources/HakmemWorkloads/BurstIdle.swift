import HakmemWorkloadsHarness

/// Memory filled and freed in bursts with idle time between: returning memory costs system calls
/// and faults, keeping it costs memory. The report's user and system seconds are the price, its
/// timeline what was returned.
package struct BurstIdle: Workload {
  package static var name: StaticString { "burst_idle" }
  package static var unit: StaticString { "bursts" }
  package static var help: StaticString {
    "fill mib MiB, free it, sleep until period ms have passed, again; compare the CPU seconds"
  }
  package static var defaults: Options.Defaults {
    var defaults = Options.Defaults()
    defaults.milliseconds = 3000
    defaults.settleMilliseconds = 1000
    return defaults
  }
  package static var samplesMemory: Bool { true }

  private let period: Int
  private let filling: Filling
  private var blocks = Filling.Blocks.unmapped

  package init(_ parameters: inout Parameters, options: Options) {
    period = parameters.integer("period", default: 300, in: 0...3_600_000)
    filling = Filling(&parameters, minimum: 64, maximum: 1024, mebibytes: 64)
  }

  package mutating func prepare(_ run: UnsafeMutablePointer<Run>) {
    blocks = filling.prepare(run, blocks: nil)
  }

  package func work<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    while worker.pointee.nextChunk(of: 1) > 0 {
      let start = Clock.now()
      let operations = worker.pointee.operations
      var live = filling.fill(blocks, worker, &calls)
      filling.freeInOrder(&live, worker, &calls)
      // A burst is one operation, however many calls it makes.
      worker.pointee.operations = operations
      blocks.keep(live, of: worker)
      rest(until: start &+ UInt64(period) &* 1_000_000, worker)
    }
  }

  private func rest(until end: UInt64, _ worker: UnsafeMutablePointer<Worker>) {
    while true {
      let now = Clock.now()
      if now >= end { return }
      Clock.sleep(milliseconds: min(20, Int((end &- now) / 1_000_000) + 1))
      if worker.pointee.index == 0 { worker.pointee.run.pointee.sampleMemory() }
    }
  }

  package var peakLiveBytes: Int? { blocks.peakLiveBytes }
}
