import HakmemWorkloadsHarness
import HakmemWorkloadsSystem

/// An allocator to measure: a library to preload, or none for the C library's own.
package struct Allocator {
  /// Path of the library, ending with a zero byte; nil: nothing is preloaded.
  package let path: CText?

  /// The library's file name without "lib" and what follows the first dot.
  package var name: CText {
    guard let path else { return CText("glibc") }
    var name = path.lastPathComponent
    if name.hasPrefix("lib") { name = name.dropFirst(3) }
    return name.prefix(name.firstIndex(of: UInt8(ascii: ".")) ?? name.count)
  }
}

/// The allocators found on this machine.
package struct AllocatorList {
  package static let maximumCount = 64
  private static let textCapacity = 1 << 16
  private let entries: UnsafeMutablePointer<Allocator>
  private let text: UnsafeMutablePointer<CChar>
  private var textCount = 0
  package private(set) var count = 1

  package subscript(index: Int) -> Allocator { entries[index] }

  /// glibc, HAKMEM beside this program or in ../lib, the system's packages, $HAKMEM_PEERS.
  package init() {
    entries = Mapping.table(of: Allocator.self, count: AllocatorList.maximumCount)
    text = Mapping.pages(AllocatorList.textCapacity, populate: false)
      .bindMemory(to: CChar.self, capacity: AllocatorList.textCapacity)
    (entries + 0).initialize(to: Allocator(path: nil))
    addHakmem()
    let system = CText(cString: harness_library_directory())
    add(from: system, prefix: CText("libjemalloc.so"))
    add(from: system, prefix: CText("libtcmalloc_minimal.so"))
    add(from: system, prefix: CText("libmimalloc.so"))
    if var rest = Configuration.environment("HAKMEM_PEERS") {
      while true {
        let end = rest.firstIndex(of: UInt8(ascii: ":")) ?? rest.count
        if end > 0 { add(from: rest.prefix(end), prefix: nil) }
        if end == rest.count { break }
        rest = rest.dropFirst(end + 1)
      }
    }
  }

  private mutating func addHakmem() {
    withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 16) { buffer in
      let bytes = buffer.baseAddress!.assumingMemoryBound(to: CChar.self)
      let length = readlink(CText("/proc/self/exe").bytes, bytes, 4096)
      guard length > 0 else { return }
      let program = CText(bytes: bytes, count: length)
      let directory = program.prefix(length - program.lastPathComponent.count - 1)
      if !add(path(directory, CText("libhakmem.so"))) {
        _ = add(path(directory, CText("../lib/libhakmem.so")))
      }
    }
  }

  /// Adds a library if it can be read.
  @discardableResult
  private mutating func add(_ path: CText) -> Bool {
    guard count < AllocatorList.maximumCount, access(path.bytes, R_OK) == 0 else { return false }
    (entries + count).initialize(to: Allocator(path: path))
    count += 1
    return true
  }

  /// What a look through a directory is after.
  private struct Search {
    var list: AllocatorList
    var directory: CText
    /// The one library to be found, in any version; nil: every file that ends in ".so".
    var prefix: CText?
    var best: CText?
  }

  private mutating func add(from directory: CText, prefix: CText?) {
    // The C function wants text that ends with a zero byte.
    let terminated = keep(directory)
    var search = Search(list: self, directory: terminated, prefix: prefix, best: nil)
    withUnsafeMutablePointer(to: &search) { search in
      _ = harness_visit_directory(
        terminated.bytes,
        { context, name in
          let search = context.unsafelyUnwrapped.assumingMemoryBound(to: Search.self)
          AllocatorList.consider(CText(cString: name.unsafelyUnwrapped), &search.pointee)
        }, search)
    }
    self = search.list
    if let best = search.best { add(best) }
  }

  private static func consider(_ name: CText, _ search: inout Search) {
    if let prefix = search.prefix {
      guard search.best == nil, name.count >= prefix.count, name.prefix(prefix.count) == prefix
      else { return }
      search.best = search.list.path(search.directory, name)
    } else if name.count > 3, name.dropFirst(name.count - 3) == ".so" {
      search.list.add(search.list.path(search.directory, name))
    }
  }

  /// "directory/name", kept for the life of the list.
  private mutating func path(_ directory: CText, _ name: CText) -> CText {
    let start = textCount
    append(directory)
    append(CText("/"))
    append(name)
    return end(from: start)
  }

  /// A copy that ends with a zero byte.
  private mutating func keep(_ string: CText) -> CText {
    let start = textCount
    append(string)
    return end(from: start)
  }

  private mutating func append(_ string: CText) {
    guard textCount + string.count < AllocatorList.textCapacity - 64 else { return }
    for index in 0..<string.count { text[textCount + index] = string.bytes[index] }
    textCount += string.count
  }

  private mutating func end(from start: Int) -> CText {
    text[textCount] = 0
    textCount += 1
    return CText(bytes: text + start, count: textCount - 1 - start)
  }
}
