import HakmemWorkloadsSystem
import Synchronization

/// Memory of the harness itself, from mmap: malloc is only what is measured.
///
/// Pages that are populated count in `residentBytes`, so that reports can leave them out.
package enum Mapping {
  private static let populatedBytes = Atomic<Int>(0)

  /// Bytes of resident memory that belong to the harness's tables.
  package static var residentBytes: Int { populatedBytes.load(ordering: .relaxed) }

  /// Zero pages for `size` bytes. Ends the process when there are none.
  @export(interface)
  package static func pages(_ size: Int, populate: Bool) -> UnsafeMutableRawPointer {
    let rounded = (max(size, 1) + 4095) & ~4095
    guard let address = harness_map(rounded, populate) else {
      Failure.harness("cannot map memory for the workload's tables")
    }
    if populate { _ = populatedBytes.wrappingAdd(rounded, ordering: .relaxed) }
    return address
  }

  /// A zeroed table of `count` elements, present in memory.
  package static func table<Element: ~Copyable>(of type: Element.Type, count: Int)
    -> UnsafeMutablePointer<
      Element
    >
  {
    pages(count * MemoryLayout<Element>.stride, populate: true)
      .bindMemory(to: Element.self, capacity: count)
  }
}
