import CHakmemShims
import HakmemPages
import HakmemPlatform
import Synchronization

/// Free blocks between the thread caches: for each class, a lock-free stack of batches on every
/// shard. Threads use the shard of the processor they run on, and look at the others before they
/// take fresh memory.
package enum Depot {
  struct Shelf: ~Copyable {
    let batches: Atomic<UInt64>
    let count: Atomic<Int>
    /// Fewest batches since the last `shrinkIdle`: these lay idle.
    let lowWater: Atomic<Int>
    /// Batches put since blocks were wanted last.
    let surplus: Atomic<Int>
  }
  struct State {
    var shelves: UInt
    var shardMask: UInt
    /// The shards of one NUMA node; with one node all.
    var nodeMask: UInt
  }

  private static let largestShardCount: UInt = 64
  private static let shelfBytes: UInt = Constants.lineBytes
  private static let shardBytes: UInt = shelfBytes * UInt(SizeClass.count)

  private static var state: UnsafeMutablePointer<State> { Memory.pointer(at: SlabsStorage.depot) }

  /// Sets up one shard for each processor. False when memory is exhausted.
  package static func create() -> Bool {
    guard state.pointee.shelves == 0 else { return true }
    var shards: UInt = 1
    // Room for each node's shards, also where few of its processors are ours.
    let wanted =
      Topology.hasNodes
      ? max(2 &* ProcessFacts.processors, Topology.mostNodes) : ProcessFacts.processors
    while shards < min(wanted, largestShardCount) { shards *= 2 }
    let shelves = MetadataRegion.allocate(shards &* shardBytes)
    guard shelves != 0 else { return false }
    state.pointee.shardMask = shards &- 1
    var nodes: UInt = 1
    while nodes < Topology.nodes { nodes *= 2 }
    state.pointee.nodeMask = shards / nodes &- 1
    state.pointee.shelves = shelves
    return true
  }

  @inline(__always)
  private static func shelf(_ shard: UInt, _ sizeClass: SizeClass) -> UnsafeMutablePointer<Shelf> {
    Memory.pointer(
      at: state.pointee.shelves &+ (shard & state.pointee.shardMask) &* shardBytes
        &+ sizeClass.doubled &* (shelfBytes / 2))
  }

  @inline(__always)
  private static func stack(_ shelf: UnsafeMutablePointer<Shelf>) -> TaggedStack {
    TaggedStack(unsafeAt: UInt(bitPattern: shelf))
  }

  /// The processor's shard among those of its NUMA node, whose number is the first of these.
  private static var currentShard: UInt {
    let processor = UInt(hakmem_processor_hint())
    guard Topology.hasNodes else { return processor }
    let nodeMask = state.pointee.nodeMask
    return Topology.node(of: processor) &* (nodeMask &+ 1) | processor & nodeMask
  }

  /// Batches that a shelf keeps before more go back to the slabs: about a megabyte.
  package static func shelfLimit(_ sizeClass: SizeClass) -> Int {
    max(4, (1 << 20) / (Int(sizeClass.blockBytes) * Batch.capacity))
  }

  /// Writes a batch's block addresses from `slots` on, which has room for `batchCapacity`, and leaves
  /// the batch to `spare`; returns how many, 0 when no shard has a batch.
  package static func take(
    _ sizeClass: SizeClass, into slots: UInt, spare: inout EmptyBatches
  ) -> Int {
    // What other nodes have is farther than fresh memory of this one.
    let own = currentShard
    let nodeMask = state.pointee.nodeMask
    for offset in 0...nodeMask {
      let shelf = shelf(own & ~nodeMask | (own &+ offset) & nodeMask, sizeClass)
      Batch.prefetch(stack(shelf).first())
      let address = stack(shelf).pop()
      guard address != 0 else { continue }
      noteWanted(shelf)
      let left = shelf.pointee.count.wrappingSubtract(1, ordering: .relaxed).newValue
      if left < shelf.pointee.lowWater.load(ordering: .relaxed) {
        shelf.pointee.lowWater.store(left, ordering: .relaxed)
      }
      let batch = Batch(unsafeRecord: address)
      let count = batch.count
      Memory.copy(from: batch.slots, to: slots, UInt(count) &* 8)
      spare.put(batch)
      return count
    }
    for shard in 0...state.pointee.shardMask { noteWanted(self.shelf(shard, sizeClass)) }
    return 0
  }

  private static func noteWanted(_ shelf: UnsafeMutablePointer<Shelf>) {
    if shelf.pointee.surplus.load(ordering: .relaxed) != 0 {
      shelf.pointee.surplus.store(0, ordering: .relaxed)
    }
  }

  /// Batches that a shelf takes one after the other while nobody wants any: few, and one more for each
  /// half MiB that was wanted again soon after its return.
  package static var longestSurplus: Int {
    let halfMiBShift = 19
    return 4 + DirtyMemory.credit.bytes >> halfMiBShift
  }

  /// Takes over `count` free blocks, at most `batchCapacity`, whose addresses lie from `slots` on, in a
  /// batch of `spare`. Beyond the shelf's limit, when nobody wanted any for a while, or without memory
  /// for a batch, they go to their slabs: then the answer is false. In the second case one more batch
  /// goes, so that a program which only frees leaves the shelf empty. `wasRefused`: the caller's last
  /// ones went to the slabs; then an empty shelf believes the others that nobody wants any.
  @discardableResult
  package static func put(
    _ sizeClass: SizeClass, _ slots: UInt, count: Int, wasRefused: Bool,
    spare: inout EmptyBatches, reject: (UInt, Rejection) -> Void
  ) -> Bool {
    let shelf = shelf(currentShard, sizeClass)
    var surplus = shelf.pointee.surplus.load(ordering: .relaxed)
    if wasRefused, surplus == 0, shelf.pointee.count.load(ordering: .relaxed) == 0,
      isUnwantedElsewhere(sizeClass)
    {
      surplus = longestSurplus
      shelf.pointee.surplus.store(surplus, ordering: .relaxed)
    }
    let isWanted = surplus < longestSurplus
    if isWanted { shelf.pointee.surplus.store(surplus + 1, ordering: .relaxed) }
    guard isWanted, shelf.pointee.count.load(ordering: .relaxed) < shelfLimit(sizeClass),
      let batch = spare.take()
    else {
      SlabList.giveBack(slots, count: count, of: sizeClass, reject: reject)
      if !isWanted { empty(shelf, sizeClass, batches: 1, spare: &spare, reject: reject) }
      return false
    }
    batch.count = count
    Memory.copy(from: slots, to: batch.slots, UInt(count) &* 8)
    shelf.pointee.count.wrappingAdd(1, ordering: .relaxed)
    stack(shelf).push(batch.address)
    return true
  }

  private static func isUnwantedElsewhere(_ sizeClass: SizeClass) -> Bool {
    for shard in 0...state.pointee.shardMask
    where shelf(shard, sizeClass).pointee.surplus.load(ordering: .relaxed) >= longestSurplus {
      return true
    }
    return false
  }

  package static let batchCapacity = Batch.capacity

  /// Returns every batch of a class to the slabs, and retires the slabs that are empty then.
  package static func drain(_ sizeClass: SizeClass, reject: (UInt, Rejection) -> Void) {
    empty(sizeClass, reject: reject)
    SlabList.forEach(sizeClass) { $0.sweep(keeping: 0, .all) }
  }

  /// Returns every batch to the slabs. Looks through the slabs of a class for empty ones where they are
  /// few; where there are many, what becomes empty counts as it always does.
  package static func emptyAll(reject: (UInt, Rejection) -> Void) {
    let few = 64
    for number in 1..<SizeClass.count {
      let sizeClass = SizeClass(number)
      empty(sizeClass, reject: reject)
      SlabList.forEach(sizeClass) { if $0.slabCount <= few { $0.sweep(keeping: 0) } }
    }
  }

  private static func empty(_ sizeClass: SizeClass, reject: (UInt, Rejection) -> Void) {
    var spare = EmptyBatches()
    for shard in 0...state.pointee.shardMask {
      empty(shelf(shard, sizeClass), sizeClass, batches: .max, spare: &spare, reject: reject)
    }
    spare.giveUp()
  }

  /// Returns half of the batches that lay idle since the last call to the slabs.
  package static func shrinkIdle(reject: (UInt, Rejection) -> Void) {
    var spare = EmptyBatches()
    for number in 1..<SizeClass.count {
      let sizeClass = SizeClass(number)
      for shard in 0...state.pointee.shardMask {
        let shelf = shelf(shard, sizeClass)
        let idle = shelf.pointee.lowWater.load(ordering: .relaxed)
        if idle > 0 {
          empty(shelf, sizeClass, batches: (idle + 1) / 2, spare: &spare, reject: reject)
        }
        shelf.pointee.lowWater.store(
          shelf.pointee.count.load(ordering: .relaxed), ordering: .relaxed)
      }
    }
    spare.giveUp()
  }

  private static func empty(
    _ shelf: UnsafeMutablePointer<Shelf>, _ sizeClass: SizeClass, batches: Int,
    spare: inout EmptyBatches, reject: (UInt, Rejection) -> Void
  ) {
    for _ in 0..<batches {
      let address = stack(shelf).pop()
      guard address != 0 else { return }
      shelf.pointee.count.wrappingSubtract(1, ordering: .relaxed)
      let batch = Batch(unsafeRecord: address)
      SlabList.giveBack(batch.slots, count: batch.count, of: sizeClass, reject: reject)
      spare.put(batch)
    }
  }

  /// Calls `body` for every free block of a class in the depot. Exact for a heap at rest.
  package static func forEachBlock(_ sizeClass: SizeClass, _ body: (UInt) -> Void) {
    forEachBatch(sizeClass) { batch, count in
      for index in 0..<count {
        body(Memory.loadWord(at: batch.slots &+ UInt(index) &* 8))
      }
    }
  }

  /// Blocks of a class in the depot, counted batch by batch. Exact for a heap at rest.
  package static func exactBlockCount(_ sizeClass: SizeClass) -> Int {
    var blocks = 0
    forEachBatch(sizeClass) { blocks += $1 }
    return blocks
  }

  private static func forEachBatch(_ sizeClass: SizeClass, _ body: (Batch, Int) -> Void) {
    for shard in 0...state.pointee.shardMask {
      var address = stack(shelf(shard, sizeClass)).first()
      // A batch that moves meanwhile may lead elsewhere: no more steps than there are batches.
      var steps = shelf(shard, sizeClass).pointee.count.load(ordering: .relaxed) + 1
      while address != 0, steps > 0 {
        let batch = Batch(unsafeRecord: address)
        body(batch, min(batch.count, Batch.capacity))
        address = TaggedStack.next(after: address)
        steps -= 1
      }
    }
  }

  /// Blocks of a class in the depot, nearly: batches may be partly full.
  package static func blockCount(_ sizeClass: SizeClass) -> Int {
    var batches = 0
    for shard in 0...state.pointee.shardMask {
      batches += shelf(shard, sizeClass).pointee.count.load(ordering: .relaxed)
    }
    return max(batches, 0) * Batch.capacity
  }
}
