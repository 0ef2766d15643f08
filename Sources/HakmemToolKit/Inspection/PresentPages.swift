import CHakmemToolSystem
import Foundation

/// Which pages of a process are present, from /proc/PID/pagemap. Pages of zeroes, which the kernel
/// does not count as resident, are left out where it can tell (Linux 6.7).
package struct PresentPages: Sendable {
  /// Neighbouring present pages inside one area.
  struct Stretch: Sendable {
    var addresses: Range<UInt>
    var isHuge: Bool
    /// Index of the area.
    var area: Int
  }

  /// In the order of addresses.
  private(set) var stretches: [Stretch] = []

  /// Finds the pages in `areas`, which are in the order of addresses.
  ///
  /// - Throws: `InspectionFailure` when the kernel refuses.
  init(pid: Int32, areas: [MemoryArea]) throws {
    let pagemap = open("/proc/\(pid)/pagemap", O_RDONLY | O_CLOEXEC)
    guard pagemap >= 0 else { throw InspectionFailure.system(pid, errno) }
    defer { close(pagemap) }
    var found = [hakmem_tool_pages](repeating: hakmem_tool_pages(), count: 512)
    for (index, area) in areas.enumerated() where area.resident > 0 {
      var start = UInt64(area.addresses.lowerBound)
      let end = UInt64(area.addresses.upperBound)
      while start < end {
        let count = hakmem_tool_present_pages(pagemap, start, end, &found, found.count, &start)
        guard count >= 0 else { throw InspectionFailure.system(pid, errno) }
        for pages in found[..<count] {
          stretches.append(
            Stretch(
              addresses: UInt(pages.start)..<UInt(pages.end), isHuge: pages.is_huge, area: index))
        }
      }
    }
  }

  /// For tests.
  init(stretches: [Stretch]) { self.stretches = stretches }

  /// Calls `body` for each part of `addresses` that is present. Calls with ascending addresses are
  /// fast: `cursor` remembers the place.
  func forEachPart(
    of addresses: Range<UInt>, cursor: inout Int, _ body: (Range<UInt>, Stretch) -> Void
  ) {
    var index = cursor
    let isBehind =
      index < stretches.count && stretches[index].addresses.upperBound <= addresses.lowerBound
    let isFirst =
      index < stretches.count
      && (index == 0 || stretches[index - 1].addresses.upperBound <= addresses.lowerBound)
    if !isFirst || isBehind { index = firstEnding(after: addresses.lowerBound) }
    cursor = index
    while index < stretches.count, stretches[index].addresses.lowerBound < addresses.upperBound {
      let part = stretches[index].addresses.clamped(to: addresses)
      if !part.isEmpty { body(part, stretches[index]) }
      index += 1
    }
  }

  private func firstEnding(after address: UInt) -> Int {
    var low = 0
    var high = stretches.count
    while low < high {
      let middle = (low + high) / 2
      if stretches[middle].addresses.upperBound <= address {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low
  }
}
