import CHakmem
import CHakmemToolSystem
import Foundation

/// The page that a process publishes with HAKMEM_STATS_PAGE=1 (`hakmem_page_t`).
package struct PublishedPage: Equatable, Sendable {
  package let path: String
  /// The process's number in its own namespace.
  package let pid: Int32
  package let version: String
  /// Seconds since 1970.
  package let started: Double
  /// When the figures were; nil: never yet.
  package let refreshed: Double?
  package let statistics: HeapStatistics
  package let events: [HeapEvent]

  /// Whether nothing happened but purges.
  package var tellsNothing: Bool { events.allSatisfy { $0.kind == .purge } }

  private static let folders = ["/dev/shm", "/tmp"]

  /// The page of a process that runs, or ended without removing it; nil when there is none that may
  /// be read.
  package static func find(pid: Int32) -> PublishedPage? {
    let mapped = MemoryArea.parse(TextFile.read("/proc/\(pid)/maps") ?? "").map(\.name)
      .filter(isName)
    // As the process sees it, which may be in a container.
    let places = mapped.flatMap { ["/proc/\(pid)/root\($0)", $0] }
    for path in places + files().filter({ $0.hasSuffix(".\(pid)") }) {
      if let page = PublishedPage(path: path) { return page }
    }
    return nil
  }

  /// All pages on this machine that may be read.
  package static func all() -> [PublishedPage] { files().compactMap { PublishedPage(path: $0) } }

  /// Removes the pages that processes left behind, but for those that tell what happened.
  package static func removeAbandoned() {
    for path in files() where isAbandoned(path) {
      if PublishedPage(path: path)?.tellsNothing ?? isUnmade(path) { unlink(path) }
    }
  }

  /// Killed while it made its page, a process leaves a file without contents.
  private static func isUnmade(_ path: String) -> Bool {
    TextFile.bytes(path)?.allSatisfy { $0 == 0 } == true
  }

  /// False when a process still has the page, or that cannot be told.
  private static func isAbandoned(_ path: String) -> Bool {
    // The process may be in a container, where it has this number and here another; on some file
    // systems mappings do not count.
    guard let process = path.split(separator: ".").last.flatMap({ Int32($0) }),
      kill(process, 0) != 0, errno == ESRCH
    else { return false }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return hakmem_tool_is_written_to(descriptor) == 0
  }

  private static func files() -> [String] {
    folders.flatMap { folder in
      ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
        .map { "\(folder)/\($0)" }.filter(isName).sorted()
    }
  }

  /// Whether a path is named as a page: "hakmem.UID.PID".
  static func isName(_ path: String) -> Bool {
    let parts = (path.split(separator: "/").last ?? "").split(separator: ".")
    return parts.count == 3 && parts[0] == "hakmem" && parts[1...].allSatisfy { UInt32($0) != nil }
  }

  private static let mostAttempts = 100

  /// Reads a page between two refreshes; nil when the file is no page.
  package init?(path: String) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    for _ in 0..<Self.mostAttempts {
      guard let before = Self.sequence(descriptor), lseek(descriptor, 0, SEEK_SET) == 0,
        let bytes = TextFile.bytes(descriptor: descriptor)
      else { return nil }
      guard before % 2 == 0, before == Self.sequence(descriptor) else {
        // The process may wait for a processor in the middle of a refresh.
        usleep(1000)
        continue
      }
      self.init(path: path, bytes: bytes)
      return
    }
    return nil
  }

  private static func sequence(_ descriptor: Int32) -> UInt32? {
    var value: UInt32 = 0
    let offset = MemoryLayout<hakmem_page_t>.offset(of: \.sequence) ?? 0
    return pread(descriptor, &value, 4, off_t(offset)) == 4 ? value : nil
  }

  /// Nil when the bytes are no page of a format that is known.
  init?(path: String, bytes: [UInt8]) {
    guard bytes.starts(with: Array("hakmem\n".utf8)),
      bytes.count >= MemoryLayout<hakmem_page_t>.size
    else { return nil }
    let page = bytes.withUnsafeBytes { $0.loadUnaligned(as: hakmem_page_t.self) }
    guard page.format == HAKMEM_PAGE_FORMAT,
      let classes = Self.array(
        of: hakmem_class_statistics_t.self, bytes, page.classes_offset, page.class_count,
        page.class_stride),
      let events = Self.array(
        of: hakmem_event_t.self, bytes, page.events_offset, page.event_capacity, page.event_stride)
    else { return nil }
    self.path = path
    pid = Int32(truncatingIfNeeded: page.pid)
    version = withUnsafeBytes(of: page.version) {
      String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
    started = Double(page.started) / 1e9
    refreshed = page.refreshed == 0 ? nil : Double(page.refreshed) / 1e9
    statistics = HeapStatistics(total: page.total, classes: classes)
    self.events = events.filter {
      $0.number > 0 && $0.number <= page.event_count
        && $0.number + UInt64(page.event_capacity) > page.event_count
    }.sorted { $0.number < $1.number }.map { HeapEvent($0) }
  }

  private static func array<Element: BitwiseCopyable>(
    of type: Element.Type, _ bytes: [UInt8], _ offset: UInt32, _ count: UInt32, _ stride: UInt32
  ) -> [Element]? {
    guard stride >= MemoryLayout<Element>.size,
      UInt64(offset) + UInt64(count) * UInt64(stride) <= UInt64(bytes.count)
    else { return nil }
    return bytes.withUnsafeBytes { bytes in
      (0..<Int(count)).map {
        bytes.loadUnaligned(fromByteOffset: Int(offset) + $0 * Int(stride), as: type)
      }
    }
  }
}
