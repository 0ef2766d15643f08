import HakmemWorkloadsHarness

/// A small window of blocks whose sizes lie around one size, half below and half above: is there a
/// cliff where an allocator goes from one mechanism to the next?
package struct Borders: Workload {
  package static var name: StaticString { "borders" }
  package static var help: StaticString {
    "a window of blocks, the oldest replaced each time, of sizes within spread bytes of size"
  }
  package static var hasFloor: Bool { true }

  private let size: Int
  private let spread: Int
  private let window: Int
  private var slots = SlotTable.unmapped

  package init(_ parameters: inout Parameters, options: Options) {
    size = parameters.integer("size", default: 1024, in: 16...(1 << 31))
    spread = parameters.integer("spread", default: 16, in: 0...(1 << 20))
    window = parameters.integer("window", default: 16, in: 1...(1 << 20))
    if spread > size - Block.minimumSize {
      parameters.reject("spread", because: "makes sizes below 8 bytes")
    }
  }

  package var floorBlocks: FloorBlocks { FloorBlocks(count: window + 1, size: size + spread) }

  package mutating func prepare(_ run: UnsafeMutablePointer<Run>) {
    slots = SlotTable(threads: run.pointee.options.threads, count: window)
  }

  package func work<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    let blocks = slots[worker.pointee.index]
    let smallest = size - spread
    let choices = 2 * spread + 1
    let window = window
    var random = worker.pointee.random
    var oldest = 0
    for index in 0..<worker.pointee.nextChunk(of: window) {
      blocks[index] = Borders.allocate(smallest + random.below(choices), &calls)
    }
    while true {
      let replacements = (worker.pointee.nextChunk(of: 512) &+ 1) / 2
      if replacements == 0 { break }
      for _ in 0..<replacements {
        let slot = blocks + oldest
        oldest = oldest &+ 1 == window ? 0 : oldest &+ 1
        if let block = slot.pointee {
          Block.check(block)
          calls.free(block)
        }
        slot.pointee = Borders.allocate(smallest + random.below(choices), &calls)
      }
    }
    worker.pointee.random = random
  }

  @inline(__always)
  private static func allocate<Calls: AllocationCalls>(_ size: Int, _ calls: inout Calls)
    -> UnsafeMutableRawPointer
  {
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
