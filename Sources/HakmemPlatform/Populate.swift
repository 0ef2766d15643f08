import CHakmemShims

/// Pages that one system call fills before their use (MADV_POPULATE_WRITE, Linux 5.14).
///
/// The kernel charges the thread with a fault for each, of which no page-fault event tells: a profile
/// learns their number here.
package enum Populate {
  /// Makes the pages of a range present. False when the kernel does not; some may be present then.
  @discardableResult
  package static func fill(_ start: UInt, _ byteCount: UInt) -> Bool {
    guard MapLog.isOn else { return SystemCalls.advise(start, byteCount, .populateWrite) }
    let before = SystemCalls.threadFaults()
    let isDone = SystemCalls.advise(start, byteCount, .populateWrite)
    let faults = SystemCalls.threadFaults() &- before
    let pages = byteCount >> Constants.pageShift
    MapLog.note(.populated, start, pages << 24 | faults)
    return isDone
  }
}
