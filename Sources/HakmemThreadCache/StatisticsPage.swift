import CHakmem
import CHakmemShims
import HakmemPages
import HakmemPlatform
import HakmemSlabs
import Synchronization

/// The heap's figures and events in a file that others map: `HAKMEM_STATS_PAGE=1`. Written from slow
/// calls, a bounded part of the walk at a time, by one thread.
package enum StatisticsPage {
  private struct State: ~Copyable {
    /// `MonitorStorage`'s: the page in use.
    let published: Atomic<UInt>
    /// 1 while a thread prepares figures.
    let isBusy: Atomic<UInt32>
    /// No file can be made.
    var isRefused: Bool
    /// The SuperSlab or, behind the last of them, the thread cache that comes next.
    var nextSuperSlab: UInt
    var nextCache: UInt
    var isWalking: Bool
    /// The library's version, a C string.
    var version: UInt
    var path: InlineArray<256, UInt8>
  }
  private static var state: UnsafeMutablePointer<State> {
    Memory.pointer(at: MonitorStorage.state)
  }
  private static var prepared: UnsafeMutablePointer<Statistics> {
    Memory.pointer(at: MonitorStorage.prepared)
  }

  /// At most 128 MiB of SuperSlabs in 100 ms: about 2000 records, a thousandth of the time.
  private static let mostSuperSlabs = 64
  private static let mostCaches = 64

  package static var fault: StaticString? {
    if MemoryLayout<State>.size > MonitorStorage.stateBytes
      || MemoryLayout<Statistics>.size > MonitorStorage.preparedBytes
      || SizeClass.count * MemoryLayout<hakmem_class_statistics_t>.stride
        > Int(MonitorStorage.eventsOffset &- MonitorStorage.classesOffset)
      || MemoryLayout<hakmem_page_t>.size > Int(MonitorStorage.classesOffset)
    {
      return "the statistics page's parts do not fit"
    }
    return MonitorStorage.fault
  }

  // MARK: The file

  /// Publishes a page for this process, if it can.
  package static func open(version: StaticString) {
    state.pointee.version = UInt(bitPattern: version.utf8Start)
    open()
  }

  private static func open() {
    let process = SystemCalls.processID()
    let page = map(in: "/dev/shm", process) ?? map(in: "/tmp", process)
    guard let page else {
      state.pointee.isRefused = true
      guard !Option.quiet.isOn else { return }
      return Text.message {
        $0.append("hakmem: HAKMEM_STATS_PAGE: no file can be made in /dev/shm or /tmp\n")
      }
    }
    // Events so far go along.
    Memory.copy(from: MonitorStorage.ownPage, to: page, MonitorStorage.pageBytes)
    writeHeader(page, process)
    state.pointee.isWalking = false
    MonitorStorage.publish(page)
  }

  private static func map(in folder: StaticString, _ process: UInt32) -> UInt? {
    state.pointee.path[0] = 0
    return withPath { path, capacity in
      var text = Text(path, capacity: capacity)
      text.append(folder)
      text.append("/hakmem.")
      text.append(UInt(SystemCalls.userID()))
      text.append(".")
      text.append(UInt(process))
      text.terminate()
      if let page = SystemCalls.mapNewFile(path, byteCount: MonitorStorage.pageBytes) {
        return page
      }
      // Left by a process that had this number before, or by the program that this one ran last.
      SystemCalls.removeFile(path)
      return SystemCalls.mapNewFile(path, byteCount: MonitorStorage.pageBytes)
    }
  }

  private static func withPath<Result>(
    _ body: (UnsafeMutablePointer<UInt8>, Int) -> Result
  ) -> Result {
    body(Memory.pointer(at: Memory.address(of: &state.pointee.path)), 256)
  }

  private static func writeHeader(_ address: UInt, _ process: UInt32) {
    let page: UnsafeMutablePointer<hakmem_page_t> = Memory.pointer(at: address)
    let magic: StaticString = "hakmem\n"
    Memory.copy(from: UInt(bitPattern: magic.utf8Start), to: address, 8)
    page.pointee.format = UInt32(HAKMEM_PAGE_FORMAT)
    page.pointee.size = UInt32(MonitorStorage.pageBytes)
    page.pointee.pid = process
    page.pointee.sequence = 0
    page.pointee.started = hakmem_calendar_nanoseconds()
    page.pointee.refreshed = 0
    page.pointee.classes_offset = UInt32(MonitorStorage.classesOffset)
    page.pointee.class_count = UInt32(SizeClass.count - 1)
    page.pointee.class_stride = UInt32(MemoryLayout<hakmem_class_statistics_t>.stride)
    page.pointee.events_offset = UInt32(MonitorStorage.eventsOffset)
    page.pointee.event_capacity = UInt32(HAKMEM_PAGE_EVENTS)
    page.pointee.event_stride = UInt32(MonitorStorage.eventBytes)
    page.pointee.total_size = UInt32(MemoryLayout<hakmem_statistics_t>.size)
    let version = Memory.pointer(at: state.pointee.version, to: UInt8.self)
    withUnsafeMutableBytes(of: &page.pointee.version) { bytes in
      var index = 0
      while index < bytes.count - 1, version[index] != 0 {
        bytes[index] = version[index]
        index += 1
      }
    }
  }

  /// At the end of the process: the file goes, the events stay readable for what still runs.
  package static func close() {
    guard MonitorStorage.isPublished, isOwn else { return }
    withPath { path, _ in SystemCalls.removeFile(path) }
  }

  /// In the child of a fork: the page is the parent's. The child publishes its own when it has lived
  /// long enough for a refresh.
  package static func leaveToParent() {
    guard MonitorStorage.isPublished else { return }
    let page = MonitorStorage.page
    MonitorStorage.publish(0)
    state.pointee.isBusy.store(0, ordering: .relaxed)
    SystemCalls.unmap(page, MonitorStorage.pageBytes)
  }

  private static var isOwn: Bool {
    Memory.pointer(at: MonitorStorage.page, to: hakmem_page_t.self).pointee.pid
      == SystemCalls.processID()
  }

  // MARK: The figures

  /// Goes on with the walk; at its end the figures replace those in the page.
  static func refresh() {
    guard !state.pointee.isRefused,
      state.pointee.isBusy.exchange(1, ordering: .acquiring) == 0
    else { return }
    // A child that came by without the fork handlers.
    if MonitorStorage.isPublished, !isOwn { leaveToParent() }
    if !MonitorStorage.isPublished { open() }
    if MonitorStorage.isPublished, walk() { publish() }
    state.pointee.isBusy.store(0, ordering: .releasing)
  }

  /// True at the end of the heap.
  private static func walk() -> Bool {
    if !state.pointee.isWalking {
      prepared.initialize(to: Statistics())
      state.pointee.nextSuperSlab = SuperSlab.first?.address ?? 0
      state.pointee.nextCache = ThreadCache.first?.address ?? 0
      state.pointee.isWalking = true
    }
    for _ in 0..<mostSuperSlabs where state.pointee.nextSuperSlab != 0 {
      let superSlab = SuperSlab(unsafeRecord: state.pointee.nextSuperSlab)
      prepared.pointee.add(superSlab)
      state.pointee.nextSuperSlab = superSlab.next?.address ?? 0
    }
    guard state.pointee.nextSuperSlab == 0 else { return false }
    for _ in 0..<mostCaches where state.pointee.nextCache != 0 {
      let cache = ThreadCache(unsafeAt: state.pointee.nextCache)
      prepared.pointee.add(cache)
      state.pointee.nextCache = cache.next?.address ?? 0
    }
    guard state.pointee.nextCache == 0 else { return false }
    prepared.pointee.finish { Depot.blockCount($0) }
    state.pointee.isWalking = false
    return true
  }

  private static func publish() {
    let address = MonitorStorage.page
    let page: UnsafeMutablePointer<hakmem_page_t> = Memory.pointer(at: address)
    let sequence: UnsafeMutablePointer<Atomic<UInt32>> = Memory.pointer(
      at: Memory.address(of: &page.pointee.sequence))
    // Acquiring, so that no figure is written before the sequence is odd.
    sequence.pointee.wrappingAdd(1, ordering: .acquiring)
    page.pointee.total = prepared.pointee.total
    var place = address &+ MonitorStorage.classesOffset
    for number in 1..<SizeClass.count {
      Memory.pointer(at: place, to: hakmem_class_statistics_t.self).pointee =
        prepared.pointee.classes[number]
      place &+= UInt(MemoryLayout<hakmem_class_statistics_t>.stride)
    }
    page.pointee.refreshed = hakmem_calendar_nanoseconds()
    // Releases the figures.
    sequence.pointee.wrappingAdd(1, ordering: .releasing)
  }
}
