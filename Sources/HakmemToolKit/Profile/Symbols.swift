import Foundation

/// Names of functions, of files and of the kernel; each file is read once.
final class Symbols {
  /// An object file: its functions and where its parts go.
  final class Object {
    let path: String
    let functions: ELFFile.Functions?
    let segments: [ELFFile.Segment]
    /// Bytes of its thread-local variables, 0 for none.
    let threadLocalBytes: UInt64

    init(path: String) {
      self.path = path
      let file = try? ELFFile(path: path)
      functions = file?.functions()
      segments = file?.segments.filter { $0.type == ELFFile.loadSegment } ?? []
      let threadLocal = file?.segments.first { $0.type == ELFFile.threadLocalSegment }
      threadLocalBytes = threadLocal.map { $0.memorySize + max($0.alignment, 1) - 1 } ?? 0
    }

    var isELF: Bool { functions != nil }
    var name: String { path.split(separator: "/").last.map(String.init) ?? path }

    /// The address that the file's headers give to a place in it.
    func address(ofFileOffset offset: UInt64) -> UInt64? {
      for segment in segments where offset >= segment.fileOffset {
        if offset - segment.fileOffset < max(segment.fileSize, 1) {
          return offset - segment.fileOffset + segment.address
        }
      }
      return nil
    }
  }

  private var objects: [String: Object] = [:]
  private lazy var kernel = KernelSymbols()
  private var names: [String: String] = [:]
  /// Files whose own functions have no names, and how many look-ups that cost.
  private(set) var unresolved: [String: Int] = [:]

  func object(_ path: String) -> Object {
    if let known = objects[path] { return known }
    let object = Object(path: path)
    objects[path] = object
    return object
  }

  var hasKernel: Bool { !kernel.isEmpty }

  func kernelFunction(_ address: UInt64) -> String { kernel.name(at: address) ?? "[kernel]" }

  /// The function at a place of a file, readable; nil when the file does not say.
  func function(_ object: Object, fileOffset: UInt64) -> String? {
    guard let address = object.address(ofFileOffset: fileOffset),
      let raw = object.functions?.name(at: address)
    else {
      unresolved[object.path, default: 0] += 1
      return nil
    }
    if let known = names[raw] { return known }
    let readable = Demangler.readable(raw)
    names[raw] = readable
    return readable
  }
}

/// The kernel's functions, where /proc/kallsyms shows addresses.
struct KernelSymbols {
  private var addresses: [UInt64] = []
  private var names: [Substring] = []

  init() {
    guard let text = TextFile.read("/proc/kallsyms") else { return }
    var entries: [(UInt64, Substring)] = []
    for line in text.split(separator: "\n") {
      let fields = line.split(separator: " ", maxSplits: 2)
      guard fields.count == 3, fields[1] == "t" || fields[1] == "T",
        let address = UInt64(fields[0], radix: 16), address != 0
      else { continue }
      entries.append((address, fields[2].prefix { $0 != "\t" }))
    }
    entries.sort { $0.0 < $1.0 }
    addresses = entries.map(\.0)
    names = entries.map(\.1)
  }

  var isEmpty: Bool { addresses.isEmpty }

  func name(at address: UInt64) -> String? {
    var low = 0
    var high = addresses.count
    while low < high {
      let middle = (low + high) / 2
      if addresses[middle] <= address { low = middle + 1 } else { high = middle }
    }
    return low > 0 ? String(names[low - 1]) : nil
  }
}

/// Names as programmers write them, by the demanglers of the runtimes that this tool runs on.
enum Demangler {
  private typealias Swift =
    @convention(c) (
      UnsafePointer<CChar>?, Int, UnsafeMutablePointer<CChar>?, UnsafeMutablePointer<Int>?, UInt32
    ) -> UnsafeMutablePointer<CChar>?
  private typealias CPlusPlus =
    @convention(c) (
      UnsafePointer<CChar>, UnsafeMutablePointer<CChar>?, UnsafeMutablePointer<Int>?,
      UnsafeMutablePointer<CInt>?
    ) -> UnsafeMutablePointer<CChar>?

  private static let swift = dlsym(nil, "swift_demangle").map { unsafeBitCast($0, to: Swift.self) }
  private static let cPlusPlus = dlsym(nil, "__cxa_demangle").map {
    unsafeBitCast($0, to: CPlusPlus.self)
  }

  static func readable(_ name: String) -> String {
    var result: UnsafeMutablePointer<CChar>?
    if name.hasPrefix("$s") || name.hasPrefix("$e") {
      result = swift?(name, name.utf8.count, nil, nil, 0)
    } else if name.hasPrefix("_Z") {
      result = cPlusPlus?(name, nil, nil, nil)
    }
    guard let result else { return name }
    defer { free(result) }
    return shortened(String(cString: result))
  }

  /// Without modules' names that repeat and what the compiler adds.
  private static func shortened(_ name: String) -> String {
    var name = name
    for noise in ["Swift.", "Synchronization.", "__C."] { name = name.replacing(noise, with: "") }
    if name.count > 160 { name = name.prefix(157) + "…" }
    return name
  }
}
