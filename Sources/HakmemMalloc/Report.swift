import CHakmem
import CHakmemShims
import HakmemPages
import HakmemPlatform
import HakmemSlabs
import HakmemThreadCache
import Synchronization

/// The library's version, for people and for tools.
enum Version {
  static let text: StaticString = "0.1.0"
}

@c @implementation
public func hakmem_version() -> UnsafePointer<CChar>? {
  UnsafeRawPointer(Version.text.utf8Start).assumingMemoryBound(to: CChar.self)
}

/// What the library prints when asked to.
enum Report {
  private static let capacity: UInt = 64 << 10

  /// Version, every option with its source, and what the kernel and the process offer.
  static func printConfiguration() {
    print { text in
      text.append("hakmem ")
      text.append(Version.text)
      text.append("\n")
      Option.forEach { option in
        let start = text.count
        text.append("  ")
        text.append(option.row.name)
        text.append("=")
        option.appendValue(to: &text)
        text.pad(to: 34, from: start)
        text.append("(")
        text.append(option.source.text)
        text.append(") ")
        text.append(option.row.help)
        text.append("\n")
      }
      appendProcess(to: &text)
    }
  }

  private static func appendProcess(to text: inout Text) {
    text.append("  page size ")
    text.append(ProcessFacts.systemPageBytes)
    text.append(", processors ")
    text.append(ProcessFacts.processors)
    text.append(", transparent huge pages ")
    text.append(ProcessFacts.hugePagesAlways ? "always" : "only where asked for")
    text.append("\n  class map for ")
    text.append(ClassMap.coveredEnd >> 30)
    text.append(" GiB, populate ")
    text.append(KernelFeatures.hasPopulateWrite ? "yes" : "no")
    text.append(", named mappings ")
    text.append(KernelFeatures.hasNamedMappings ? "yes" : "no")
    text.append(", rseq ")
    text.append(hakmem_has_rseq() != 0 ? "yes\n" : "no\n")
  }

  static func printStatistics() {
    print { Statistics.collect().appendSummary("hakmem: heap at exit\n", to: &$0) }
  }

  static func print(_ build: (inout Text) -> Void) {
    guard let buffer = SystemCalls.map(byteCount: capacity, protection: .readWrite) else { return }
    let bytes: UnsafeMutablePointer<UInt8> = Memory.pointer(at: buffer)
    var text = Text(bytes, capacity: Int(capacity))
    build(&text)
    SystemCalls.writeAll(to: 2, UnsafePointer(bytes), min(text.count, Int(capacity)))
    SystemCalls.unmap(buffer, capacity)
  }
}
