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

  private let sizeClass: SizeClass
  private let node: UInt
  private let state: UnsafeMutablePointer<State>

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

  private var stack: TaggedStack { TaggedStack(unsafeAt: UInt(bitPattern: state)) }

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
    slab.checkSometimes()
    let carved = slab.carve(into: slots, count: count, mayTouch: mayTouch)
    if slab.finishCarving(carved.count).mustList { stack.push(slab.address) }
    return carved
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

  /// Returns blocks to their slabs. A pointer that is not a live block of the class goes to
  /// `reject`, which does not return or drops it.
  package static func giveBack(
    _ slots: UInt, count: Int, of sizeClass: SizeClass, reject: (UInt, Rejection) -> Void
  ) {
    var records = InlineArray<32, UInt>(repeating: 0)
    var done = 0
    while done < count {
      let first = slots &+ UInt(done) &* 8
      let few = min(count &- done, records.count)
      // Blocks of one batch lie in many slabs, whose records nobody used for long: load all at once.
      var granule: UInt = 0
      var record: UInt = 0
      for index in 0..<few {
        let pointer = Memory.loadWord(at: first &+ UInt(index) &* 8)
        if pointer >> Constants.granuleShift != granule {
          granule = pointer >> Constants.granuleShift
          record = Slab.prefetch(around: pointer)
        }
        records[index] = record
      }
      var index = 0
      while index < few {
        let slot = first &+ UInt(index) &* 8
        let slab = Slab(unsafeRecord: records[index])
        if slab.address != 0, slab.sizeClass == sizeClass {
          index &+= SlabList(sizeClass, node: slab.node).giveBackRun(
            to: slab, from: slot, count: few &- index, reject)
        } else {
          reject(Memory.loadWord(at: slot), .foreign)
          index &+= 1
        }
      }
      done &+= few
    }
  }

  /// Returns the leading pointers that lie in `slab`, those of one bitmap word with one atomic
  /// operation; returns how many it took.
  private func giveBackRun(
    to slab: Slab, from slots: UInt, count: Int, _ reject: (UInt, Rejection) -> Void
  ) -> Int {
    let start = slab.start
    let slabBytes = sizeClass.slabBytes
    var taken = 0
    var freed = 0
    var pages = 0
    var word: UInt = 0
    var bits: UInt64 = 0
    while taken < count {
      let pointer = Memory.loadWord(at: slots &+ UInt(taken) &* 8)
      guard pointer &- start < slabBytes else { break }
      taken &+= 1
      guard let index = slab.blockIndex(of: pointer, sizeClass) else {
        reject(pointer, .interior)
        continue
      }
      let bit: UInt64 = 1 &<< UInt64(index)
      if index >> 6 != word || bits & bit != 0 {
        freed &+= mark(bits, word: Int(word), in: slab, &pages, reject)
        bits = 0
        word = index >> 6
      }
      bits |= bit
    }
    freed &+= mark(bits, word: Int(word), in: slab, &pages, reject)
    if freed > 0 { recount(freed, in: slab) }
    if pages > 0 { noteFreed(pages) }
    return taken
  }

  /// Marks blocks of one bitmap word as free; returns how many were not.
  @inline(__always)
  private func mark(
    _ bits: UInt64, word: Int, in slab: Slab, _ pages: inout Int,
    _ reject: (UInt, Rejection) -> Void
  ) -> Int {
    guard bits != 0 else { return 0 }
    let before = slab.markFree(bits, word: word)
    let twice = before & bits
    if twice != 0 {
      let index = word * 64 + twice.trailingZeroBitCount
      reject(slab.start &+ UInt(index) &* sizeClass.blockBytes, .alreadyFree)
    }
    if slab.mayHaveFreedPages(bits, among: before | bits, sizeClass) {
      pages &+= slab.freedPageCount(bits, word: word)
    }
    return (bits & ~twice).nonzeroBitCount
  }

  private func recount(_ freed: Int, in slab: Slab) {
    let (mustList, isEmpty) = slab.countFree(freed)
    if mustList { stack.push(slab.address) }
    if isEmpty { noteEmptied() }
  }

  private func noteEmptied() {
    let emptied = state.pointee.emptied.wrappingAdd(1, ordering: .relaxed).newValue
    // A sweep walks the whole list: wait until it pays.
    if sizeClass.isMedium || emptied > 1 + slabCount / 16 {
      sweep(keeping: keptEmpty, .beyondBound)
    }
  }

  private func noteFreed(_ pages: Int) {
    let freed = state.pointee.freedPages.wrappingAdd(pages, ordering: .relaxed).newValue
    let fewest = max(8, 2 * Int(sizeClass.blockBytes / ProcessFacts.systemPageBytes))
    // What the last sweep left was worth keeping then: as much again has to come.
    let left = state.pointee.keptPages.load(ordering: .relaxed)
    if freed > max(fewest, slabCount / 4) + left { sweep(keeping: keptEmpty, .beyondBound) }
  }

  /// Empty slabs that a sweep leaves. Those of medium classes are better used by another one.
  private var keptEmpty: Int { sizeClass.isMedium ? 0 : 1 }

  /// Which pages without a live block a sweep gives back.
  package enum Purging {
    /// All, when there is more dirty memory than is worth keeping; else none.
    case beyondBound
    /// Those that had no live block at the last such sweep either, and no block taken since.
    case idle
    case all
  }

  /// Sweeps with `idle` if the last sweep was `age` milliseconds ago or longer, and there is
  /// anything to look for.
  package func age(_ age: UInt32) {
    let now = Clock.milliseconds()
    guard now &- state.pointee.sweptAt.load(ordering: .relaxed) >= age else { return }
    let isWorthIt =
      state.pointee.freedPages.load(ordering: .relaxed) > 0
      || state.pointee.keptPages.load(ordering: .relaxed) > 0
    guard isWorthIt else { return }
    state.pointee.sweptAt.store(now, ordering: .relaxed)
    sweep(keeping: keptEmpty, .idle)
  }

  /// Retires the empty slabs, but for `keeping` of them, and gives back pages without a live block
  /// in the others. Lists those first that need no more work: the rest may take a while, and who
  /// finds the list empty makes a new slab.
  package func sweep(keeping: Int, _ purging: Purging = .beyondBound) {
    Sweep.perform { sweepWhole(keeping: keeping, purging) }
  }

  private func sweepWhole(keeping: Int, _ purging: Purging) {
    state.pointee.emptied.store(0, ordering: .relaxed)
    state.pointee.freedPages.store(0, ordering: .relaxed)
    var kept = 0
    var doomed: UInt = 0
    var spare: UInt = 0
    var pages = 0
    var address = stack.popAll()
    while address != 0 {
      let next = TaggedStack.next(after: address)
      let slab = Slab(unsafeRecord: address)
      let isEmpty = slab.isEmpty
      if isEmpty, kept >= keeping {
        TaggedStack.setNext(doomed, after: address)
        doomed = address
      } else {
        if isEmpty { kept += 1 }
        // What marks a slab is an estimate: who wants all looks at all.
        let isLooked = purging == .all || slab.hasFreedPages
        let free = isLooked ? slab.dirtyFreePages.nonzeroBitCount : 0
        if free > 0 || purging == .all && slab.hasLazyPages {
          pages += free
          TaggedStack.setNext(spare, after: address)
          spare = address
        } else {
          stack.push(address)
        }
      }
      address = next
    }
    keep(pages)
    let purged = purge(spare, purging)
    if purged > 0 { keep(max(pages - purged, 0)) }
    retire(doomed)
  }

  /// Counts the pages without a live block that stay.
  private func keep(_ pages: Int) {
    let before = state.pointee.keptPages.exchange(pages, ordering: .relaxed)
    DirtyMemory.add((pages - before) * Int(ProcessFacts.systemPageBytes))
  }

  /// Purges a chain of slabs and lists them again; returns how many pages went.
  private func purge(_ chain: UInt, _ purging: Purging) -> Int {
    let isDue = purging != .beyondBound || DirtyMemory.isTooMuch
    var purged = 0
    var address = chain
    while address != 0 {
      let slab = Slab(unsafeRecord: address)
      address = TaggedStack.next(after: address)
      if isDue, purging == .all || !slab.isInYoungHugePage {
        purged += purging == .idle ? slab.purgeIdle() : slab.purge(forGood: purging == .all)
      }
      stack.push(slab.address)
    }
    if purging == .idle {
      DirtyMemory.credit.waste(UInt(purged) &* ProcessFacts.systemPageBytes)
    }
    return purged
  }

  private func retire(_ chain: UInt) {
    var doomed = chain
    while doomed != 0 {
      let slab = Slab(unsafeRecord: doomed)
      doomed = TaggedStack.next(after: doomed)
      guard slab.retire() else {
        stack.push(slab.address)
        continue
      }
      state.pointee.slabs.wrappingSubtract(1, ordering: .relaxed)
    }
  }
}

/// Why a pointer cannot be freed.
package enum Rejection {
  case foreign
  case interior
  case alreadyFree

  /// In events.
  package var number: UInt32 {
    switch self {
    case .foreign: 1
    case .interior: 2
    case .alreadyFree: 3
    }
  }
}
