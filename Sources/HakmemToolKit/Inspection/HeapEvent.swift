import CHakmem

/// Something that happened in a heap.
package struct HeapEvent: Codable, Equatable, Sendable {
  package enum Kind: String, Codable, Sendable {
    case corruption, purge, limit, noMemory, collapse, unknown
  }

  /// From 1 on.
  package var number: Int
  /// Seconds since 1970.
  package var time: Double
  package var kind: Kind
  package var address: UInt
  package var size: UInt
  /// As hakmem.h explains it.
  package var detail: Int
  package var thread: Int

  init(_ event: hakmem_event_t) {
    number = Int(clamping: event.number)
    time = Double(event.time) / 1e9
    kind =
      switch Int(event.kind) {
      case Int(HAKMEM_EVENT_CORRUPTION.rawValue): .corruption
      case Int(HAKMEM_EVENT_PURGE.rawValue): .purge
      case Int(HAKMEM_EVENT_LIMIT.rawValue): .limit
      case Int(HAKMEM_EVENT_NO_MEMORY.rawValue): .noMemory
      case Int(HAKMEM_EVENT_COLLAPSE.rawValue): .collapse
      default: .unknown
      }
    address = UInt(event.address)
    size = UInt(event.size)
    detail = Int(event.detail)
    thread = Int(event.thread)
  }

  /// What happened, for people.
  package var text: String {
    let bytes = Figures.bytes(Int(clamping: size))
    switch kind {
    case .corruption:
      let what =
        switch detail {
        case 2: "an interior pointer"
        case 3: "a double free"
        case 4: "a damaged block"
        default: "a pointer that is not the heap's"
        }
      return "\(what): 0x\(String(address, radix: 16))"
    case .purge: return "\(bytes) went back to the kernel"
    case .limit: return "the \(detail == 2 ? "hard" : "soft") limit of \(bytes) was passed"
    case .noMemory:
      return detail == 0
        ? "a request of \(size) bytes failed" : "\(detail + 1) requests of \(size) bytes failed"
    case .collapse: return "\(bytes) became a huge page"
    case .unknown: return "an event that this tool does not know"
    }
  }
}
