import HakmemWorkloadsHarness

/// Many small blocks, of which a random part is freed: how much memory comes back while survivors
/// are scattered over it? One round, however long it takes.
package struct Fragment: Workload {
  package static var name: StaticString { "fragment" }
  package static var help: StaticString {
    "one round: allocate mib MiB of small blocks, free percent % of them at random, settle"
  }
  package static var defaults: Options.Defaults { .memory }
  package static var samplesMemory: Bool { true }

  private let percent: Int
  private let filling: Filling
  private var blocks = Filling.Blocks.unmapped

  package init(_ parameters: inout Parameters, options: Options) {
    percent = parameters.integer("percent", default: 90, in: 0...100)
    filling = Filling(&parameters, minimum: 16, maximum: 1024)
  }

  package mutating func prepare(_ run: UnsafeMutablePointer<Run>) {
    let operations = run.pointee.options.operations
    blocks = filling.prepare(
      run, blocks: operations == 0 ? nil : max(1, operations / (100 + percent) * 100))
  }

  package func work<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    var live = filling.fill(blocks, worker, &calls)
    let freed = live.count / 100 * percent + live.count % 100 * percent / 100
    Filling.freeAtRandom(&live, count: freed, worker, &calls)
    blocks.keep(live, of: worker)
  }

  package func tearDown() {
    blocks.freeAll()
  }

  package var liveBytes: Int? { blocks.liveBytes }
  package var peakLiveBytes: Int? { blocks.peakLiveBytes }
}

/// Memory filled and freed completely: does it come back?
package struct FillFree: Workload {
  package static var name: StaticString { "fill_free" }
  package static var help: StaticString {
    "one round: allocate mib MiB of small blocks, free all of them, settle"
  }
  package static var defaults: Options.Defaults { .memory }
  package static var samplesMemory: Bool { true }

  private let shuffled: Bool
  private let filling: Filling
  private var blocks = Filling.Blocks.unmapped

  package init(_ parameters: inout Parameters, options: Options) {
    shuffled = parameters.flag("shuffled", default: false)
    filling = Filling(&parameters, minimum: 16, maximum: 1024)
  }

  package mutating func prepare(_ run: UnsafeMutablePointer<Run>) {
    let operations = run.pointee.options.operations
    blocks = filling.prepare(run, blocks: operations == 0 ? nil : max(1, operations / 2))
  }

  package func work<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    var live = filling.fill(blocks, worker, &calls)
    if shuffled {
      Filling.freeAtRandom(&live, count: live.count, worker, &calls)
    } else {
      filling.freeInOrder(&live, worker, &calls)
    }
    blocks.keep(live, of: worker)
  }

  package func tearDown() {
    blocks.freeAll()
  }

  package var liveBytes: Int? { blocks.liveBytes }
  package var peakLiveBytes: Int? { blocks.peakLiveBytes }
}
