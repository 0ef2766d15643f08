import HakmemWorkloadsHarness
import HakmemWorkloadsSystem
import Synchronization

/// Threads that allocate once and then sleep, as the idle connections of a server do: what does a
/// thread cost in resident memory? The threads sleep while memory settles.
package struct SleepingThreads: Workload {
  package static var name: StaticString { "sleeping_threads" }
  package static var unit: StaticString { "threads" }
  package static var help: StaticString {
    "one round: threads allocate some blocks each and go to sleep; resident memory is measured"
  }
  package static var defaults: Options.Defaults {
    var defaults = Options.Defaults.memory
    defaults.threads = 1000
    defaults.settleMilliseconds = 500
    return defaults
  }
  package static var samplesMemory: Bool { true }

  private let size: Int
  private let allocations: Int
  private let threads: Int
  private var blocks = SlotTable.unmapped
  private var sleepers = UnsafeMutablePointer<Sleeper>(bitPattern: 8).unsafelyUnwrapped
  private var handles = UnsafeMutablePointer<Thread>(bitPattern: 8).unsafelyUnwrapped
  private var starts = UnsafeMutablePointer<Thread.Slot>(bitPattern: 8).unsafelyUnwrapped
  private var shared = UnsafeMutablePointer<Shared>(bitPattern: 8).unsafelyUnwrapped

  /// One thread's place in the tables.
  private struct Sleeper {
    var index: Int
    var program: UnsafePointer<SleepingThreads>
  }

  /// What the threads and the main thread tell each other.
  private struct Shared: ~Copyable {
    let arrived = Atomic<Int>(0)
    let allArrived = Signal()
    let wakeUp = Signal()
  }

  package init(_ parameters: inout Parameters, options: Options) {
    size = parameters.integer("size", default: 64, in: 8...(1 << 30))
    allocations = parameters.integer("allocations", default: 1, in: 1...1_000_000)
    threads = options.operations > 0 ? options.operations : options.threads
    if threads > Options.maximumThreads {
      parameters.reject("operations", because: "is above 4096, the most threads")
    }
  }

  package func workerCount(_ options: Options) -> Int { 1 }

  package mutating func prepare(_ run: UnsafeMutablePointer<Run>) {
    blocks = SlotTable(threads: 1, count: threads * allocations)
    sleepers = Mapping.table(of: Sleeper.self, count: threads)
    handles = Mapping.table(of: Thread.self, count: threads)
    starts = Thread.Slot.table(count: threads)
    shared = Mapping.table(of: Shared.self, count: 1)
    shared.initialize(to: Shared())
  }

  package func work<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    let program = Mapping.table(of: SleepingThreads.self, count: 1)
    program.initialize(to: self)
    for index in 0..<threads {
      (sleepers + index).initialize(to: Sleeper(index: index, program: program))
      (handles + index).initialize(
        to: .start(in: starts[index], argument: sleepers + index) {
          let sleeper = $0.assumingMemoryBound(to: Sleeper.self)
          sleeper.pointee.program.pointee.live(sleeper.pointee.index)
        })
      if index & 63 == 0 { worker.pointee.run.pointee.sampleMemory() }
    }
    shared.pointee.allArrived.wait(while: 0)
    worker.pointee.operations = threads
  }

  private func live(_ index: Int) {
    let calls = PlainCalls()
    let mine = blocks[0] + index * allocations
    for number in 0..<allocations {
      let block = calls.allocate(size)
      Block.mark(block, size: size)
      mine[number] = block
    }
    // Released and acquired through the counter: the last one has seen all.
    let count = shared.pointee.arrived.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue
    if count == threads { shared.pointee.allArrived.set(1) }
    shared.pointee.wakeUp.wait(while: 0)
    for number in 0..<allocations {
      let block = mine[number].unsafelyUnwrapped
      Block.check(block)
      calls.free(block)
    }
  }

  package func tearDown() {
    shared.pointee.wakeUp.set(1)
    for index in 0..<threads { handles[index].join() }
  }

  package var liveBytes: Int? { threads * allocations * size }
}
