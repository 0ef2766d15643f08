import CHakmem
import HakmemPlatform
import HakmemSlabs
import HakmemThreadCache

extension Statistics {
  /// The figures of this process; zeroes before its first allocation.
  static func collect() -> Statistics { Process.isReady ? ofHeap() : Statistics() }
}

@c @implementation
public func hakmem_statistics(
  _ statistics: UnsafeMutablePointer<hakmem_statistics_t>?, _ size: Int
) {
  guard let statistics else { return }
  var total = Statistics.collect().total
  withUnsafeBytes(of: &total) {
    UnsafeMutableRawPointer(statistics).copyMemory(
      from: $0.baseAddress.unsafelyUnwrapped, byteCount: min(size, $0.count))
  }
}

@c @implementation
public func hakmem_class_statistics(
  _ number: Int32, _ statistics: UnsafeMutablePointer<hakmem_class_statistics_t>?, _ size: Int
) -> Bool {
  guard let statistics, number > 0, Int(number) < SizeClass.count, Process.start() else {
    return false
  }
  var figures = Statistics.collect().classes[Int(number)]
  withUnsafeBytes(of: &figures) {
    UnsafeMutableRawPointer(statistics).copyMemory(
      from: $0.baseAddress.unsafelyUnwrapped, byteCount: min(size, $0.count))
  }
  return true
}

@c @implementation
public func hakmem_events(
  _ callback: (@convention(c) (UnsafePointer<hakmem_event_t>?, UnsafeMutableRawPointer?) -> Void)?,
  _ argument: UnsafeMutableRawPointer?
) {
  guard let callback else { return }
  Events.forEach { event in
    var event = event
    callback(&event, argument)
  }
}
