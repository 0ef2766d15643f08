import HakmemWorkloadsHarness
import HakmemWorkloadsSystem
import Synchronization

/// Forks of a process with a heap; each child frees, allocates and exits. Threads beyond the first
/// allocate all the time, so that forks happen at every instant of an allocation.
package struct ForkHeavy: Workload {
  package static var name: StaticString { "fork_heavy" }
  package static var unit: StaticString { "forks" }
  package static var help: StaticString {
    "forks a process with mib MiB of blocks; the child frees, allocates and exits"
  }

  private let sizes: SizeRange
  private let mebibytes: Int
  private let blockCount: Int
  private var heap = SlotTable.unmapped
  private var fresh = SlotTable.unmapped
  /// 1 when the first thread has forked enough and the others may stop.
  private var stop = UnsafeMutablePointer<Atomic<UInt32>>(bitPattern: 8).unsafelyUnwrapped

  package init(_ parameters: inout Parameters, options: Options) {
    mebibytes = parameters.integer("mib", default: 16, in: 1...(1 << 20))
    blockCount = parameters.integer("blocks", default: 1000, in: 1...(1 << 24))
    sizes = SizeRange(&parameters, minimum: 16, maximum: 1024, limit: 1 << 20)
  }

  package mutating func prepare(_ run: UnsafeMutablePointer<Run>) {
    let heapBlocks = max(1, (mebibytes << 20) / sizes.mean)
    heap = SlotTable(threads: 1, count: heapBlocks)
    fresh = SlotTable(threads: run.pointee.options.threads, count: blockCount)
    stop = Mapping.table(of: Atomic<UInt32>.self, count: 1)
    var random = Random(seed: run.pointee.options.seed)
    let calls = PlainCalls()
    for index in 0..<heapBlocks { heap[0][index] = allocate(&random, calls) }
  }

  private func allocate<Calls: AllocationCalls>(_ random: inout Random, _ calls: Calls)
    -> UnsafeMutableRawPointer
  {
    var calls = calls
    let size = sizes.next(&random)
    let block = calls.allocate(size)
    Block.mark(block, size: size)
    return block
  }

  package func work<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    if worker.pointee.index == 0 {
      forkAll(worker)
      stop.pointee.store(1, ordering: .relaxed)
    } else {
      repeat {
        renew(worker.pointee.index, &worker.pointee.random, &calls)
      } while stop.pointee.load(ordering: .relaxed) == 0
    }
  }

  /// What a child is given.
  private struct Child {
    var program: ForkHeavy
    var random: Random
  }

  private func forkAll(_ worker: UnsafeMutablePointer<Worker>) {
    worker.pointee.limit(to: worker.pointee.total)
    var child = Child(program: self, random: worker.pointee.random)
    withUnsafeMutablePointer(to: &child) { child in
      while worker.pointee.nextChunk(of: 1) > 0 {
        _ = child.pointee.random.next()
        let result = harness_fork_and_wait(
          { context in
            let child = context.unsafelyUnwrapped.assumingMemoryBound(to: Child.self)
            child.pointee.program.liveAsChild(&child.pointee.random)
            return 0
          }, child)
        Failure.check(result, of: "fork")
      }
      worker.pointee.random = child.pointee.random
    }
  }

  /// Frees half of the parent's blocks and allocates its own.
  private func liveAsChild(_ random: inout Random) {
    let inherited = heap[0]
    var calls = PlainCalls()
    for _ in 0..<blockCount {
      let slot = inherited + random.below(heap.count)
      if let block = slot.pointee {
        Block.check(block)
        calls.free(block)
        slot.pointee = nil
      }
    }
    renew(0, &random, &calls)
  }

  /// Replaces all blocks of a thread.
  private func renew<Calls: AllocationCalls>(
    _ thread: Int, _ random: inout Random, _ calls: inout Calls
  ) {
    for index in 0..<blockCount {
      let slot = fresh[thread] + index
      if let block = slot.pointee {
        Block.check(block)
        calls.free(block)
      }
      slot.pointee = allocate(&random, calls)
    }
  }

  package func tearDown() {
    var calls = PlainCalls()
    heap.empty(0, &calls) { Block.check($0) }
  }

  package func finish<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    fresh.empty(worker.pointee.index, &calls) { Block.check($0) }
    // For the next part of the run; barriers lie between.
    if worker.pointee.index == 0 { stop.pointee.store(0, ordering: .relaxed) }
  }
}
