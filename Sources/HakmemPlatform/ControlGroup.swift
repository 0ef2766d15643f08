import CHakmemShims
import Synchronization

/// What the process's control group (cgroup v2) allows, its ancestors included: memory beyond which
/// the kernel slows the group down or kills in it, and processors.
///
/// Read with plain system calls at start; followed in slow calls, every few seconds, where there
/// were limits to follow.
package enum ControlGroup {
  package struct Limits {
    /// Least of memory.high and fifteen sixteenths of memory.max; `UInt.max` when there is none.
    package var memory: UInt = .max
    /// cpu.max in whole processors, rounded up; `UInt.max` when there is none.
    package var processors: UInt = .max
    /// Whether the group has any of these files.
    package var isControlled = false
  }

  struct State: ~Copyable {
    let isFollowed: Atomic<UInt32>
    let lastRead: Atomic<UInt32>
  }
  private static var state: UnsafeMutablePointer<State> {
    Memory.pointer(at: PlatformStorage.controlGroup)
  }

  private static let membershipFile: StaticString = "/proc/self/cgroup"
  private static let root: StaticString = "/sys/fs/cgroup"
  private static let millisecondsBetweenReads: UInt32 = 5000

  /// Reads the limits as the process starts, unless HAKMEM_CGROUP says no.
  static func learn() -> Limits {
    guard Option.controlGroup.isOn else { return Limits() }
    let limits = read(membershipFile: membershipFile, root: root)
    state.pointee.lastRead.store(Clock.milliseconds(), ordering: .relaxed)
    state.pointee.isFollowed.store(limits.isControlled ? 1 : 0, ordering: .relaxed)
    return limits
  }

  /// Reads the memory limits again when the last time is a while ago. Not for callers with a lock.
  package static func follow() {
    guard state.pointee.isFollowed.load(ordering: .relaxed) != 0 else { return }
    let now = Clock.milliseconds()
    let last = state.pointee.lastRead.load(ordering: .relaxed)
    guard now &- last >= millisecondsBetweenReads,
      state.pointee.lastRead.compareExchange(expected: last, desired: now, ordering: .relaxed)
        .exchanged
    else { return }
    MemoryLimit.setSoft(fromGroup: read(membershipFile: membershipFile, root: root).memory)
  }

  /// The limits of the group that `membershipFile` names, below the folder `root`.
  package static func read(membershipFile: StaticString, root: StaticString) -> Limits {
    var limits = Limits()
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: pathCapacity) { buffer in
      let path = buffer.baseAddress.unsafelyUnwrapped
      var end = append(root, to: path, 0)
      // The file is in every group. Without it no cgroup v2 is mounted here, and who belongs where need
      // not be asked: that is the costly part, for which /proc makes files.
      guard isThere(markOfEveryGroup, path, end) else { return }
      // A group outside of what this process may see begins with «/..».
      let room = pathCapacity - end - longestName
      let count = readMembership(membershipFile, into: path + end, capacity: room)
      guard count > 0, !(count > 2 && path[end + 1] == dot && path[end + 2] == dot) else { return }
      let rootEnd = end
      end += count
      while true {
        while end > rootEnd, path[end - 1] == slash { end -= 1 }
        readLevel(path, end, &limits)
        guard end > rootEnd else { return }
        while end > rootEnd, path[end - 1] != slash { end -= 1 }
      }
    }
    return limits
  }

  private static let pathCapacity = 512
  private static let markOfEveryGroup: StaticString = "/cgroup.controllers"
  private static let longestName = 16
  private static let slash = UInt8(ascii: "/")
  private static let dot = UInt8(ascii: ".")

  /// Copies the path of the line «0::PATH», which is cgroup v2's; returns its length, 0 when there
  /// is none or no room for it.
  private static func readMembership(
    _ file: StaticString, into path: UnsafeMutablePointer<UInt8>, capacity: Int
  ) -> Int {
    guard let descriptor = SystemCalls.open(file.utf8Start) else { return 0 }
    defer { SystemCalls.close(descriptor) }
    let mark: StaticString = "0::"
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 256) { chunk in
      // Bytes of the mark seen in this line; -1 in a line of another kind.
      var seen = 0
      var count = 0
      while true {
        let read = SystemCalls.read(descriptor, into: chunk.baseAddress.unsafelyUnwrapped, 256)
        guard read > 0 else { return count }
        for index in 0..<read {
          let byte = chunk[index]
          if byte == UInt8(ascii: "\n") {
            if seen == mark.utf8CodeUnitCount { return count }
            seen = 0
          } else if seen == mark.utf8CodeUnitCount {
            guard count < capacity else { return 0 }
            path[count] = byte
            count += 1
          } else if seen >= 0 {
            seen = byte == mark.utf8Start[seen] ? seen + 1 : -1
          }
        }
      }
    }
  }

  private static func readLevel(
    _ path: UnsafeMutablePointer<UInt8>, _ end: Int, _ limits: inout Limits
  ) {
    readFile("/memory.high", path, end, &limits) {
      $1.memory = min($1.memory, number($0, or: .max))
    }
    readFile("/memory.max", path, end, &limits) {
      let most = number($0, or: .max)
      // The kernel kills at memory.max: all that is free goes back before.
      if most != .max { $1.memory = min($1.memory, most &- most / 16) }
    }
    readFile("/cpu.max", path, end, &limits) {
      var index = 0
      guard let quota = ByteText.number(in: $0, &index), ByteText.skip(" ", in: $0, &index),
        let period = ByteText.number(in: $0, &index), period > 0
      else { return }
      $1.processors = min($1.processors, max(1, quota / period &+ (quota % period > 0 ? 1 : 0)))
    }
  }

  /// Writes `name` from `end` on; returns where it ends.
  private static func append(
    _ name: StaticString, to path: UnsafeMutablePointer<UInt8>, _ end: Int
  ) -> Int {
    let count = name.utf8CodeUnitCount
    for index in 0..<count { path[end + index] = name.utf8Start[index] }
    return end + count
  }

  private static func isThere(
    _ name: StaticString, _ path: UnsafeMutablePointer<UInt8>, _ end: Int
  ) -> Bool {
    path[append(name, to: path, end)] = 0
    guard let descriptor = SystemCalls.open(UnsafePointer(path)) else { return false }
    SystemCalls.close(descriptor)
    return true
  }

  private static func number(_ text: UnsafePointer<UInt8>, or none: UInt) -> UInt {
    var index = 0
    return ByteText.number(in: text, &index) ?? none
  }

  /// Calls `body` with the text of a file of the group, if it is there.
  private static func readFile(
    _ name: StaticString, _ path: UnsafeMutablePointer<UInt8>, _ end: Int, _ limits: inout Limits,
    _ body: (UnsafePointer<UInt8>, inout Limits) -> Void
  ) {
    path[append(name, to: path, end)] = 0
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 64) { text in
      let start = text.baseAddress.unsafelyUnwrapped
      let count = SystemCalls.readFile(UnsafePointer(path), into: start, capacity: 63)
      guard count >= 0 else { return }
      start[count] = 0
      limits.isControlled = true
      body(UnsafePointer(start), &limits)
    }
  }
}
