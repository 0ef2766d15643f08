import HakmemWorkloadsSystem

/// The allocation functions as a workload's loop calls them. The loop is generic over these, so
/// that it compiles once for plain calls, once for timed ones and once for the harness's floor.
package protocol AllocationCalls {
  init(worker: UnsafeMutablePointer<Worker>)
  mutating func allocate(_ size: Int) -> UnsafeMutableRawPointer
  mutating func allocateZeroed(_ size: Int) -> UnsafeMutableRawPointer
  mutating func allocateAligned(_ size: Int, alignment: Int) -> UnsafeMutableRawPointer
  mutating func reallocate(_ block: UnsafeMutableRawPointer, _ size: Int)
    -> UnsafeMutableRawPointer
  mutating func free(_ block: UnsafeMutableRawPointer)
}

/// The calls as they are; NULL ends the process.
package struct PlainCalls: AllocationCalls {
  @inline(__always)
  package init(worker: UnsafeMutablePointer<Worker>) {}

  @inline(__always)
  package init() {}

  @inline(__always)
  package func allocate(_ size: Int) -> UnsafeMutableRawPointer {
    guard let block = malloc(size) else { Failure.outOfMemory("malloc", size: size) }
    harness_escape(block)
    return block
  }

  @inline(__always)
  package func allocateZeroed(_ size: Int) -> UnsafeMutableRawPointer {
    guard let block = calloc(1, size) else { Failure.outOfMemory("calloc", size: size) }
    harness_escape(block)
    return block
  }

  @inline(__always)
  package func allocateAligned(_ size: Int, alignment: Int) -> UnsafeMutableRawPointer {
    var block: UnsafeMutableRawPointer?
    guard posix_memalign(&block, alignment, size) == 0, let block else {
      Failure.outOfMemory("posix_memalign", size: size)
    }
    return block
  }

  @inline(__always)
  package func reallocate(_ block: UnsafeMutableRawPointer, _ size: Int)
    -> UnsafeMutableRawPointer
  {
    harness_escape(block)
    guard let moved = realloc(block, size) else { Failure.outOfMemory("realloc", size: size) }
    harness_escape(moved)
    return moved
  }

  @inline(__always)
  package func free(_ block: UnsafeMutableRawPointer) {
    harness_escape(block)
    HakmemWorkloadsSystem.free(block)
  }
}

/// The calls, each timed with the time-stamp counter into the thread's histogram.
package struct TimedCalls: AllocationCalls {
  private let histogram: Histogram
  private let scale: TickScale
  private let calls = PlainCalls()

  package init(worker: UnsafeMutablePointer<Worker>) {
    histogram = worker.pointee.histogram
    scale = worker.pointee.run.pointee.tickScale
  }

  @inline(__always)
  private func record(since start: UInt64) {
    histogram.record(scale.nanoseconds(harness_ticks() &- start))
  }

  @inline(__always)
  package func allocate(_ size: Int) -> UnsafeMutableRawPointer {
    let start = harness_ticks()
    let block = calls.allocate(size)
    record(since: start)
    return block
  }

  @inline(__always)
  package func allocateZeroed(_ size: Int) -> UnsafeMutableRawPointer {
    let start = harness_ticks()
    let block = calls.allocateZeroed(size)
    record(since: start)
    return block
  }

  @inline(__always)
  package func allocateAligned(_ size: Int, alignment: Int) -> UnsafeMutableRawPointer {
    let start = harness_ticks()
    let block = calls.allocateAligned(size, alignment: alignment)
    record(since: start)
    return block
  }

  @inline(__always)
  package func reallocate(_ block: UnsafeMutableRawPointer, _ size: Int)
    -> UnsafeMutableRawPointer
  {
    let start = harness_ticks()
    let moved = calls.reallocate(block, size)
    record(since: start)
    return moved
  }

  @inline(__always)
  package func free(_ block: UnsafeMutableRawPointer) {
    let start = harness_ticks()
    calls.free(block)
    record(since: start)
  }
}

/// No allocator at all: a stack of equal blocks of the harness's own. What the loop takes with
/// these is the floor that no allocator can be expected to beat by much.
package struct FloorCalls: AllocationCalls {
  private var top: UnsafeMutablePointer<UnsafeMutableRawPointer>

  package init(worker: UnsafeMutablePointer<Worker>) {
    let blocks = worker.pointee.run.pointee.floorBlocks
    let stride = (blocks.size + 63) & ~63
    let memory = Mapping.pages(blocks.count * stride, populate: true)
    top = Mapping.table(of: UnsafeMutableRawPointer.self, count: blocks.count)
    for index in 0..<blocks.count { free(memory + index * stride) }
  }

  @inline(__always)
  package mutating func allocate(_ size: Int) -> UnsafeMutableRawPointer {
    top -= 1
    let block = top.pointee
    harness_escape(block)
    return block
  }

  @inline(__always)
  package mutating func free(_ block: UnsafeMutableRawPointer) {
    harness_escape(block)
    top.pointee = block
    top += 1
  }

  package mutating func allocateZeroed(_ size: Int) -> UnsafeMutableRawPointer { allocate(size) }

  @inline(__always)
  package mutating func allocateAligned(_ size: Int, alignment: Int) -> UnsafeMutableRawPointer {
    allocate(size)
  }

  package mutating func reallocate(_ block: UnsafeMutableRawPointer, _ size: Int)
    -> UnsafeMutableRawPointer
  { block }
}
