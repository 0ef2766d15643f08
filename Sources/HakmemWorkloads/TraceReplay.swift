import HakmemWorkloadsHarness
import HakmemWorkloadsSystem
import Synchronization

/// The allocation calls of a real program, by as many threads as it had, which end where its threads
/// did. The events of each block keep their order; between blocks, threads run freely within a window
/// of the trace.
package struct TraceReplay: Workload {
  package static var name: StaticString { "trace" }
  package static var help: StaticString {
    "one round: replays the allocation trace in file=PATH with the threads that it has"
  }
  package static var defaults: Options.Defaults {
    var defaults = Options.Defaults.memory
    defaults.settleMilliseconds = 500
    return defaults
  }
  package static var samplesMemory: Bool { true }

  private let file: CText
  private let window: Int
  private let touches: Bool
  private var program = TraceProgram.unmapped
  private var slots = UnsafeMutablePointer<Thread.Slot>(bitPattern: 8).unsafelyUnwrapped

  package init(_ parameters: inout Parameters, options: Options) {
    let path = parameters.text("file")
    if path == nil { parameters.reject("file", because: "must be given: file=PATH") }
    file = path ?? CText("")
    window = parameters.integer("window", default: 10_000, in: 1...(1 << 40))
    touches = parameters.flag("touch", default: true)
  }

  package mutating func prepare(_ run: UnsafeMutablePointer<Run>) {
    var reader = TraceReader(path: file)
    program = TraceProgram(&reader, limit: run.pointee.options.operations)
    slots = Thread.Slot.table(count: program.threads)
    for thread in 0..<program.threads {
      let first = program.calls(of: thread).first
      program.progress[thread].next.store(
        first.map { Int($0.sequence) } ?? Int.max, ordering: .relaxed)
    }
  }

  package func workerCount(_ options: Options) -> Int { program.threads }

  package func work<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    let thread = worker.pointee.index
    var position = 0
    for _ in 0..<program.exits(of: thread) {
      position = replayOnThreadOfItsOwn(worker, from: position, as: Calls.self)
    }
    _ = replay(worker, from: position, &calls)
    program.progress[thread].next.store(Int.max, ordering: .relaxed)
  }

  /// What a thread that ends needs to know.
  private struct Life<Calls: AllocationCalls> {
    let replay: TraceReplay
    let worker: UnsafeMutablePointer<Worker>
    var position: Int

    static func run(_ argument: UnsafeMutableRawPointer) {
      let life = argument.assumingMemoryBound(to: Life<Calls>.self)
      var calls = Calls(worker: life.pointee.worker)
      life.pointee.position = life.pointee.replay.replay(
        life.pointee.worker, from: life.pointee.position, &calls)
    }
  }

  /// Makes the calls up to the next end of a thread on a thread that ends then; returns the position
  /// behind it.
  private func replayOnThreadOfItsOwn<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, from position: Int, as calls: Calls.Type
  ) -> Int {
    let index = worker.pointee.index
    // Not long before the traced thread began.
    _ = waitForWindow(index, Int(program.calls(of: index)[position].sequence))
    var life = Life<Calls>(replay: self, worker: worker, position: position)
    withUnsafeMutablePointer(to: &life) {
      Thread.start(in: slots[index], argument: $0) { Life<Calls>.run($0) }.join()
    }
    return life.position
  }

  /// Makes the thread's calls from `position` to its next end, or to the last one; returns the
  /// position behind them.
  private func replay<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, from position: Int, _ calls: inout Calls
  ) -> Int {
    let thread = worker.pointee.index
    let own = program.calls(of: thread)
    var limit = -1
    for index in position..<own.count {
      let call = own[index]
      if call.kind == .threadExit { return index + 1 }
      let sequence = Int(call.sequence)
      if sequence > limit { limit = waitForWindow(thread, sequence) }
      let block = program.blocks + Int(call.block)
      // Acquires the block's state, released by whoever made its last event.
      if block.pointee.version.load(ordering: .acquiring) != call.version {
        wait(for: block, call, thread)
      }
      perform(call, block, &calls)
      block.pointee.version.store(call.version &+ 1, ordering: .releasing)
      worker.pointee.operations &+= 1
      if worker.pointee.operations & 63 == 0 {
        program.progress[thread].next.store(sequence, ordering: .relaxed)
        if thread == 0 && worker.pointee.operations & 1023 == 0 {
          worker.pointee.run.pointee.sampleMemory()
        }
      }
    }
    return own.count
  }

  /// Waits until the slowest thread is near enough; returns the last call that may be made then.
  /// The slowest thread itself never waits here.
  @inline(never)
  private func waitForWindow(_ thread: Int, _ sequence: Int) -> Int {
    program.progress[thread].next.store(sequence, ordering: .relaxed)
    var backoff = Backoff()
    while true {
      var slowest = Int.max
      for other in 0..<program.threads {
        slowest = min(slowest, program.progress[other].next.load(ordering: .relaxed))
      }
      // Int.max when this is the last thread.
      let limit = slowest == Int.max ? slowest : slowest + window - 1
      if sequence <= limit { return limit }
      backoff.pause()
    }
  }

  /// Waits for another thread's call on the block. Its own progress is told first, so that the
  /// other one is not held back by the window.
  @inline(never)
  private func wait(
    for block: UnsafeMutablePointer<TraceProgram.Block>, _ call: TraceProgram.Call, _ thread: Int
  ) {
    program.progress[thread].next.store(Int(call.sequence), ordering: .relaxed)
    var backoff = Backoff()
    while block.pointee.version.load(ordering: .acquiring) != call.version { backoff.pause() }
  }

  @inline(__always)
  private func perform<Calls: AllocationCalls>(
    _ call: TraceProgram.Call, _ block: UnsafeMutablePointer<TraceProgram.Block>,
    _ calls: inout Calls
  ) {
    switch call.kind {
    case .threadExit: return
    case .free:
      let address = block.pointee.address.unsafelyUnwrapped
      check(address, size: block.pointee.size)
      calls.free(address)
      block.pointee.address = nil
      return
    case .malloc:
      block.pointee.address = calls.allocate(call.size)
    case .calloc:
      block.pointee.address = calls.allocateZeroed(call.size)
      checkZero(block.pointee.address.unsafelyUnwrapped, size: call.size)
    case .aligned:
      block.pointee.address = calls.allocateAligned(
        call.size, alignment: max(8, 1 << Int(call.alignmentLog2)))
    case .realloc:
      block.pointee.address = reallocate(block, call.size, &calls)
    }
    block.pointee.size = call.size
    mark(block.pointee.address.unsafelyUnwrapped, size: call.size)
  }

  private func reallocate<Calls: AllocationCalls>(
    _ block: UnsafeMutablePointer<TraceProgram.Block>, _ size: Int, _ calls: inout Calls
  ) -> UnsafeMutableRawPointer {
    let old = block.pointee.address.unsafelyUnwrapped
    check(old, size: block.pointee.size)
    let common = min(block.pointee.size, size)
    let first = common >= 8 ? old.load(as: UInt.self) : 0
    let moved = calls.reallocate(old, size)
    if common >= 8 {
      let found = moved.load(as: UInt.self)
      if found != first { Failure.damaged(moved, offset: 0, expected: first, found: found) }
    }
    return moved
  }

  /// Traces have sizes below 8, too, even 0, and above 4 GiB: those have a mark of one byte.
  @inline(__always)
  private func mark(_ address: UnsafeMutableRawPointer, size: Int) {
    if (Block.minimumSize...Block.maximumSize).contains(size) {
      Block.mark(address, size: size, touching: touches)
    } else if size > 0 {
      address.storeBytes(
        of: UInt8(truncatingIfNeeded: UInt(bitPattern: address) >> 4),
        as: UInt8.self)
    }
  }

  @inline(__always)
  private func check(_ address: UnsafeMutableRawPointer, size: Int) {
    if (Block.minimumSize...Block.maximumSize).contains(size) {
      let found = Block.check(address)
      if found != size {
        Failure.damaged(
          address, offset: 0, expected: UInt(size), found: UInt(found),
          what: "block has another block's mark")
      }
    } else if size > 0 {
      let expected = UInt8(truncatingIfNeeded: UInt(bitPattern: address) >> 4)
      let found = address.load(as: UInt8.self)
      if found != expected {
        Failure.damaged(address, offset: 0, expected: UInt(expected), found: UInt(found))
      }
    }
  }

  private func checkZero(_ address: UnsafeMutableRawPointer, size: Int) {
    guard size > 0 else { return }
    let found =
      address.load(as: UInt8.self) | address.load(fromByteOffset: size - 1, as: UInt8.self)
    if found != 0 {
      Failure.damaged(
        address, offset: 0, expected: 0, found: UInt(found), what: "calloc block is not zero")
    }
  }

  /// Frees what the traced program never freed.
  package func tearDown() {
    let calls = PlainCalls()
    for index in 0..<program.blockCount {
      let block = program.blocks + index
      if let address = block.pointee.address {
        check(address, size: block.pointee.size)
        calls.free(address)
      }
    }
  }

  package var liveBytes: Int? { program.liveBytes }
  package var peakLiveBytes: Int? { program.peakLiveBytes }
}
