import CHakmem
import CHakmemShims
import Synchronization

/// What happened in the heap, in a ring: corruption, purges, limits, requests that failed. Written
/// without a lock and without allocating, also in signal handlers.
///
/// The ring lies in the page (`hakmem_page_t`): in static storage, or, when the statistics page is
/// published, in its file, so that it outlives a crash.
package enum Events {
  package static func record(
    _ kind: Kind, address: UInt = 0, size: UInt = 0, detail: UInt32 = 0
  ) {
    let page = MonitorStorage.page
    let number = counter(in: page).pointee.wrappingAdd(1, ordering: .relaxed).newValue
    let slot = slot(of: number, in: page)
    let mark: UnsafeMutablePointer<Atomic<UInt64>> = Memory.pointer(at: slot)
    // Acquiring, so that the fields are not written before the mark is gone.
    _ = mark.pointee.exchange(0, ordering: .acquiring)
    let event: UnsafeMutablePointer<hakmem_event_t> = Memory.pointer(at: slot)
    event.pointee.time = hakmem_calendar_nanoseconds()
    event.pointee.address = UInt64(address)
    event.pointee.size = UInt64(size)
    event.pointee.kind = kind.rawValue
    event.pointee.detail = detail
    event.pointee.thread = SystemCalls.threadID()
    // Releases the fields to those who read the number.
    mark.pointee.store(number, ordering: .releasing)
  }

  /// Purges come in rows: those that follow one another within a tenth of a second are one event.
  package static func recordPurge(of byteCount: UInt) {
    guard let last = newest(.purge) else { return record(.purge, size: byteCount) }
    Memory.pointer(at: Memory.address(of: &last.pointee.size), to: Atomic<UInt64>.self)
      .pointee.wrappingAdd(UInt64(byteCount), ordering: .relaxed)
  }

  /// So do failures: a program that tries again and again would push all else out.
  package static func recordFailure(of byteCount: UInt) {
    guard let last = newest(.noMemory), last.pointee.size == UInt64(byteCount) else {
      return record(.noMemory, size: byteCount)
    }
    Memory.pointer(at: Memory.address(of: &last.pointee.detail), to: Atomic<UInt32>.self)
      .pointee.wrappingAdd(1, ordering: .relaxed)
  }

  /// The newest event, if it is of this kind and not older than a tenth of a second.
  private static func newest(_ kind: Kind) -> UnsafeMutablePointer<hakmem_event_t>? {
    let page = MonitorStorage.page
    let newest = counter(in: page).pointee.load(ordering: .relaxed)
    guard newest > 0 else { return nil }
    let slot = slot(of: newest, in: page)
    let event: UnsafeMutablePointer<hakmem_event_t> = Memory.pointer(at: slot)
    let isWritten =
      Memory.pointer(at: slot, to: Atomic<UInt64>.self).pointee.load(ordering: .acquiring)
      == newest
    return isWritten && event.pointee.kind == kind.rawValue
      && hakmem_calendar_nanoseconds() &- event.pointee.time < 100_000_000 ? event : nil
  }

  package enum Kind: UInt32 {
    case corruption = 1
    case purge = 2
    case limit = 3
    case noMemory = 4
    case collapse = 5
  }

  /// Calls `body` for the events that are still there, oldest first; one that is being written is
  /// left out.
  package static func forEach(_ body: (hakmem_event_t) -> Void) {
    let page = MonitorStorage.page
    let count = counter(in: page).pointee.load(ordering: .acquiring)
    var number = count > MonitorStorage.eventCapacity ? count &- MonitorStorage.eventCapacity : 0
    while number < count {
      number &+= 1
      let slot = slot(of: number, in: page)
      let mark: UnsafeMutablePointer<Atomic<UInt64>> = Memory.pointer(at: slot)
      guard mark.pointee.load(ordering: .acquiring) == number else { continue }
      let event = Memory.pointer(at: slot, to: hakmem_event_t.self).pointee
      if mark.pointee.load(ordering: .acquiring) == number { body(event) }
    }
  }

  private static func counter(in page: UInt) -> UnsafeMutablePointer<Atomic<UInt64>> {
    let header: UnsafeMutablePointer<hakmem_page_t> = Memory.pointer(at: page)
    return Memory.pointer(at: Memory.address(of: &header.pointee.event_count))
  }

  private static func slot(of number: UInt64, in page: UInt) -> UInt {
    page &+ MonitorStorage.eventsOffset
      &+ UInt((number &- 1) % MonitorStorage.eventCapacity) &* MonitorStorage.eventBytes
  }
}

/// Where events and figures for others lie: the page as it is published, what prepares it, and which
/// page is in use.
///
///     static storage   page | prepared figures | state
package enum MonitorStorage {
  private static var base: UInt { UInt(bitPattern: hakmem_monitor_storage()) }

  /// Behind the page's header, which says where.
  package static let classesOffset: UInt = 1024
  package static let eventsOffset: UInt = 8832
  package static let eventBytes: UInt = 48
  static let eventCapacity: UInt64 = 256
  package static let pageBytes: UInt = 24576

  /// The page in static storage.
  package static var ownPage: UInt { base }
  package static var prepared: UInt { base &+ pageBytes }
  package static let preparedBytes = 20480
  package static var state: UInt { prepared &+ UInt(preparedBytes) }
  package static let stateBytes = 1024

  private static var publishedPage: UnsafeMutablePointer<Atomic<UInt>> { Memory.pointer(at: state) }

  /// The page that events go to: the published one, else the static one.
  @inline(__always)
  package static var page: UInt {
    // Acquires the page's first contents.
    let published = publishedPage.pointee.load(ordering: .acquiring)
    return published == 0 ? ownPage : published
  }
  package static var isPublished: Bool { publishedPage.pointee.load(ordering: .relaxed) != 0 }
  package static func publish(_ page: UInt) {
    publishedPage.pointee.store(page, ordering: .releasing)
  }

  package static var fault: StaticString? {
    if MemoryLayout<hakmem_event_t>.size != Int(eventBytes)
      || eventCapacity != UInt64(HAKMEM_PAGE_EVENTS)
    {
      return "events have another layout than hakmem.h says"
    }
    var map = StorageMap(base, byteCount: Int(hakmem_monitor_bytes))
    map.add(base, MemoryLayout<hakmem_page_t>.size)
    map.add(base &+ classesOffset, Int(eventsOffset &- classesOffset))
    map.add(base &+ eventsOffset, Int(UInt(eventCapacity) &* eventBytes))
    map.add(prepared, preparedBytes)
    map.add(state, stateBytes)
    return map.fault
  }
}
