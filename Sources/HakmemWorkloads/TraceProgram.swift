import HakmemWorkloadsHarness
import HakmemWorkloadsSystem
import Synchronization

/// A trace ready for replay: the calls of each thread, decoded beforehand so that decoding costs
/// nothing in the timed part, and the table of blocks. Threads that have the same number, one after
/// the other, count as one whose calls are divided by its ends.
struct TraceProgram {
  /// One call of one thread, or its end.
  struct Call {
    /// Place in the whole trace.
    var sequence: UInt32
    var block: UInt32 = 0
    /// How many events the block has had before this one, over all threads. The call waits for
    /// them, so that each block's events keep their order.
    var version: UInt32 = 0
    var kind: TraceRecord.Kind
    var alignmentLog2: UInt8 = 0
    var size = 0
  }

  /// One block's state. Only the thread whose call has the current version touches the rest.
  struct Block: ~Copyable {
    let version: Atomic<UInt32>
    var size: Int
    var address: UnsafeMutableRawPointer?
  }

  /// How far a thread has come: the sequence of its next call. A line each.
  struct Progress: ~Copyable {
    let next: Atomic<Int>
    let padding: (Int, Int, Int, Int, Int, Int, Int)
  }

  let threads: Int
  let blockCount: Int
  let blocks: UnsafeMutablePointer<Block>
  let progress: UnsafeMutablePointer<Progress>
  /// Thread t's calls are calls[starts[t]] ..< calls[starts[t + 1]].
  private let calls: UnsafeMutablePointer<Call>
  private let starts: UnsafeMutablePointer<Int>
  private let exits: UnsafeMutablePointer<Int>
  /// Sums of sizes in the trace's own order.
  private(set) var peakLiveBytes = 0
  private(set) var liveBytes = 0

  /// Stands for the program until `prepare`. Never touched.
  static var unmapped: TraceProgram { TraceProgram() }

  private init() {
    threads = 1
    blockCount = 0
    blocks = UnsafeMutablePointer(bitPattern: 8).unsafelyUnwrapped
    progress = UnsafeMutablePointer(bitPattern: 8).unsafelyUnwrapped
    calls = UnsafeMutablePointer(bitPattern: 8).unsafelyUnwrapped
    starts = UnsafeMutablePointer(bitPattern: 8).unsafelyUnwrapped
    exits = UnsafeMutablePointer(bitPattern: 8).unsafelyUnwrapped
  }

  /// Reads the first `limit` calls of a trace (0: all).
  init(_ reader: inout TraceReader, limit: Int) {
    let most = limit == 0 ? Int(Int32.max) : limit
    var counts = TraceCounts(&reader, limit: most)
    threads = counts.threads
    blockCount = counts.blocks
    blocks = Mapping.table(of: Block.self, count: max(1, blockCount))
    progress = Mapping.table(of: Progress.self, count: threads)
    calls = Mapping.table(of: Call.self, count: max(1, counts.records))
    starts = counts.takeStarts()
    exits = Mapping.table(of: Int.self, count: threads)
    decode(&reader, count: counts.records)
  }

  /// How often a thread of this number ends.
  func exits(of thread: Int) -> Int { exits[thread] }

  func calls(of thread: Int) -> UnsafeMutableBufferPointer<Call> {
    UnsafeMutableBufferPointer(
      start: calls + starts[thread], count: starts[thread + 1] - starts[thread])
  }

  private mutating func decode(_ reader: inout TraceReader, count: Int) {
    let ends = Mapping.table(of: Int.self, count: threads)
    for thread in 0..<threads { ends[thread] = starts[thread] }
    let versions = Mapping.table(of: UInt32.self, count: max(1, blockCount))
    // Size + 1 of a live block, 0 of a dead one.
    let sizes = Mapping.table(of: Int.self, count: max(1, blockCount))
    reader.rewind()
    for sequence in 0..<count {
      guard let record = reader.next() else { break }
      if record.kind == .threadExit {
        calls[ends[record.thread]] = Call(sequence: UInt32(sequence), kind: .threadExit)
        ends[record.thread] += 1
        exits[record.thread] += 1
        continue
      }
      let block = record.block
      let allocates = record.kind != .free && record.kind != .realloc
      if allocates != (sizes[block] == 0) {
        reader.refuse(
          allocates ? "allocates a block that is live" : "uses a block that is not live")
      }
      if !allocates { liveBytes -= sizes[block] - 1 }
      sizes[block] = record.kind == .free ? 0 : record.size + 1
      liveBytes += record.size
      peakLiveBytes = max(peakLiveBytes, liveBytes)
      calls[ends[record.thread]] = Call(
        sequence: UInt32(sequence), block: UInt32(block), version: versions[block],
        kind: record.kind, alignmentLog2: UInt8(record.alignmentLog2), size: record.size)
      ends[record.thread] += 1
      versions[block] &+= 1
    }
  }
}

/// What a first pass over a trace counts.
private struct TraceCounts {
  private(set) var calls = 0
  /// Calls and ends of threads.
  private(set) var records = 0
  private(set) var threads = 1
  private(set) var blocks = 0
  private let perThread: UnsafeMutablePointer<Int>

  init(_ reader: inout TraceReader, limit: Int) {
    perThread = Mapping.table(of: Int.self, count: Options.maximumThreads + 1)
    while calls < limit, let record = reader.next() {
      records += 1
      if record.kind != .threadExit { calls += 1 }
      threads = max(threads, record.thread + 1)
      blocks = max(blocks, record.block + 1)
      perThread[record.thread] += 1
    }
  }

  /// Turns the counts into the index of each thread's first call.
  mutating func takeStarts() -> UnsafeMutablePointer<Int> {
    var start = 0
    for thread in 0...threads {
      let count = thread < threads ? perThread[thread] : 0
      perThread[thread] = start
      start += count
    }
    return perThread
  }
}
