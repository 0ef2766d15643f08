import HakmemWorkloadsHarness

/// Blocks that a workload holds: a table of slots for each thread, empty or with a block.
struct SlotTable {
  /// Slots of one thread.
  let count: Int
  private let base: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  /// Distance of two threads' tables: whole pages, so that they share no line.
  private let stride: Int

  init(threads: Int, count: Int) {
    self.count = count
    stride = (count + 511) & ~511
    base = Mapping.table(of: UnsafeMutableRawPointer?.self, count: threads * stride)
  }

  /// Stands for the table until `prepare`. Never touched.
  static var unmapped: SlotTable { SlotTable() }

  private init() {
    count = 0
    stride = 0
    base = UnsafeMutablePointer(bitPattern: 8).unsafelyUnwrapped
  }

  @inline(__always)
  subscript(thread: Int) -> UnsafeMutablePointer<UnsafeMutableRawPointer?> {
    base + thread &* stride
  }

  /// The classic loop: each operation picks a random slot, frees it if full, else fills it.
  @inline(__always)
  func churn<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls, chunk: Int,
    fill: (inout Calls, inout Random, UInt64) -> UnsafeMutableRawPointer,
    check: (UnsafeMutableRawPointer) -> Void
  ) {
    let slots = self[worker.pointee.index]
    let count = count
    var random = worker.pointee.random
    while true {
      var rest = worker.pointee.nextChunk(of: chunk)
      if rest == 0 { break }
      while rest > 0 {
        rest &-= 1
        let value = random.next()
        let slot = slots + Random.scale(value, to: count)
        if let block = slot.pointee {
          check(block)
          calls.free(block)
          slot.pointee = nil
        } else {
          slot.pointee = fill(&calls, &random, value)
        }
      }
    }
    worker.pointee.random = random
  }

  /// Frees what a thread still holds.
  func empty<Calls: AllocationCalls>(
    _ thread: Int, _ calls: inout Calls, check: (UnsafeMutableRawPointer) -> Void
  ) {
    let slots = self[thread]
    for index in 0..<count {
      if let block = slots[index] {
        check(block)
        calls.free(block)
        slots[index] = nil
      }
    }
  }
}
