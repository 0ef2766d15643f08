import HakmemWorkloadsHarness

/// A server: each connection has an array of blocks that its thread replaces at random; after a
/// while the thread ends and a new one takes over the array, so blocks are freed by other threads
/// than those that allocated them. After Larson and Krishnan, 1998.
package struct Larson: Workload {
  package static var name: StaticString { "larson" }
  package static var help: StaticString {
    "server: threads replace random blocks of their array and hand it over to a successor thread"
  }
  package static var defaults: Options.Defaults {
    var defaults = Options.Defaults()
    defaults.threads = 2
    return defaults
  }

  private let sizes: SizeRange
  private let blockCount: Int
  private let handover: Int
  private var slots = SlotTable.unmapped
  private var starts = UnsafeMutablePointer<Thread.Slot>(bitPattern: 8).unsafelyUnwrapped

  package init(_ parameters: inout Parameters, options: Options) {
    sizes = SizeRange(&parameters, minimum: 16, maximum: 1000, limit: 1 << 20)
    blockCount = parameters.integer("blocks", default: 1000, in: 1...(1 << 24))
    handover = parameters.integer("handover", default: 50_000, in: 1...(1 << 40))
  }

  package mutating func prepare(_ run: UnsafeMutablePointer<Run>) {
    slots = SlotTable(threads: run.pointee.options.threads, count: blockCount)
    starts = Thread.Slot.table(count: run.pointee.options.threads)
  }

  /// What a connection's thread is given; its lane waits meanwhile.
  private struct Connection<Calls> {
    var program: Larson
    var worker: UnsafeMutablePointer<Worker>
    var calls: Calls
    /// No more operations are to be done.
    var isOver = false
  }

  package func work<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    fill(worker, &calls)
    var connection = Connection(program: self, worker: worker, calls: calls)
    withUnsafeMutablePointer(to: &connection) { connection in
      while !connection.pointee.isOver {
        let thread = Thread.start(in: starts[worker.pointee.index], argument: connection) {
          let connection = $0.assumingMemoryBound(to: Connection<Calls>.self)
          connection.pointee.program.serve(connection)
        }
        thread.join()
      }
    }
  }

  private func fill<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    let blocks = slots[worker.pointee.index]
    for index in 0..<worker.pointee.nextChunk(of: blockCount) {
      blocks[index] = allocate(&worker.pointee.random, &calls)
    }
  }

  /// One connection: `handover` replacements, each a free and a malloc.
  private func serve<Calls: AllocationCalls>(_ connection: UnsafeMutablePointer<Connection<Calls>>)
  {
    let worker = connection.pointee.worker
    let blocks = slots[worker.pointee.index]
    var random = worker.pointee.random
    var served = 0
    while served < handover {
      let replacements = (worker.pointee.nextChunk(of: 1024) &+ 1) / 2
      if replacements == 0 {
        connection.pointee.isOver = true
        break
      }
      for _ in 0..<replacements {
        let slot = blocks + random.below(blockCount)
        if let old = slot.pointee {
          Block.check(old)
          connection.pointee.calls.free(old)
        }
        slot.pointee = allocate(&random, &connection.pointee.calls)
      }
      served &+= replacements
    }
    worker.pointee.random = random
  }

  @inline(__always)
  private func allocate<Calls: AllocationCalls>(_ random: inout Random, _ calls: inout Calls)
    -> UnsafeMutableRawPointer
  {
    let size = sizes.next(&random)
    let block = calls.allocate(size)
    Block.mark(block, size: size)
    return block
  }

  package func finish<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    slots.empty(worker.pointee.index, &calls) { Block.check($0) }
  }
}
