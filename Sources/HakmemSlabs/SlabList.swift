import HakmemPages
import HakmemPlatform
import Synchronization

/// The slabs of one class that have free blocks: a lock-free stack, one line for each class.
package struct SlabList {
  struct State: ~Copyable {
    let stack: Atomic<UInt64>
    /// Slabs that became empty while listed, since the last sweep.
    let emptied: Atomic<Int>
    let slabs: Atomic<Int>
  }

  static let byteCount = 64

  private let sizeClass: SizeClass
  private let state: UnsafeMutablePointer<State>

  @inline(__always)
  package init(_ sizeClass: SizeClass) {
    self.sizeClass = sizeClass
    state = Memory.pointer(
      at: SlabsStorage.slabLists &+ sizeClass.doubled &* UInt(Self.byteCount / 2))
  }

  private var stack: TaggedStack { TaggedStack(unsafeAt: UInt(bitPattern: state)) }

  /// The second half of the line.
  static let paceOffset: UInt = 32
  var pace: FreshPace { FreshPace(unsafeAt: UInt(bitPattern: state) &+ Self.paceOffset) }

  /// Slabs of the class, listed or not.
  package var slabCount: Int { state.pointee.slabs.load(ordering: .relaxed) }

  /// Writes up to `count` block addresses from `slots` on and returns how many; 0 only when memory
  /// is exhausted. `isZero`: the blocks were never used and read as zeroes.
  package func carve(into slots: UInt, count: Int) -> (count: Int, isZero: Bool) {
    let address = stack.pop()
    let slab: Slab
    if address != 0 {
      slab = Slab(unsafeRecord: address)
    } else {
      guard let fresh = Slab.create(sizeClass) else { return (0, false) }
      state.pointee.slabs.wrappingAdd(1, ordering: .relaxed)
      slab = fresh
    }
    slab.checkSometimes()
    let carved = slab.carve(into: slots, count: count)
    if slab.finishCarving(carved.count).mustList { stack.push(slab.address) }
    return carved
  }

  /// Lists new slabs with at least `blocks` free blocks, whose pages are made present; returns how
  /// many blocks were made ready, fewer when memory is exhausted.
  package func prewarm(blocks: Int, prefault: Prefault) -> Int {
    var ready = 0
    while ready < blocks, let slab = Slab.create(sizeClass) {
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
    let list = SlabList(sizeClass)
    var index = 0
    while index < count {
      let pointer = Memory.loadWord(at: slots &+ UInt(index) &* 8)
      guard let slab = Slab.around(pointer), slab.sizeClass == sizeClass else {
        reject(pointer, .foreign)
        index += 1
        continue
      }
      index += list.giveBackRun(
        to: slab, from: slots &+ UInt(index) &* 8, count: count - index, reject)
    }
  }

  /// Returns the leading pointers that lie in `slab`, those of one bitmap word with one atomic
  /// operation; returns how many it took.
  private func giveBackRun(
    to slab: Slab, from slots: UInt, count: Int, _ reject: (UInt, Rejection) -> Void
  ) -> Int {
    var taken = 0
    var freed = 0
    var word = 0
    var bits: UInt64 = 0
    while taken < count {
      let pointer = Memory.loadWord(at: slots &+ UInt(taken) &* 8)
      guard pointer &- slab.start < sizeClass.slabBytes else { break }
      taken += 1
      guard let index = slab.blockIndex(of: pointer) else {
        reject(pointer, .interior)
        continue
      }
      let bit: UInt64 = 1 << UInt64(index % 64)
      if index / 64 != word || bits & bit != 0 {
        freed += mark(bits, word: word, in: slab, reject)
        bits = 0
        word = index / 64
      }
      bits |= bit
    }
    freed += mark(bits, word: word, in: slab, reject)
    if freed > 0 { recount(freed, in: slab) }
    return taken
  }

  /// Marks blocks of one bitmap word as free; returns how many were not.
  private func mark(
    _ bits: UInt64, word: Int, in slab: Slab, _ reject: (UInt, Rejection) -> Void
  ) -> Int {
    guard bits != 0 else { return 0 }
    let twice = slab.markFree(bits, word: word)
    if twice != 0 {
      let index = word * 64 + twice.trailingZeroBitCount
      reject(slab.start &+ UInt(index) &* sizeClass.blockBytes, .alreadyFree)
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
    if emptied > 1 + slabCount / 16 { sweep(keeping: 1) }
  }

  /// Retires the empty slabs, but for `keeping` of them. Lists the others again first: retiring may
  /// take a while, and who finds the list empty makes a new slab.
  package func sweep(keeping: Int) {
    guard state.pointee.emptied.exchange(0, ordering: .relaxed) > 0 || keeping == 0 else { return }
    var kept = 0
    var doomed: UInt = 0
    var address = stack.popAll()
    while address != 0 {
      let next = TaggedStack.next(after: address)
      let isEmpty = Slab(unsafeRecord: address).isEmpty
      if isEmpty, kept >= keeping {
        TaggedStack.setNext(doomed, after: address)
        doomed = address
      } else {
        if isEmpty { kept += 1 }
        stack.push(address)
      }
      address = next
    }
    while doomed != 0 {
      let slab = Slab(unsafeRecord: doomed)
      doomed = TaggedStack.next(after: doomed)
      state.pointee.slabs.wrappingSubtract(1, ordering: .relaxed)
      slab.retire()
    }
  }
}

/// Why a pointer cannot be freed.
package enum Rejection {
  case foreign
  case interior
  case alreadyFree
}
