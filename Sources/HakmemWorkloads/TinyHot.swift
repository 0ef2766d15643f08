import HakmemWorkloadsHarness
import HakmemWorkloadsSystem

/// One block of one size, allocated and freed at once, over and over: the fast paths alone.
package struct TinyHot: Workload {
  package static var name: StaticString { "tiny_hot" }
  package static var help: StaticString {
    "malloc and free of one small block in a hot loop; each call is an operation"
  }
  package static var hasFloor: Bool { true }

  private let size: Int

  package init(_ parameters: inout Parameters, options: Options) {
    size = parameters.integer("size", default: 32, in: 8...(1 << 20))
  }

  package var floorBlocks: FloorBlocks { FloorBlocks(count: 1, size: size) }

  package func work<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    let size = size
    while true {
      var pairs = (worker.pointee.nextChunk(of: 4096) &+ 1) / 2
      if pairs == 0 { break }
      while pairs > 0 {
        let block = calls.allocate(size)
        block.storeBytes(of: pairs, as: Int.self)
        harness_escape(block)
        let found = block.load(as: Int.self)
        if found != pairs {
          Failure.damaged(
            block, offset: 0, expected: UInt(bitPattern: pairs), found: UInt(bitPattern: found))
        }
        calls.free(block)
        pairs &-= 1
      }
    }
  }
}
