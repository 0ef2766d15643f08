import HakmemWorkloadsHarness
import HakmemWorkloadsSystem
import Synchronization

/// Threads swap their blocks through shared slots, so that with two threads half of the frees are
/// of blocks that the other thread allocated, in no order.
package struct Exchange: Workload {
  package static var name: StaticString { "exchange" }
  package static var help: StaticString {
    "threads swap blocks of 16 … 1039 bytes through shared slots and free what they get"
  }
  package static var hasFloor: Bool { true }
  package static var defaults: Options.Defaults {
    var defaults = Options.Defaults()
    defaults.threads = 2
    return defaults
  }

  private let slotCount: Int
  private var slots = UnsafeMutablePointer<Atomic<UInt>>(bitPattern: 8).unsafelyUnwrapped

  package init(_ parameters: inout Parameters, options: Options) {
    slotCount = parameters.integer("slots", default: 4096, in: 1...(1 << 24))
  }

  package var floorBlocks: FloorBlocks { FloorBlocks(count: slotCount + 1, size: 1040) }

  package mutating func prepare(_ run: UnsafeMutablePointer<Run>) {
    slots = Mapping.table(of: Atomic<UInt>.self, count: slotCount)
  }

  package func work<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    let slots = slots
    let slotCount = slotCount
    var random = worker.pointee.random
    // Swaps with an empty slot, which free nothing.
    var emptySlots = 0
    while true {
      var swaps = (worker.pointee.nextChunk(of: 1024) &+ 1) / 2
      if swaps == 0 { break }
      while swaps > 0 {
        swaps &-= 1
        let value = random.next()
        let size = 16 + Int(truncatingIfNeeded: value & 0x3FF)
        let block = calls.allocate(size)
        Block.markLightly(block, size: size)
        // Releases what was written into the block, acquires what the other thread wrote.
        let word = slots[Random.scale(value, to: slotCount)].exchange(
          UInt(bitPattern: block), ordering: .acquiringAndReleasing)
        if let old = UnsafeMutableRawPointer(bitPattern: word) {
          Block.checkLightly(old)
          calls.free(old)
        } else {
          emptySlots &+= 1
        }
      }
    }
    worker.pointee.operations &-= emptySlots
    worker.pointee.random = random
  }

  /// Thread 0 frees what lies in the slots; nobody swaps any more.
  package func finish<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    guard worker.pointee.index == 0 else { return }
    for index in 0..<slotCount {
      let word = slots[index].exchange(0, ordering: .acquiring)
      if let block = UnsafeMutableRawPointer(bitPattern: word) {
        Block.checkLightly(block)
        calls.free(block)
      }
    }
  }
}
