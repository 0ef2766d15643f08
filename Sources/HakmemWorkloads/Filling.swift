import HakmemWorkloadsHarness

/// Filling memory with small blocks up to a number of MiB, as several workloads do.
struct Filling {
  /// The blocks of one thread.
  struct Live {
    var blocks: UnsafeMutablePointer<UnsafeMutableRawPointer?>
    var count: Int
    var bytes: Int
    /// The most bytes so far.
    var peakBytes: Int

    /// Checks and frees one of the blocks, chosen at random.
    @inline(__always)
    mutating func freeOne<Calls: AllocationCalls>(_ random: inout Random, _ calls: inout Calls) {
      let chosen = blocks + random.below(count)
      let block = chosen.pointee.unsafelyUnwrapped
      count &-= 1
      chosen.pointee = blocks[count]
      bytes &-= Block.check(block)
      calls.free(block)
    }
  }

  /// The tables of all threads, and how much of each is in use after the timed part.
  struct Blocks {
    var table: SlotTable
    var live: UnsafeMutablePointer<Live>
    var threads: Int
    var run: UnsafeMutablePointer<Run>
    /// Bytes that one thread allocates; Int.max: as many as the table has slots.
    var bytesPerThread: Int

    /// Stands for the tables until `prepare`. Never touched.
    static var unmapped: Blocks {
      Blocks(
        table: .unmapped, live: UnsafeMutablePointer(bitPattern: 8).unsafelyUnwrapped, threads: 0,
        run: UnsafeMutablePointer(bitPattern: 8).unsafelyUnwrapped, bytesPerThread: 0)
    }

    /// Remembers what a thread still holds at the end of its work.
    func keep(_ live: Live, of worker: UnsafeMutablePointer<Worker>) {
      self.live[worker.pointee.index] = live
    }

    /// Frees everything that is left and checks it.
    func freeAll() {
      let calls = PlainCalls()
      for thread in 0..<threads {
        for index in 0..<live[thread].count {
          let block = live[thread].blocks[index].unsafelyUnwrapped
          Block.check(block)
          calls.free(block)
        }
      }
    }

    var liveBytes: Int {
      var sum = 0
      for thread in 0..<threads { sum += live[thread].bytes }
      return sum
    }

    var peakLiveBytes: Int {
      var sum = 0
      for thread in 0..<threads { sum += live[thread].peakBytes }
      return sum
    }
  }

  let mebibytes: Int
  let sizes: SizeRange

  init(_ parameters: inout Parameters, minimum: Int, maximum: Int, mebibytes: Int = 1024) {
    self.mebibytes = parameters.integer("mib", default: mebibytes, in: 1...(1 << 24))
    sizes = SizeRange(&parameters, minimum: minimum, maximum: maximum, limit: 1 << 20)
  }

  init(mebibytes: Int, sizes: SizeRange) {
    self.mebibytes = mebibytes
    self.sizes = sizes
  }

  /// Maps the tables: for `blocks` blocks over all threads, or for as many as the MiB take.
  func prepare(_ run: UnsafeMutablePointer<Run>, blocks: Int?) -> Blocks {
    let threads = run.pointee.options.threads
    let bytes = (mebibytes << 20) / threads
    // Sizes are random: leave room for a run of small ones.
    let expected = bytes / sizes.mean
    let count = blocks.map { ($0 + threads - 1) / threads } ?? expected + expected / 32 + 1024
    return Blocks(
      table: SlotTable(threads: threads, count: count),
      live: Mapping.table(of: Live.self, count: threads), threads: threads, run: run,
      bytesPerThread: blocks == nil ? bytes : Int.max)
  }

  /// Allocates until the bytes or the slots are used up.
  func fill<Calls: AllocationCalls>(
    _ blocks: Blocks, _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) -> Live {
    var live = Live(blocks: blocks.table[worker.pointee.index], count: 0, bytes: 0, peakBytes: 0)
    var random = worker.pointee.random
    while live.count < blocks.table.count && live.bytes < blocks.bytesPerThread {
      let size = sizes.next(&random)
      let block = calls.allocate(size)
      Block.mark(block, size: size)
      live.blocks[live.count] = block
      live.count &+= 1
      live.bytes &+= size
      Filling.sample(worker, live.count)
    }
    worker.pointee.random = random
    worker.pointee.operations &+= live.count
    live.peakBytes = live.bytes
    return live
  }

  /// Frees randomly chosen blocks in random order.
  static func freeAtRandom<Calls: AllocationCalls>(
    _ live: inout Live, count: Int, _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    var random = worker.pointee.random
    for _ in 0..<count {
      live.freeOne(&random, &calls)
      Filling.sample(worker, live.count)
    }
    worker.pointee.random = random
    worker.pointee.operations &+= count
  }

  /// Frees all blocks, the oldest first.
  func freeInOrder<Calls: AllocationCalls>(
    _ live: inout Live, _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    for index in 0..<live.count {
      let block = live.blocks[index].unsafelyUnwrapped
      Block.check(block)
      calls.free(block)
      Filling.sample(worker, index)
    }
    worker.pointee.operations &+= live.count
    live.count = 0
    live.bytes = 0
  }

  /// Looks at resident memory every 4096 blocks, in one thread.
  @inline(__always)
  private static func sample(_ worker: UnsafeMutablePointer<Worker>, _ count: Int) {
    if count & 4095 == 0 && worker.pointee.index == 0 {
      worker.pointee.run.pointee.sampleMemory()
    }
  }
}
