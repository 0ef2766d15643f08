import CHakmem
import CHakmemToolSystem
import Foundation

/// The heap of another process, as the library that made it describes it: a copy of that library,
/// loaded into this process, is turned into a view of it (`hakmem_view`). To be used in a process of
/// its own, which it may crash when the heap changes too quickly.
final class HeapView {
  private let handle: UnsafeMutableRawPointer
  private let memory: RemoteMemory

  /// The error of a view that needs another process's address space: try again in a new one.
  struct Occupied: Error {}

  /// - Parameter library: The library's file, the same as the process's.
  /// - Throws: `InspectionFailure`, or `Occupied`.
  init(_ process: ServedProcess, library: String) throws {
    memory = RemoteMemory(pid: process.pid)
    handle = try HeapView.load(library)
    let view: View = try function("hakmem_view")
    let code = view(
      process.loadAddress,
      { address, buffer, count, argument in
        guard let buffer, let argument else { return false }
        return Unmanaged<RemoteMemory>.fromOpaque(argument).takeUnretainedValue()
          .read(address, into: buffer, count: count)
      }, Unmanaged.passUnretained(memory).toOpaque())
    switch code {
    case 0: return
    case EEXIST: throw Occupied()
    case EAGAIN:
      throw InspectionFailure("Process \(process.pid) has HAKMEM loaded but has not allocated yet.")
    case EFAULT:
      guard access("/proc/\(process.pid)", F_OK) == 0 else {
        throw InspectionFailure.ended(process.pid)
      }
      throw InspectionFailure.system(process.pid, memory.failure)
    default: throw InspectionFailure.system(process.pid, code)
    }
  }

  /// Loads a copy of its own when the library serves this very process.
  private static func load(_ library: String) throws -> UnsafeMutableRawPointer {
    if dlopen(library, RTLD_NOW | RTLD_NOLOAD) == nil {
      if let handle = dlopen(library, RTLD_NOW | RTLD_LOCAL) { return handle }
    } else if let bytes = TextFile.bytes(library), let file = MemoryFile(bytes) {
      if let handle = dlopen("/proc/self/fd/\(file.descriptor)", RTLD_NOW | RTLD_LOCAL) {
        return handle
      }
    }
    throw InspectionFailure("\(library) cannot be loaded: \(String(cString: dlerror())).")
  }

  private typealias View =
    @convention(c) (
      UInt, @convention(c) (UInt, UnsafeMutableRawPointer?, Int, UnsafeMutableRawPointer?) -> Bool,
      UnsafeMutableRawPointer?
    ) -> Int32
  private typealias Total =
    @convention(c) (UnsafeMutablePointer<hakmem_statistics_t>, Int) -> Void
  private typealias Class =
    @convention(c) (Int32, UnsafeMutablePointer<hakmem_class_statistics_t>, Int) -> Bool
  private typealias Walk =
    @convention(c) (
      @convention(c) (UnsafePointer<hakmem_stretch_t>?, UnsafeMutableRawPointer?) -> Void,
      UnsafeMutableRawPointer?
    ) -> Int32
  private typealias Events =
    @convention(c) (
      @convention(c) (UnsafePointer<hakmem_event_t>?, UnsafeMutableRawPointer?) -> Void,
      UnsafeMutableRawPointer?
    ) -> Void
  private typealias Version = @convention(c) () -> UnsafePointer<CChar>?

  private func function<Function>(
    _ name: String, as type: Function.Type = Function.self
  ) throws -> Function {
    guard let symbol = dlsym(handle, name) else {
      throw InspectionFailure("The library has no \(name): it is older than this tool.")
    }
    return unsafeBitCast(symbol, to: type)
  }

  func version() throws -> String {
    try function("hakmem_version", as: Version.self)().map { String(cString: $0) } ?? "unknown"
  }

  func statistics() throws -> HeapStatistics {
    var total = hakmem_statistics_t()
    try function("hakmem_statistics", as: Total.self)(
      &total, MemoryLayout<hakmem_statistics_t>.size)
    let describe: Class = try function("hakmem_class_statistics")
    var classes: [hakmem_class_statistics_t] = []
    var figures = hakmem_class_statistics_t()
    while describe(
      Int32(classes.count + 1), &figures, MemoryLayout<hakmem_class_statistics_t>.size)
    { classes.append(figures) }
    return HeapStatistics(total: total, classes: classes)
  }

  /// The last events, oldest first.
  func events() throws -> [HeapEvent] {
    let list: Events = try function("hakmem_events")
    var events: [HeapEvent] = []
    withUnsafeMutablePointer(to: &events) {
      list(
        { event, argument in
          guard let event, let argument else { return }
          argument.assumingMemoryBound(to: [HeapEvent].self).pointee.append(
            HeapEvent(event.pointee))
        }, $0)
    }
    return events
  }

  /// Calls `body` for all memory of the heap.
  func forEachStretch(_ body: (hakmem_stretch_t) -> Void) throws {
    let walk: Walk = try function("hakmem_walk")
    let code = withoutActuallyEscaping(body) { body in
      var context = body
      return withUnsafeMutablePointer(to: &context) { pointer in
        walk(
          { stretch, argument in
            guard let stretch, let argument else { return }
            argument.assumingMemoryBound(to: ((hakmem_stretch_t) -> Void).self)
              .pointee(stretch.pointee)
          }, pointer)
      }
    }
    guard code == 0 else { throw InspectionFailure("There is no memory to walk the heap.") }
  }
}

/// A file in memory.
private struct MemoryFile {
  let descriptor: Int32

  init?(_ bytes: [UInt8]) {
    descriptor = hakmem_tool_memory_file("libhakmem.so")
    guard descriptor >= 0 else { return nil }
    guard write(descriptor, bytes, bytes.count) == bytes.count else { return nil }
  }
}
