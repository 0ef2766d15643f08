import HakmemWorkloadsHarness

/// A long life in short: the amount of live memory stays the same, the sizes drift from phase to
/// phase, so that holes of one size must serve another; then 90 % is freed.
package struct Ageing: Workload {
  package static var name: StaticString { "ageing" }
  package static var help: StaticString {
    "mib MiB of live blocks turn over in phases of shifting sizes, then percent % are freed; settle"
  }
  package static var defaults: Options.Defaults {
    var defaults = Options.Defaults.memory
    defaults.milliseconds = 5000
    return defaults
  }
  package static var samplesMemory: Bool { true }

  /// The smallest sizes of the phases, which go on from the first again. Each phase takes sizes up
  /// to eight times its smallest.
  private static func smallest(phase: Int) -> Int {
    switch phase % 8 {
    case 0: 32
    case 1: 256
    case 2: 64
    case 3: 1024
    case 4: 48
    case 5: 512
    case 6: 128
    default: 2048
    }
  }

  private let mebibytes: Int
  private let phases: Int
  private let percent: Int
  private var blocks = Filling.Blocks.unmapped

  package init(_ parameters: inout Parameters, options: Options) {
    mebibytes = parameters.integer("mib", default: 64, in: 1...(1 << 20))
    phases = parameters.integer("phases", default: 8, in: 1...100_000)
    percent = parameters.integer("percent", default: 90, in: 0...100)
  }

  package mutating func prepare(_ run: UnsafeMutablePointer<Run>) {
    let smallest = SizeRange(minimum: 32, maximum: 256)
    let filling = Filling(mebibytes: mebibytes, sizes: smallest)
    blocks = filling.prepare(run, blocks: nil)
  }

  package func work<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    let start = Clock.now()
    let length = UInt64(worker.pointee.run.pointee.options.nanoseconds / phases)
    var live = Filling.Live(
      blocks: blocks.table[worker.pointee.index], count: 0, bytes: 0, peakBytes: 0)
    let threads = worker.pointee.run.pointee.options.threads
    for phase in 0..<phases {
      let smallest = Ageing.smallest(phase: phase)
      let sizes = SizeRange(minimum: smallest, maximum: smallest * 8)
      // Bounded by count, every phase has an equal share of the operations.
      let share = worker.pointee.total / threads
      worker.pointee.limit(to: share * (phase + 1) / phases - share * phase / phases)
      while worker.pointee.isTimeBounded == false
        || Clock.now() < start &+ UInt64(phase + 1) &* length
      {
        let operations = worker.pointee.nextChunk(of: 512)
        if operations == 0 { break }
        turnOver(operations, sizes, &live, worker, &calls)
        if worker.pointee.index == 0 { worker.pointee.run.pointee.sampleMemory() }
      }
    }
    let freed = live.count / 100 * percent + live.count % 100 * percent / 100
    Filling.freeAtRandom(&live, count: freed, worker, &calls)
    blocks.keep(live, of: worker)
  }

  /// Allocates while there is less live memory than there should be, else frees a random block.
  private func turnOver<Calls: AllocationCalls>(
    _ operations: Int, _ sizes: SizeRange, _ live: inout Filling.Live,
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    var random = worker.pointee.random
    let capacity = blocks.table.count
    let target = blocks.bytesPerThread
    for _ in 0..<operations {
      if live.bytes < target && live.count < capacity {
        let size = sizes.next(&random)
        let block = calls.allocate(size)
        Block.mark(block, size: size, touching: true)
        live.blocks[live.count] = block
        live.count &+= 1
        live.bytes &+= size
        live.peakBytes = max(live.peakBytes, live.bytes)
      } else {
        live.freeOne(&random, &calls)
      }
    }
    worker.pointee.random = random
  }

  package func tearDown() {
    blocks.freeAll()
  }

  package var liveBytes: Int? { blocks.liveBytes }
  package var peakLiveBytes: Int? { blocks.peakLiveBytes }
}
