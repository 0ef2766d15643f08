import HakmemWorkloadsSystem

/// The exit statuses of the workload programs.
package enum ExitStatus {
  package static let harnessFailed: Int32 = 1
  package static let badArguments: Int32 = 2
  package static let contentsDamaged: Int32 = 3
  package static let outOfMemory: Int32 = 4
}

/// Ends the process with a sentence on stderr. Any thread may call these.
package enum Failure {
  /// The system refuses something that the harness itself needs.
  @inline(never)
  @export(interface)
  package static func harness(_ message: StaticString, error: Int32 = 0) -> Never {
    var text = TextBuffer(descriptor: 2)
    text.append("hakmem-workload: ")
    text.append(message)
    if error != 0 {
      text.append(": ")
      text.append(CText(cString: strerror(error)))
    }
    text.append("\n")
    text.flush()
    _exit(ExitStatus.harnessFailed)
  }

  /// Ends the process if a child could not be started or ended other than well, with the child's
  /// own exit status where it is one of these.
  @export(interface)
  package static func check(_ child: harness_child_t, of what: StaticString) {
    if child.error == 0 && child.status == 0 { return }
    if child.error != 0 { harness("cannot start or await a child", error: child.error) }
    var text = TextBuffer(descriptor: 2)
    text.append("hakmem-workload: ")
    text.append(what)
    text.append(child.status > 128 ? ": a child died of signal " : ": a child ended with status ")
    text.append(Int(child.status > 128 ? child.status - 128 : child.status))
    text.append("\n")
    text.flush()
    let isKnown = (ExitStatus.contentsDamaged...ExitStatus.outOfMemory).contains(child.status)
    _exit(isKnown ? child.status : ExitStatus.harnessFailed)
  }

  /// An allocation function returned NULL.
  @inline(never)
  @export(interface)
  package static func outOfMemory(_ function: StaticString, size: Int) -> Never {
    let error = harness_error()
    var text = TextBuffer(descriptor: 2)
    text.append("hakmem-workload: ")
    text.append(function)
    text.append(" of ")
    text.append(size)
    text.append(" bytes returned NULL: ")
    text.append(CText(cString: strerror(error)))
    text.append("\n")
    text.flush()
    _exit(ExitStatus.outOfMemory)
  }

  /// A block does not hold what was written to it.
  @inline(never)
  @export(interface)
  package static func damaged(
    _ block: UnsafeMutableRawPointer, offset: Int, expected: UInt, found: UInt,
    what: StaticString = "contents check failed"
  ) -> Never {
    var text = TextBuffer(descriptor: 2)
    text.append("hakmem-workload: ")
    text.append(what)
    text.append(": block ")
    text.append(hexadecimal: UInt(bitPattern: block))
    text.append(", offset ")
    text.append(offset)
    text.append(": expected ")
    text.append(hexadecimal: expected)
    text.append(", found ")
    text.append(hexadecimal: found)
    text.append("\n")
    text.flush()
    _exit(ExitStatus.contentsDamaged)
  }
}
