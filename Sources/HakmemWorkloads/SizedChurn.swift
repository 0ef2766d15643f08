import HakmemWorkloadsHarness

/// What one of the random-slot workloads for larger blocks differs in.
package protocol SizedChurnSettings {
  static var name: StaticString { get }
  static var help: StaticString { get }
  static var slots: Int { get }
  static var minimum: Int { get }
  static var maximum: Int { get }
  /// Operations between two looks at the clock.
  static var chunk: Int { get }
}

/// Random slots again, with larger blocks whose every page is written.
package struct SizedChurn<Settings: SizedChurnSettings>: Workload {
  package static var name: StaticString { Settings.name }
  package static var help: StaticString { Settings.help }

  private let slotCount: Int
  private let sizes: SizeRange
  /// Whether every page is written; else the first and the last alone.
  private let touches: Bool
  private var slots = SlotTable.unmapped

  package init(_ parameters: inout Parameters, options: Options) {
    slotCount = parameters.integer("slots", default: Settings.slots, in: 1...(1 << 20))
    sizes = SizeRange(
      &parameters, minimum: Settings.minimum, maximum: Settings.maximum, limit: Block.maximumSize)
    touches = parameters.flag("touch", default: true)
  }

  package mutating func prepare(_ run: UnsafeMutablePointer<Run>) {
    slots = SlotTable(threads: run.pointee.options.threads, count: slotCount)
  }

  package func work<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    let sizes = sizes
    let touches = touches
    slots.churn(worker, &calls, chunk: Settings.chunk) { calls, random, _ in
      let size = sizes.next(&random)
      let block = calls.allocate(size)
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
}

/// Buffers, images, small arrays.
package enum MediumChurnSettings: SizedChurnSettings {
  package static var name: StaticString { "medium_churn" }
  package static var help: StaticString {
    "each operation frees a random slot if it is full, else fills it with 32 KiB … 1 MiB"
  }
  package static var slots: Int { 64 }
  package static var minimum: Int { 32 << 10 }
  package static var maximum: Int { 1 << 20 }
  package static var chunk: Int { 16 }
}

/// Blocks beyond every size class.
package enum LargeChurnSettings: SizedChurnSettings {
  package static var name: StaticString { "large_churn" }
  package static var help: StaticString {
    "each operation frees a random slot if it is full, else fills it with 1 … 64 MiB"
  }
  package static var slots: Int { 8 }
  package static var minimum: Int { 1 << 20 }
  package static var maximum: Int { 64 << 20 }
  package static var chunk: Int { 1 }
}

package typealias MediumChurn = SizedChurn<MediumChurnSettings>
package typealias LargeChurn = SizedChurn<LargeChurnSettings>
