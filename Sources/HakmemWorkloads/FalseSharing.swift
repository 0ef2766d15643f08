import HakmemWorkloadsHarness
import HakmemWorkloadsSystem

/// The loop of both tests: allocate a small block, write to it many times, free it. It slows down
/// when the blocks of two threads lie in one cache line. After Berger's cache-thrash and
/// cache-scratch, 2000.
private struct FalseSharingLoop {
  let size: Int
  let writes: Int

  init(_ parameters: inout Parameters) {
    size = parameters.integer("size", default: 8, in: 8...4096)
    writes = parameters.integer("writes", default: 200, in: 1...1_000_000)
  }

  func run<Calls: AllocationCalls>(_ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls) {
    while true {
      let rounds = (worker.pointee.nextChunk(of: 32) &+ 1) / 2
      if rounds == 0 { break }
      for _ in 0..<rounds {
        let block = calls.allocate(size)
        Block.mark(block, size: size)
        write(block)
        calls.free(block)
      }
    }
  }

  /// Counts up in the first word, through memory each time, and restores it.
  @inline(__always)
  func write(_ block: UnsafeMutableRawPointer) {
    let first = block.load(as: UInt.self)
    for _ in 0..<writes {
      block.storeBytes(of: block.load(as: UInt.self) &+ 1, as: UInt.self)
      harness_escape(block)
    }
    block.storeBytes(of: block.load(as: UInt.self) &- UInt(writes), as: UInt.self)
    let last = block.load(as: UInt.self)
    if first != last { Failure.damaged(block, offset: 0, expected: first, found: last) }
    Block.check(block)
  }
}

/// Each thread allocates and frees its own blocks: does the allocator put two threads' blocks into
/// one line?
package struct FalseSharingActive: Workload {
  package static var name: StaticString { "false_sharing_active" }
  package static var help: StaticString {
    "threads allocate, write and free small blocks: do two threads' blocks share a line?"
  }
  package static var defaults: Options.Defaults {
    var defaults = Options.Defaults()
    defaults.threads = 2
    return defaults
  }

  private let loop: FalseSharingLoop

  package init(_ parameters: inout Parameters, options: Options) {
    loop = FalseSharingLoop(&parameters)
  }

  package func work<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    loop.run(worker, &calls)
  }
}

/// The main thread allocates neighbouring blocks and hands one to each thread, which frees it and
/// goes on as in the active test: does it get that block, and so the shared line, back?
package struct FalseSharingPassive: Workload {
  package static var name: StaticString { "false_sharing_passive" }
  package static var help: StaticString {
    "as false_sharing_active, after freeing a block that lies beside other threads' blocks"
  }
  package static var defaults: Options.Defaults {
    var defaults = Options.Defaults()
    defaults.threads = 2
    defaults.warmUpPercent = 0
    return defaults
  }

  private let loop: FalseSharingLoop
  private var given = SlotTable.unmapped

  package init(_ parameters: inout Parameters, options: Options) {
    loop = FalseSharingLoop(&parameters)
  }

  package mutating func prepare(_ run: UnsafeMutablePointer<Run>) {
    let threads = run.pointee.options.threads
    given = SlotTable(threads: threads, count: 1)
    for thread in 0..<threads {
      let block = PlainCalls().allocate(loop.size)
      Block.mark(block, size: loop.size)
      given[thread].pointee = block
    }
  }

  package func work<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    let mine = given[worker.pointee.index]
    if let block = mine.pointee {
      loop.write(block)
      calls.free(block)
      mine.pointee = nil
    }
    loop.run(worker, &calls)
  }
}
