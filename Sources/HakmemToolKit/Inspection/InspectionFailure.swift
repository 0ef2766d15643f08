import Foundation

/// Why a process cannot be looked into: one sentence.
package struct InspectionFailure: Error, Equatable, CustomStringConvertible {
  package let description: String

  package init(_ sentence: String) { description = sentence }

  static func noProcess(_ pid: Int32) -> InspectionFailure {
    InspectionFailure("There is no process \(pid).")
  }

  package static func ended(_ pid: Int32) -> InspectionFailure {
    InspectionFailure("Process \(pid) ended meanwhile.")
  }

  /// What an errno value of a call on a process means.
  static func system(_ pid: Int32, _ code: Int32) -> InspectionFailure {
    switch code {
    case ESRCH, ENOENT: return ended(pid)
    case EPERM, EACCES:
      return InspectionFailure(
        "Process \(pid) may not be looked into: it belongs to another user, or the kernel forbids it "
          + "(kernel.yama.ptrace_scope, a container without CAP_SYS_PTRACE). Run this as its user or "
          + "as root, or start the program with HAKMEM_STATS_PAGE=1.")
    default:
      return InspectionFailure(
        "Process \(pid) cannot be read: \(String(cString: strerror(code))).")
    }
  }
}
