import CHakmemShims

/// The machine's NUMA nodes, and which of them each processor belongs to.
///
/// Learnt once, from /sys/devices/system/node where more than a handful of processors make several
/// nodes likely, or from the folder that HAKMEM_NUMA_NODES names. Where there is one node nothing is
/// kept, and asking costs a load.
package enum Topology {
  struct State {
    /// 0 and 1 both mean one.
    var nodes: UInt
    /// A byte for each processor: its node.
    var nodeOfProcessor: UInt
  }
  private static var state: UnsafeMutablePointer<State> {
    Memory.pointer(at: PlatformStorage.topology)
  }

  /// More nodes than these share what there is for each.
  package static let mostNodes: UInt = 8
  private static let mostProcessors: UInt = 4096
  /// Below so many processors the kernel is not asked.
  private static let fewProcessors: UInt = 8
  static let pathCapacity = 1024

  @inline(__always)
  package static var nodes: UInt { max(state.pointee.nodes, 1) }
  @inline(__always)
  package static var hasNodes: Bool { state.pointee.nodes > 1 }

  /// The node of the processor that the thread runs on.
  @inline(__always)
  package static var currentNode: UInt { hasNodes ? node(of: UInt(hakmem_processor_hint())) : 0 }

  package static func node(of processor: UInt) -> UInt {
    guard hasNodes else { return 0 }
    return Memory.loadByte(at: state.pointee.nodeOfProcessor &+ processor % mostProcessors)
  }

  /// Called once, when there is memory for metadata. Always true: a topology that cannot be read is
  /// one node.
  package static func learn() -> Bool {
    let isGiven = Option.numaNodes.text != nil
    guard isGiven || ProcessFacts.processors > fewProcessors else { return true }
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: pathCapacity) { buffer in
      let path = buffer.baseAddress.unsafelyUnwrapped
      var text = Text(path, capacity: pathCapacity)
      if let folder = Option.numaNodes.text {
        text.append(cString: folder)
      } else {
        text.append("/sys/devices/system/node")
      }
      text.append("/")
      read(path, text.count)
    }
    return true
  }

  private static func read(_ path: UnsafeMutablePointer<UInt8>, _ end: Int) {
    // Room for the longest name.
    guard end + 32 < pathCapacity else { return }
    var count: UInt = 0
    forEachNumber(in: path, end, "online", node: nil) { _ in count &+= 1 }
    guard count > 1 else { return }
    let map = MetadataRegion.allocate(mostProcessors)
    guard map != 0 else { return }
    var node: UInt = 0
    forEachNumber(in: path, end, "online", node: nil) { id in
      forEachNumber(in: path, end, "cpulist", node: id) { processor in
        let byte: UnsafeMutablePointer<UInt8> = Memory.pointer(
          at: map &+ processor % mostProcessors)
        byte.pointee = UInt8(node % mostNodes)
      }
      node &+= 1
    }
    state.pointee.nodeOfProcessor = map
    state.pointee.nodes = min(count, mostNodes)
  }

  /// Calls `body` with each number of a list as in «0-3,8», which a file of the folder holds, or of
  /// the folder of a node in it.
  private static func forEachNumber(
    in path: UnsafeMutablePointer<UInt8>, _ end: Int, _ file: StaticString, node: UInt?,
    _ body: (UInt) -> Void
  ) {
    var name = Text(path + end, capacity: pathCapacity - end)
    if let node {
      name.append("node")
      name.append(node)
      name.append("/")
    }
    name.append(file)
    name.terminate()
    let capacity = 512
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: capacity) { buffer in
      let list = buffer.baseAddress.unsafelyUnwrapped
      let length = SystemCalls.readFile(UnsafePointer(path), into: list, capacity: capacity - 1)
      guard length > 0 else { return }
      list[length] = 0
      var index = 0
      while let first = ByteText.number(in: list, &index), first < mostProcessors {
        var last = first
        if ByteText.skip("-", in: list, &index) {
          last = ByteText.number(in: list, &index) ?? first
        }
        var number = first
        while number <= min(last, mostProcessors - 1) {
          body(number)
          number &+= 1
        }
        guard ByteText.skip(",", in: list, &index) else { return }
      }
    }
  }
}
