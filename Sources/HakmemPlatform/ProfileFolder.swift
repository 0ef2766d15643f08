import CHakmemShims

/// Where the profile of this process is written.
package enum ProfileFolder {
  static let capacity = 224

  package static var isSet: Bool { Option.profile.text != nil }

  /// Calls `body` with the path of a new file in the folder: «name.PID.NANOSECONDS», because a
  /// process that runs another program keeps its number.
  package static func withPath<Result>(
    _ name: StaticString, process: UInt32, _ body: (UnsafePointer<UInt8>) -> Result
  ) -> Result {
    let pathCapacity = capacity + 64
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: pathCapacity) { buffer in
      let start = buffer.baseAddress.unsafelyUnwrapped
      var text = Text(start, capacity: pathCapacity)
      if let folder = Option.profile.text { text.append(cString: folder) }
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
