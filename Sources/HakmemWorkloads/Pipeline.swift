import HakmemWorkloadsHarness

/// Blocks pass through a row of threads: the first allocates, those between read and write, the
/// last frees.
package struct Pipeline: Workload {
  package static var name: StaticString { "pipeline" }
  package static var help: StaticString {
    "blocks pass through a row of threads; the first allocates them, the last frees them"
  }
  package static var defaults: Options.Defaults {
    var defaults = Options.Defaults()
    defaults.threads = 4
    return defaults
  }

  private let sizes: SizeRange
  private let batch: Int
  private let stages: Int
  /// Queue number i leads from stage i to stage i + 1.
  private var queues = UnsafeMutablePointer<BlockQueue>(bitPattern: 8).unsafelyUnwrapped

  package init(_ parameters: inout Parameters, options: Options) {
    sizes = SizeRange(&parameters, minimum: 16, maximum: 1024, limit: 1 << 20)
    batch = parameters.integer("batch", default: 64, in: 1...4096)
    stages = options.threads
    if stages < 2 { parameters.reject("threads", because: "must be 2 at least") }
  }

  package mutating func prepare(_ run: UnsafeMutablePointer<Run>) {
    queues = Mapping.table(of: BlockQueue.self, count: stages)
    for stage in 0..<(stages - 1) {
      (queues + stage).initialize(to: BlockQueue(batchSize: batch))
    }
  }

  package func work<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    let stage = worker.pointee.index
    if stage == 0 {
      allocate(worker, &calls)
    } else if stage < stages - 1 {
      passOn(from: queues[stage - 1], to: queues[stage])
    } else {
      free(worker, &calls)
    }
  }

  private func allocate<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    var random = worker.pointee.random
    // Each of its operations is followed by one of the last stage.
    worker.pointee.limit(to: worker.pointee.total / 2)
    while true {
      let count = worker.pointee.nextChunk(of: batch)
      if count == 0 { break }
      let blocks = queues[0].beginPush()
      for index in 0..<count {
        let size = sizes.next(&random)
        let block = calls.allocate(size)
        Block.mark(block, size: size)
        blocks[index] = block
      }
      queues[0].endPush(count: count)
    }
    queues[0].pushEnd()
    worker.pointee.random = random
  }

  private func passOn(from source: BlockQueue, to target: BlockQueue) {
    while true {
      let (blocks, count) = source.beginPop()
      let next = target.beginPush()
      for index in 0..<count {
        let block = blocks[index].unsafelyUnwrapped
        let size = Block.check(block)
        Block.mark(block, size: size)
        next[index] = block
      }
      source.endPop()
      target.endPush(count: count)
      if count == 0 { break }
    }
  }

  private func free<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    let queue = queues[stages - 2]
    while true {
      let (blocks, count) = queue.beginPop()
      for index in 0..<count {
        let block = blocks[index].unsafelyUnwrapped
        Block.check(block)
        calls.free(block)
      }
      queue.endPop()
      if count == 0 { break }
      worker.pointee.operations &+= count
    }
  }
}
