import HakmemWorkloadsHarness

/// A block that grows by half again and again, as a vector or a string buffer does, its new bytes
/// written each time.
package struct ReallocGrowth: Workload {
  package static var name: StaticString { "realloc_growth" }
  package static var unit: StaticString { "reallocations" }
  package static var help: StaticString {
    "one block per thread grows by realloc from minimum to maximum bytes, × 1.5, every page written"
  }
  package static var defaults: Options.Defaults {
    var defaults = Options.Defaults()
    defaults.warmUpPercent = 0
    return defaults
  }

  private let minimum: Int
  private let maximum: Int

  package init(_ parameters: inout Parameters, options: Options) {
    minimum = parameters.integer("minimum", default: 4096, in: 16...(1 << 40))
    maximum = parameters.integer("maximum", default: 1 << 30, in: 16...(1 << 40))
    if maximum <= minimum { parameters.reject("maximum", because: "is not above minimum") }
  }

  package func work<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    while worker.pointee.nextChunk(of: 1) > 0 {
      var size = minimum
      var block = calls.allocate(size)
      let origin = block
      Block.markPages(block, from: 0, size: size, origin: origin)
      repeat {
        let larger = min(size + size / 2, maximum)
        block = calls.reallocate(block, larger)
        // The bytes that moved last are the likeliest to be wrong; all are checked at the end.
        Block.checkPages(block, from: max(0, size - 8192), size: size, origin: origin)
        Block.markPages(block, from: size, size: larger, origin: origin)
        size = larger
      } while size < maximum && oneMore(worker)
      Block.checkPages(block, from: 0, size: size, origin: origin)
      calls.free(block)
    }
  }

  /// Bounded by time, a growth once begun is finished: its last steps cost the most.
  private func oneMore(_ worker: UnsafeMutablePointer<Worker>) -> Bool {
    if worker.pointee.isTimeBounded {
      worker.pointee.operations &+= 1
      return true
    }
    return worker.pointee.nextChunk(of: 1) > 0
  }
}
