import HakmemWorkloadsHarness

/// Blocks of 16 … 1039 bytes in random slots: the everyday mix of a program, and the headline.
package struct RandomMixed: Workload {
  package static var name: StaticString { "random_mixed" }
  package static var help: StaticString {
    "each operation frees a random slot if it is full, else fills it with 16 … 1039 bytes"
  }
  package static var hasFloor: Bool { true }

  private let slotCount: Int
  private var slots = SlotTable.unmapped

  package init(_ parameters: inout Parameters, options: Options) {
    slotCount = parameters.integer("slots", default: 256, in: 1...(1 << 26))
  }

  package var floorBlocks: FloorBlocks { FloorBlocks(count: slotCount + 1, size: 1040) }

  package mutating func prepare(_ run: UnsafeMutablePointer<Run>) {
    slots = SlotTable(threads: run.pointee.options.threads, count: slotCount)
  }

  package func work<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    slots.churn(worker, &calls, chunk: 1024) { calls, _, value in
      let size = 16 + Int(truncatingIfNeeded: value & 0x3FF)
      let block = calls.allocate(size)
      Block.mark(block, size: size)
      return block
    } check: {
      Block.check($0)
    }
  }

  package func finish<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    slots.empty(worker.pointee.index, &calls) { Block.check($0) }
  }
}
