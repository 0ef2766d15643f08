import HakmemWorkloadsHarness

/// Pairs of threads: one allocates, the other frees, all of it.
package struct ProducerConsumer: Workload {
  package static var name: StaticString { "producer_consumer" }
  package static var help: StaticString {
    "one thread of each pair allocates, the other frees: every free is remote"
  }
  package static var defaults: Options.Defaults {
    var defaults = Options.Defaults()
    defaults.threads = 2
    return defaults
  }

  private let sizes: SizeRange
  private let batch: Int
  private var queues = UnsafeMutablePointer<BlockQueue>(bitPattern: 8).unsafelyUnwrapped

  package init(_ parameters: inout Parameters, options: Options) {
    sizes = SizeRange(&parameters, minimum: 16, maximum: 256, limit: 1 << 20)
    batch = parameters.integer("batch", default: 64, in: 1...4096)
    if options.threads % 2 != 0 { parameters.reject("threads", because: "must be even") }
  }

  package mutating func prepare(_ run: UnsafeMutablePointer<Run>) {
    let pairs = run.pointee.options.threads / 2
    queues = Mapping.table(of: BlockQueue.self, count: pairs)
    for pair in 0..<pairs { (queues + pair).initialize(to: BlockQueue(batchSize: batch)) }
  }

  package func work<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    let queue = queues[worker.pointee.index / 2]
    if worker.pointee.index % 2 == 0 {
      produce(queue, worker, &calls)
    } else {
      consume(queue, worker, &calls)
    }
  }

  private func produce<Calls: AllocationCalls>(
    _ queue: BlockQueue, _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    var random = worker.pointee.random
    let pairs = worker.pointee.run.pointee.options.threads / 2
    // Each of its operations is followed by one of the consumer.
    worker.pointee.limit(to: worker.pointee.total / (2 * pairs))
    while true {
      let count = worker.pointee.nextChunk(of: batch)
      if count == 0 { break }
      let blocks = queue.beginPush()
      for index in 0..<count {
        let size = sizes.next(&random)
        let block = calls.allocate(size)
        Block.markLightly(block, size: size)
        blocks[index] = block
      }
      queue.endPush(count: count)
    }
    queue.pushEnd()
    worker.pointee.random = random
  }

  private func consume<Calls: AllocationCalls>(
    _ queue: BlockQueue, _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    while true {
      let (blocks, count) = queue.beginPop()
      for index in 0..<count {
        let block = blocks[index].unsafelyUnwrapped
        Block.checkLightly(block)
        calls.free(block)
      }
      queue.endPop()
      if count == 0 { break }
      worker.pointee.operations &+= count
    }
  }
}
