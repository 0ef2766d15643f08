import CHakmemShims

/// Ends the process after a message: the heap or its use is broken.
package enum Fatal {
  package static func stop(_ reason: StaticString) -> Never {
    Text.message {
      $0.append("hakmem: ")
      $0.append(reason)
      $0.append("\n")
    }
    hakmem_abort()
  }
}

/// A condition that holds unless the allocator itself is wrong. Empty in release builds.
@inline(__always)
package func invariant(_ condition: @autoclosure () -> Bool, _ what: StaticString) {
  if Constants.checksInvariants && !condition() { Fatal.stop(what) }
}
