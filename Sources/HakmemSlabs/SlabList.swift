import HakmemPages
import HakmemPlatform
import Synchronization

/// The slabs of one class that have free blocks, on one NUMA node: a lock-free stack, one line for
/// each class.
package struct SlabList {
  struct State: ~Copyable {
    let stack: Atomic<UInt64>
    /// Slabs that became empty while listed, since the last sweep.
    let emptied: Atomic<Int>
    let slabs: Atomic<Int>
    /// Pages that lost their last live block since the last sweep, nearly.
    let freedPages: Atomic<Int>
    /// Pages without a live block that the last sweep left; counted in `DirtyMemory`.
    let keptPages: Atomic<Int>
    let sweptAt: Atomic<UInt32>
  }

  static let byteCount = 64

  let sizeClass: SizeClass
  private let node: UInt
  let state: UnsafeMutablePointer<State>

  @inline(__always)
  package init(_ sizeClass: SizeClass, node: UInt = Topology.currentNode) {
    self.sizeClass = sizeClass
    self.node = node
    let lists =
      node == 0
      ? SlabsStorage.slabLists
      : Memory.loadWord(at: SlabsStorage.nodeSlabLists) &+ (node &- 1) &* Self.nodeBytes
    state = Memory.pointer(at: lists &+ sizeClass.doubled &* UInt(Self.byteCount / 2))
  }

  private static let nodeBytes = UInt(byteCount * SizeClass.count)

  /// Makes the lists of the NUMA nodes above the first, if there are any. False when memory is
  /// exhausted.
  package static func createNodes() -> Bool {
    guard Topology.hasNodes, Memory.loadWord(at: SlabsStorage.nodeSlabLists) == 0 else {
      return true
    }
    let lists = MetadataRegion.allocate((Topology.nodes &- 1) &* nodeBytes)
    Memory.storeWord(lists, at: SlabsStorage.nodeSlabLists)
    return lists != 0
  }

  /// Calls `body` with the class's list on each node.
  package static func forEach(_ sizeClass: SizeClass, _ body: (SlabList) -> Void) {
    for node in 0..<Topology.nodes { body(SlabList(sizeClass, node: node)) }
  }

  var stack: TaggedStack { TaggedStack(unsafeAt: UInt(bitPattern: state)) }

  /// The end of the line.
  static let paceOffset: UInt = 48
  var pace: FreshPace { FreshPace(unsafeAt: UInt(bitPattern: state) &+ Self.paceOffset) }

  /// Pages that the class may take at once: few while it has few slabs. A small program has dozens of
  /// such classes, and what each takes ahead adds up.
  var mostFreshPages: Int {
    sizeClass.blockBytes < 2048 ? max(slabCount, 4) : max(slabCount / 2, 1)
  }

  /// Slabs of the class, listed or not.
  package var slabCount: Int { state.pointee.slabs.load(ordering: .relaxed) }

  /// Writes up to `count` block addresses from `slots` on and returns how many; 0 only when memory
  /// is exhausted or, unless `mayTouch`, when the next slab has none but on pages that were never used.
  /// `isZero`: the blocks were never used and read as zeroes.
  package func carve(
    into slots: UInt, count: Int, mayTouch: Bool = true
  ) -> (count: Int, isZero: Bool) {
    var carved = carveHere(into: slots, count: count, mayTouch: mayTouch)
    guard mayTouch else { return carved }
    // Without memory of its own the node takes others'.
    var other: UInt = 0
    while carved.count == 0, other < Topology.nodes {
      if other != node {
        carved = SlabList(sizeClass, node: other).carveHere(
          into: slots, count: count, mayTouch: true)
      }
      other &+= 1
    }
    return carved
  }

  private func carveHere(
    into slots: UInt, count: Int, mayTouch: Bool
  ) -> (count: Int, isZero: Bool) {
    let address = stack.pop()
    let slab: Slab
    if address != 0 {
      slab = Slab(unsafeRecord: address)
    } else {
      guard mayTouch, let fresh = Slab.create(sizeClass, node: node) else { return (0, false) }
      state.pointee.slabs.wrappingAdd(1, ordering: .relaxed)
      slab = fresh
    }
    return carve(from: slab, into: slots, count: count, mayTouch: mayTouch)
  }

  private func carve(
    from slab: Slab, into slots: UInt, count: Int, mayTouch: Bool
  ) -> (count: Int, isZero: Bool) {
    slab.checkSometimes()
    let carved = slab.carve(into: slots, count: count, mayTouch: mayTouch)
    if slab.finishCarving(carved.count).mustList { stack.push(slab.address) }
    return carved
  }

  /// A block of a slab that any node has already; 0 when none has a free one.
  package static func carveListed(_ sizeClass: SizeClass) -> UInt {
    var block: UInt = 0
    forEach(sizeClass) { list in
      guard block == 0 else { return }
      let address = list.stack.pop()
      guard address != 0 else { return }
      withUnsafeMutablePointer(to: &block) {
        _ = list.carve(
          from: Slab(unsafeRecord: address), into: UInt(bitPattern: $0), count: 1, mayTouch: true)
      }
    }
    return block
  }

  /// Lists new slabs with at least `blocks` free blocks, whose pages are made present; returns how
  /// many blocks were made ready, fewer when memory is exhausted.
  package func prewarm(blocks: Int, prefault: Prefault) -> Int {
    var ready = 0
    while ready < blocks, let slab = Slab.create(sizeClass, node: node) {
      state.pointee.slabs.wrappingAdd(1, ordering: .relaxed)
      ready += slab.prefault(min(blocks - ready, sizeClass.blocksPerSlab), prefault)
      stack.push(slab.address)
    }
    return ready
  }
}
