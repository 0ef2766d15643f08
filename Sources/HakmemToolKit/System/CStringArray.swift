import Foundation

/// The NULL-terminated vectors that exec and posix_spawn take.
package enum CStringArray {
  /// Calls `body` with copies of `strings`, which are freed afterwards.
  package static func with<Result>(
    _ strings: [String],
    _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) throws -> Result
  ) rethrows -> Result {
    var pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) }
    pointers.append(nil)
    defer { for pointer in pointers { free(pointer) } }
    return try pointers.withUnsafeMutableBufferPointer { try body($0.baseAddress!) }
  }
}
