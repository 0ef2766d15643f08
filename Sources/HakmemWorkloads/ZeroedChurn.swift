import HakmemWorkloadsHarness

/// Zeroed blocks in random slots. A block that was used before must be cleared, fresh memory need
/// not be: an allocator that knows the difference wins, the more the larger the blocks.
package struct ZeroedChurn: Workload {
  package static var name: StaticString { "calloc" }
  package static var help: StaticString {
    "each operation frees a random slot if it is full, else fills it by calloc and checks zeros"
  }

  private let slotCount: Int
  private let sizes: SizeRange
  private let touches: Bool
  private var slots = SlotTable.unmapped

  package init(_ parameters: inout Parameters, options: Options) {
    slotCount = parameters.integer("slots", default: 256, in: 1...(1 << 24))
    sizes = SizeRange(&parameters, minimum: 16, maximum: 4096, limit: Block.maximumSize)
    touches = parameters.flag("touch", default: false)
  }

  package mutating func prepare(_ run: UnsafeMutablePointer<Run>) {
    slots = SlotTable(threads: run.pointee.options.threads, count: slotCount)
  }

  package func work<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    let sizes = sizes
    let touches = touches
    slots.churn(worker, &calls, chunk: sizes.maximum > 65536 ? 1 : 64) { calls, random, _ in
      let size = sizes.next(&random)
      let block = calls.allocateZeroed(size)
      ZeroedChurn.checkZero(block, size: size, touching: touches)
      ZeroedChurn.dirty(block, size: size)
      Block.mark(block, size: size, touching: touches)
      return block
    } check: {
      Block.check($0, touched: touches)
    }
  }

  package func finish<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    slots.empty(worker.pointee.index, &calls) { Block.check($0, touched: touches) }
  }

  /// The places that blocks are written at: first, middle and last word, and with `touching` the
  /// first word of each page. Other places stay untouched, so that fresh memory stays fresh.
  @inline(__always)
  private static func checkZero(
    _ block: UnsafeMutableRawPointer, size: Int, touching: Bool
  ) {
    checkZero(block, offset: 0)
    checkZero(block, offset: (size / 2) & ~7)
    checkZero(block, offset: (size - 8) & ~7)
    if touching {
      var offset = 4096
      while offset + 8 <= size {
        checkZero(block, offset: offset)
        offset += 4096
      }
    }
  }

  @inline(__always)
  private static func checkZero(_ block: UnsafeMutableRawPointer, offset: Int) {
    let found = block.load(fromByteOffset: offset, as: UInt.self)
    if found != 0 {
      Failure.damaged(
        block, offset: offset, expected: 0, found: found, what: "calloc block is not zero")
    }
  }

  @inline(__always)
  private static func dirty(_ block: UnsafeMutableRawPointer, size: Int) {
    block.storeBytes(of: UInt.max, toByteOffset: (size / 2) & ~7, as: UInt.self)
    block.storeBytes(of: UInt.max, toByteOffset: (size - 8) & ~7, as: UInt.self)
  }
}
