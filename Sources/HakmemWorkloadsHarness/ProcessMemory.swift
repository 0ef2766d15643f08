import HakmemWorkloadsSystem

/// The process's resident memory in KiB, read from /proc without allocating. The harness's own
/// tables, which are resident from start to end, are left out. One thread at a time may ask: the
/// first of a run in the timed part, then the main thread.
package enum ProcessMemory {
  private static let scratchSize = Int(HARNESS_SCRATCH_SIZE)
  private static var harnessKiB: Int { Mapping.residentBytes / 1024 }

  /// Highest resident size so far.
  package static func peakKiB() -> Int {
    max(0, (field("VmHWM:", of: "/proc/self/status") ?? 0) - harnessKiB)
  }

  /// Resident size now, counted page by page where the kernel offers it.
  package static func exactKiB() -> Int {
    if let size = field("Rss:", of: "/proc/self/smaps_rollup") { return max(0, size - harnessKiB) }
    return quickKiB()
  }

  /// Resident size now from the kernel's counters: quick, and exact to a few dozen pages.
  package static func quickKiB() -> Int {
    var size = 0
    withContents(of: "/proc/self/statm") { text in
      guard let space = text.firstIndex(of: UInt8(ascii: " ")) else { return }
      let rest = text.dropFirst(space + 1)
      let pages = rest.prefix(rest.firstIndex(of: UInt8(ascii: " ")) ?? 0).decimal ?? 0
      size = pages * (sysconf(Int32(_SC_PAGESIZE)) / 1024)
    }
    return max(0, size - harnessKiB)
  }

  /// Lines of /proc/self/maps, that is mappings of the process.
  package static func mappingCount() -> Int {
    var lines = 0
    let file = open("/proc/self/maps")
    guard file >= 0 else { return 0 }
    let buffer = harness_scratch()!
    while true {
      let length = read(file, buffer, ProcessMemory.scratchSize)
      if length <= 0 { break }
      for index in 0..<length where buffer[index] == CChar(UInt8(ascii: "\n")) { lines += 1 }
    }
    close(file)
    return lines
  }

  /// The number after `name` in a file of "Name:   number kB" lines.
  private static func field(_ name: StaticString, of path: StaticString) -> Int? {
    var value: Int?
    withContents(of: path) { text in
      var rest = text
      while rest.count > 0 {
        let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.count
        if rest.hasPrefix(name) {
          var number = rest.prefix(end).dropFirst(name.utf8CodeUnitCount)
          while number.count > 0 && (number[0] == 32 || number[0] == 9) {
            number = number.dropFirst(1)
          }
          value = number.prefix(number.firstIndex(of: 32) ?? number.count).decimal
          return
        }
        rest = rest.dropFirst(min(end + 1, rest.count))
      }
    }
    return value
  }

  /// Calls `body` with the first 4 KiB of a file.
  private static func withContents(of path: StaticString, _ body: (CText) -> Void) {
    let file = open(path)
    guard file >= 0 else { return }
    let buffer = harness_scratch()!
    var length = 0
    while length < ProcessMemory.scratchSize {
      let count = read(file, buffer + length, ProcessMemory.scratchSize - length)
      if count <= 0 { break }
      length += count
    }
    body(CText(bytes: buffer, count: length))
    close(file)
  }

  private static func open(_ path: StaticString) -> Int32 {
    harness_open(CText(path).bytes)
  }
}
