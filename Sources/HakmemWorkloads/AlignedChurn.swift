import HakmemWorkloadsHarness

/// Aligned blocks in random slots, by posix_memalign, as vector code and the Swift runtime ask for
/// them.
package struct AlignedChurn: Workload {
  package static var name: StaticString { "aligned" }
  package static var help: StaticString {
    "random slots filled by posix_memalign; alignment=0 takes a random power of two, 16 … 4096"
  }
  package static var hasFloor: Bool { false }

  private let slotCount: Int
  private let sizes: SizeRange
  private let alignment: Int
  private var slots = SlotTable.unmapped

  package init(_ parameters: inout Parameters, options: Options) {
    slotCount = parameters.integer("slots", default: 256, in: 1...(1 << 24))
    sizes = SizeRange(&parameters, minimum: 16, maximum: 1024, limit: 1 << 30)
    alignment = parameters.integer("alignment", default: 64, in: 0...(1 << 30))
    if alignment != 0 && (alignment < 8 || alignment & (alignment - 1) != 0) {
      parameters.reject("alignment", because: "must be 0 or a power of two from 8 on")
    }
  }

  package mutating func prepare(_ run: UnsafeMutablePointer<Run>) {
    slots = SlotTable(threads: run.pointee.options.threads, count: slotCount)
  }

  package func work<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    let sizes = sizes
    let fixed = alignment
    slots.churn(worker, &calls, chunk: 256) { calls, random, value in
      let alignment = fixed != 0 ? fixed : 16 << Int((value & 0xFF) * 9 >> 8)
      let size = sizes.next(&random)
      let block = calls.allocateAligned(size, alignment: alignment)
      let misaligned = UInt(bitPattern: block) & UInt(alignment - 1)
      if misaligned != 0 {
        Failure.damaged(
          block, offset: 0, expected: 0, found: misaligned, what: "block is not aligned")
      }
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
