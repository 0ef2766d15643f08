import CHakmem
import HakmemWorkloadsHarness
import HakmemWorkloadsSystem

/// What really serves this process's allocations: printed with every result, because a benchmark
/// of the wrong library or of a forgotten option is worse than none.
package enum Configuration {
  private typealias VersionFunction = @convention(c) () -> UnsafePointer<CChar>?
  private typealias OptionFunction =
    @convention(c) (Int32, UnsafeMutablePointer<hakmem_option_t>?) -> Bool

  /// HAKMEM_QUIET=1 leaves the result line alone.
  package static var isQuiet: Bool {
    guard let value = environment("HAKMEM_QUIET") else { return false }
    return value == "1"
  }

  /// The value of an environment variable.
  package static func environment(_ name: StaticString) -> CText? {
    getenv(CText(name).bytes).map { CText(cString: $0) }
  }

  package static func write(to output: inout TextBuffer) {
    output.append("  malloc from         ")
    if let path = harness_allocator_path() {
      output.append(CText(cString: path))
    } else {
      output.append("an unknown object")
    }
    if let symbol = harness_symbol(CText("hakmem_version").bytes),
      let version = unsafeBitCast(symbol, to: VersionFunction.self)()
    {
      output.append(" (HAKMEM ")
      output.append(CText(cString: version))
      output.append(")")
    }
    output.append("\n")
    writeOptions(&output)
    writeEnvironment(&output)
  }

  /// The options that HAKMEM took from elsewhere than its defaults.
  private static func writeOptions(_ output: inout TextBuffer) {
    guard let symbol = harness_symbol(CText("hakmem_option").bytes) else { return }
    let describe = unsafeBitCast(symbol, to: OptionFunction.self)
    var option = hakmem_option_t()
    var index: Int32 = 0
    var changed = 0
    while describe(index, &option) {
      index += 1
      if let source = option.source, CText(cString: source) == "default" { continue }
      changed += 1
      output.append("  option              ")
      if let name = option.name { output.append(CText(cString: name)) }
      output.append("=")
      withUnsafeBytes(of: &option.value) {
        output.append(CText(cString: $0.baseAddress!.assumingMemoryBound(to: CChar.self)))
      }
      if let source = option.source {
        output.append(" (")
        output.append(CText(cString: source))
        output.append(")")
      }
      output.append("\n")
    }
    if changed == 0 { output.append("  options             all default\n") }
  }

  /// Variables that steer an allocator, whichever it is.
  private static func writeEnvironment(_ output: inout TextBuffer) {
    guard var variable = harness_environment() else { return }
    while let text = variable.pointee.map({ CText(cString: $0) }) {
      if text.hasPrefix("HAKMEM_") || (text.hasPrefix("LD_PRELOAD=") && text.count > 11)
        || text.hasPrefix("MALLOC_") || text.hasPrefix("MIMALLOC_")
        || text.hasPrefix("TCMALLOC_") || text.hasPrefix("GLIBC_TUNABLES=")
      {
        output.append("  environment         ")
        output.append(text)
        output.append("\n")
      }
      variable += 1
    }
  }
}
