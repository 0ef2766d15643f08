import HakmemWorkloadsHarness

/// Threads that come and go: each starts, allocates, frees most of it and ends; what it leaves is
/// freed by its successor. What an allocator sets up and tears down for a thread is paid here.
package struct ThreadChurn: Workload {
  package static var name: StaticString { "thread_churn" }
  package static var unit: StaticString { "threads" }
  package static var help: StaticString {
    "threads start, allocate blocks, free all but keep %, and end; the next one frees the rest"
  }

  private let sizes: SizeRange
  private let blockCount: Int
  private let keepPercent: Int
  private var slots = SlotTable.unmapped
  private var starts = UnsafeMutablePointer<Thread.Slot>(bitPattern: 8).unsafelyUnwrapped

  package init(_ parameters: inout Parameters, options: Options) {
    sizes = SizeRange(&parameters, minimum: 16, maximum: 1024, limit: 1 << 20)
    blockCount = parameters.integer("blocks", default: 100, in: 1...(1 << 24))
    keepPercent = parameters.integer("keep", default: 10, in: 0...100)
  }

  package mutating func prepare(_ run: UnsafeMutablePointer<Run>) {
    slots = SlotTable(threads: run.pointee.options.threads, count: blockCount)
    starts = Thread.Slot.table(count: run.pointee.options.threads)
  }

  /// What a short-lived thread is given; its lane waits meanwhile.
  private struct Visit<Calls> {
    var program: ThreadChurn
    var worker: UnsafeMutablePointer<Worker>
    var calls: Calls
  }

  package func work<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    var visit = Visit(program: self, worker: worker, calls: calls)
    withUnsafeMutablePointer(to: &visit) { visit in
      while worker.pointee.nextChunk(of: 1) > 0 {
        let thread = Thread.start(in: starts[worker.pointee.index], argument: visit) {
          let visit = $0.assumingMemoryBound(to: Visit<Calls>.self)
          visit.pointee.program.live(visit.pointee.worker, &visit.pointee.calls)
        }
        thread.join()
      }
    }
  }

  private func live<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    let blocks = slots[worker.pointee.index]
    finish(worker, &calls)
    for index in 0..<blockCount {
      let size = sizes.next(&worker.pointee.random)
      let block = calls.allocate(size)
      Block.mark(block, size: size)
      blocks[index] = block
    }
    for index in 0..<blockCount where worker.pointee.random.below(100) >= keepPercent {
      let block = blocks[index].unsafelyUnwrapped
      Block.check(block)
      calls.free(block)
      blocks[index] = nil
    }
  }

  package func finish<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    slots.empty(worker.pointee.index, &calls) { Block.check($0) }
  }
}
