import CHakmemShims

/// Where the profile of this process is written: HAKMEM_PROFILE, copied at start, because a program
/// may overwrite its environment.
package enum ProfileFolder {
  static let capacity = 224

  private static var bytes: UnsafeMutablePointer<UInt8> {
    Memory.pointer(at: PlatformStorage.profileFolder)
  }

  package static var isSet: Bool { bytes[0] != 0 }

  /// False for a path that is too long.
  package static func set(_ path: UnsafePointer<UInt8>) -> Bool {
    var length = 0
    while path[length] != 0 {
      length += 1
      if length == capacity { return false }
    }
    for index in 0...length { bytes[index] = path[index] }
    return true
  }

  static func append(to text: inout Text) { text.append(cString: UnsafePointer(bytes)) }

  /// Calls `body` with the path of a new file in the folder: «name.PID.NANOSECONDS», because a
  /// process that runs another program keeps its number.
  package static func withPath<Result>(
    _ name: StaticString, process: UInt32, _ body: (UnsafePointer<UInt8>) -> Result
  ) -> Result {
    let pathCapacity = capacity + 64
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: pathCapacity) { buffer in
      let start = buffer.baseAddress.unsafelyUnwrapped
      var text = Text(start, capacity: pathCapacity)
      text.append(cString: UnsafePointer(bytes))
      text.append("/")
      text.append(name)
      text.append(".")
      text.append(UInt(process))
      text.append(".")
      text.append(UInt(hakmem_exact_nanoseconds()))
      text.terminate()
      return body(UnsafePointer(start))
    }
  }
}
